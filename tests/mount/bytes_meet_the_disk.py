#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""bytes_meet_the_disk.py through|back|none

Disks that cannot be read, or that read or store other bytes than those that were
written: what a program sees of them by read(2) and in mapped pages, what the
store has, and what the log says.

If this fails, a program's checksums and its handling of EIO are tested against a
disk that does not fail as it says."""

import errno
import json
import mmap
import os
import signal
import subprocess
import sys

mount = os.environ["MNT"]
store = os.environ["STORE"]
flakey = os.environ["FLAKEY"]
cached = sys.argv[1] != "none"
PAGE = 4096
count = 0
failed = 0


def point(name, want, got):
    """One test point."""
    global count, failed
    count += 1
    right = want == got
    failed += not right
    print(f"{'' if right else 'not '}ok {count} - {name}")
    if not right:
        print(f"# want {want!r}, got {got!r}")


def verb(line, file="control"):
    """One line to a control file."""
    with open(f"{mount}/.flakey/{file}", "w", encoding="utf-8") as control:
        control.write(line + "\n")


def run(*words):
    """One verb of the command: its exit status."""
    command = [flakey, words[0], mount, *words[1:]]
    return subprocess.run(command, capture_output=True, check=False).returncode


def status(member):
    """A member of the status."""
    with open(mount + "/.flakey/status", encoding="utf-8") as file:
        return json.load(file)[member]


def events(kind):
    """The events of one kind."""
    with open(mount + "/.flakey/log", encoding="utf-8") as file:
        return [e for e in map(json.loads, file) if e["event"] == kind]


def stored(name):
    """What the store has of a file."""
    with open(f"{store}/{name}", "rb") as file:
        return file.read()


def write(name, data):
    """Writes a file and syncs it."""
    fd = os.open(f"{mount}/{name}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
    os.write(fd, data)
    os.fsync(fd)
    os.close(fd)


def read(name):
    """What read(2) shows, or its errno."""
    try:
        with open(f"{mount}/{name}", "rb", buffering=0) as file:
            return file.read()
    except OSError as error:
        return errno.errorcode[error.errno]


def mapped(name):
    """What mapped pages show, or the signal that looking at them gives."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        fd = os.open(f"{mount}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        os.write(theirs, bytes(mmap.mmap(fd, 0, prot=mmap.PROT_READ)))
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        data = pipe.read()
    how = os.waitpid(child, 0)[1]
    return signal.Signals(os.WTERMSIG(how)).name if os.WIFSIGNALED(how) else data


def differences(ours, theirs):
    """Where two byte strings of one length differ."""
    return [i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b]


def reads_fail():
    """error-reads."""
    data = b"a" * 3 * PAGE
    os.makedirs(mount + "/d/unseen")
    for name in "cold", "warm", "d/unseen/f":
        write(name, data)
    verb("sync")
    verb("evict")
    read("warm")
    os.listdir(mount)
    verb("error-reads", "mode")
    point("error-reads is in force", "error-reads", status("mode_now"))
    point("what must be read fails", "EIO", read("cold"))
    point("and so it does when mapped", "SIGBUS", mapped("cold"))
    want = data if cached else "EIO"
    point("the page cache goes on, if there is one", want, read("warm"))
    try:
        said = os.listdir(mount + "/d/unseen")
    except OSError as error:
        said = errno.errorcode[error.errno]
    point("a directory of the disk cannot be listed", "EIO", said)
    point("one that was looked into can", True, "cold" in os.listdir(mount))
    with open(mount + "/new", "wb", buffering=0) as file:
        file.write(b"n" * 10)
        point("unsynced data can be read", b"n" * 10, read("new"))
        os.fsync(file.fileno())
    point("a commit arrives", b"n" * 10, stored("new"))
    point("the store is as it was", data, stored("cold"))
    point("errors are counted", True, status("read_errors") >= 3)
    lines = [(e["path"], e["reason"]) for e in events("read-error")]
    point("and logged", True, ("/cold", "error-reads") in lines)
    point("in directories, too", True, ("/d/unseen", "error-reads") in lines)
    point("allow-writes ends it", 0, run("allow-writes"))
    point("and all can be read", data, read("cold"))
    point("mapped, too", data, mapped("cold"))


def read_bytes_are_others():
    """corrupt-bio-byte NTH r VALUE."""
    data = b"b" * 2 * PAGE
    write("r", data)
    verb("evict")
    point("corrupt-bio-byte r", 0, run("corrupt-bio-byte", "7", "r", "0x58"))
    got = read("r")
    point("the byte is read as another", ord("X"), got[6])
    last = events("corruption")[-1]
    point("the log says where and what", ("/r", "read", 1, ord("b"), ord("X")),
          (last["path"], last["direction"], last["length_bytes"],
           last["before"], last["after"]))
    point("nothing else is", [6], [i for i in differences(data, got) if i % PAGE != 6
                                   or i == 6])
    point("the store is as it was", data, stored("r"))
    verb("evict")
    point("mapped pages have it, too", ord("X"), mapped("r")[6])
    verb("allow-writes")
    point("the page cache keeps it, if there is one",
          ord("X") if cached else ord("b"), read("r")[6])
    verb("evict")
    point("and no longer", data, read("r"))


def stored_bytes_are_others():
    """corrupt-bio-byte NTH w VALUE."""
    data = b"c" * 3 * PAGE
    want = b"c" + b"X" + data[2:]
    verb("corrupt-bio-byte 2 w 88")
    write("w", data)
    point("the byte is stored as another", want, stored("w"))
    point("which the page cache hides, if there is one",
          data if cached else want, read("w"))
    verb("evict")
    point("until it is evicted", want, read("w"))
    point("mapped, too", want, mapped("w"))
    verb("allow-writes")
    fd = os.open(mount + "/w", os.O_RDWR | os.O_CLOEXEC)
    if cached:
        pages = mmap.mmap(fd, 0)
        verb("corrupt-bio-byte 4097 w 89")
        pages[PAGE + 1:PAGE + 2] = b"d"
        pages[2 * PAGE + 1:2 * PAGE + 2] = b"d"
        pages.flush()
        want = want[:PAGE + 1] + b"d" + want[PAGE + 2:2 * PAGE] + b"Yd" + data[:PAGE - 2]
        point("what msync stores, too", want, stored("w"))
        pages.close()
    os.close(fd)
    verb("crash")
    point("it is there after a crash", want, read("w"))
    point("which ends the mode", "allow-writes", status("mode"))


def chance_can_be_repeated():
    """random-write-corrupt and random-read-corrupt."""
    data = bytes(range(256)) * 16 * 4
    places = []
    for name in "one", "two":
        run("random-write-corrupt", "1000000000", "--seed", "42")
        write(name, data)
        places.append(differences(data, stored(name)))
    point("one byte is stored as another", 1, len(places[0]))
    point("the same one with the same seed", places[0], places[1])
    point("which the mode says", "random-write-corrupt 1000000000 seed=42",
          status("mode"))
    last = events("corruption")[-1]
    got = stored("two")
    at = places[1][0]
    point("the log says which", ("/two", "write", at, data[at], got[at]),
          (last["path"], last["direction"], last["offset_bytes"],
           last["before"], last["after"]))
    verb("allow-writes")
    write("three", data)
    verb("evict")
    before = status("corruptions")
    verb("random-read-corrupt 1000000000", "mode")
    got = read("three")
    logged = [e["offset_bytes"] for e in events("corruption")
              if e["path"] == "/three"]
    point("bytes are read as others", True, len(logged) > 0)
    point("those that the log says", sorted(set(logged)), differences(data, got))
    point("and the status counts", len(logged), status("corruptions") - before)
    line = status("mode")
    point("a seed was chosen", "random-read-corrupt 1000000000 seed=",
          line[:line.index("=") + 1])
    verb(line)
    verb("evict")
    point("and gives the same bytes again", got, read("three"))
    verb("random-read-corrupt 0")
    verb("evict")
    point("without a chance nothing happens", data, read("three"))
    point("the store was right all the time", data, stored("three"))
    verb("allow-writes")


def lines_are_refused():
    """What makes no mode."""
    was = status("mode")
    for line in ("corrupt-bio-byte 0 w 1", "corrupt-bio-byte 1 x 1",
                 "corrupt-bio-byte 1 w 256", "corrupt-bio-byte 1 w 1 32",
                 "random-read-corrupt 1000000001", "error-reads seed=1"):
        try:
            verb(line)
            said = "done"
        except OSError as error:
            said = errno.errorcode[error.errno]
        point(f"'{line}' is refused", "EINVAL", said)
    with open(mount + "/.flakey/error", encoding="utf-8") as file:
        point("with a sentence", True, "leave out seed=" in file.read())
    point("and nothing changed", was, status("mode"))


def main():
    """All of it."""
    reads_fail()
    read_bytes_are_others()
    stored_bytes_are_others()
    chance_can_be_repeated()
    lines_are_refused()
    print(f"1..{count}")
    return failed > 0


sys.exit(main())
