#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""disk_cases.py dm|mount DIRECTORY SEED COUNT

Plays random cases of corrupt-bio-byte w on a real dm-flakey device (DISK_NAME,
DISK_TABLE in the environment) or on a mount of ours, and prints what came of
them; then what can be read of a disk that cannot be read."""

import errno
import os
import random
import subprocess
import sys

SIZE = 60000
HARM = 88


def dmsetup(*words, table=None):
    """One call of dmsetup."""
    subprocess.run(["dmsetup", *words], input=table, text=True, check=True)


class Device:
    """dm-flakey below ext4."""

    def __init__(self, directory):
        self.directory = directory
        self.name = os.environ["DISK_NAME"]
        self.table = os.environ["DISK_TABLE"]  # "0 SECTORS flakey DEVICE 0"

    def load(self, rest):
        """Another table, without a sync."""
        dmsetup("load", self.name, table=f"{self.table} {rest}\n")
        dmsetup("resume", "--nolockfs", self.name)

    def corrupt(self, nth):
        """corrupt-bio-byte, always."""
        self.load(f"0 1 5 corrupt_bio_byte {nth} w {HARM} 0")

    def break_down(self):
        """No I/O works: 6.1 has no error_reads, and nothing is written here."""
        self.load("0 1 0")

    def heal(self):
        """All is well."""
        self.load("1 0 0")

    def evict(self):
        """Drops clean pages."""
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
            file.write("1")

    def boot(self):
        """Nothing is in any cache."""
        device = f"/dev/mapper/{self.name}"
        subprocess.run(["umount", self.directory], check=True)
        subprocess.run(["mount", "-o", "commit=1000,noatime", device,
                        self.directory], check=True)


class Mount:
    """The same on ours."""

    def __init__(self, directory):
        self.directory = directory

    def verb(self, line):
        """One line to the control file."""
        with open(f"{self.directory}/.flakey/control", "w",
                  encoding="ascii") as file:
            file.write(line + "\n")

    def corrupt(self, nth):
        """As above, and so are the next."""
        self.verb(f"corrupt-bio-byte {nth} w {HARM}")

    def break_down(self):
        """."""
        self.verb("error-reads")

    def heal(self):
        """."""
        self.verb("allow-writes")

    def evict(self):
        """."""
        self.verb("evict")

    def boot(self):
        """."""
        self.verb("crash keep=all")


def play(disk, chance, number):
    """One case: some writes, one sync."""
    writes = [(chance.randrange(SIZE - 1),
               chance.choice([1, 10, 100, 5000, 9000, 20000]))
              for _ in range(chance.randint(1, 4))]
    nth = chance.choice([1, 2, 100, 4096, 4097, 5000, 9000, 20000, 50000])
    fd = os.open(f"{disk.directory}/f{number}",
                 os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    os.write(fd, b"a" * SIZE)
    os.fsync(fd)
    want = bytearray(b"a" * SIZE)
    for offset, length in writes:
        data = b"b" * min(length, SIZE - offset)
        os.pwrite(fd, data, offset)
        want[offset:offset + len(data)] = data
    disk.corrupt(nth)
    os.fdatasync(fd)
    disk.heal()
    disk.evict()
    got = os.pread(fd, SIZE + 1, 0)
    os.close(fd)
    print(f"writes {writes}, byte {nth}:", len(got),
          [i for i in range(SIZE) if got[i] != want[i]])


def said(function, *arguments):
    """A result, or the name of the error."""
    try:
        return function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def content(path):
    """The content of a file, summed up."""
    with open(path, "rb", buffering=0) as file:
        return set(file.read())


def read_what_can_be_read(disk):
    """Files and directories, cached or not."""
    top = disk.directory
    for name in "seen", "unseen":
        os.mkdir(f"{top}/{name}")
        for file in "cold", "warm":
            with open(f"{top}/{name}/{file}", "wb") as out:
                out.write(b"x" * 9000)
    os.sync()
    disk.boot()
    for name in "seen", "unseen":
        os.stat(f"{top}/{name}")
    os.listdir(f"{top}/seen")
    os.stat(f"{top}/seen/cold")
    content(f"{top}/seen/warm")
    disk.break_down()
    print("cold:", said(content, f"{top}/seen/cold"))
    print("warm:", said(content, f"{top}/seen/warm"))
    print("unseen file:", said(content, f"{top}/unseen/warm"))
    print("no such file:", said(content, f"{top}/seen/nothing"))
    print("list:", said(lambda: sorted(os.listdir(f"{top}/seen"))))
    print("unseen list:", said(os.listdir, f"{top}/unseen"))
    disk.heal()
    print("healed:", said(content, f"{top}/unseen/warm"),
          said(lambda: sorted(os.listdir(f"{top}/unseen"))))


def main():
    """All cases."""
    kind, directory, seed, count = sys.argv[1:]
    disk = (Device if kind == "dm" else Mount)(directory)
    chance = random.Random(int(seed))
    for number in range(int(count)):
        play(disk, chance, number)
    read_what_can_be_read(disk)


main()
