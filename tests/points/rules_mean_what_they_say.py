#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""What a fault rule says is what happens: one that can never do it is refused when
it is set, bytes are harmed where it says, and what goes to the store is asked about
whatever profile the mount has.

If this fails, a rule does something else than it says, or nothing, in silence."""

import errno
import json
import os
import re
import subprocess
import tempfile

from tap import DEADLINE_S, end, same as point, wait_until

FLAKEY = os.environ["FLAKEY"]
WORK = os.environ["WORK"]


class Mount:
    """A mount of its own."""

    def __init__(self, *options, faults=None):
        self.store = tempfile.mkdtemp(prefix="store", dir=WORK)
        self.dir = tempfile.mkdtemp(prefix="mount", dir=WORK)
        env = dict(os.environ, FLAKEY_FAULTS=faults) if faults else None
        self.said = subprocess.run(
            [FLAKEY, "mount", *options, self.store, self.dir], check=False,
            timeout=DEADLINE_S, env=env, stderr=subprocess.PIPE).stderr.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([FLAKEY, "umount", self.dir], check=False,
                       timeout=DEADLINE_S, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def path(self, name):
        """In the mount."""
        return f"{self.dir}/{name}"

    def stored(self, name):
        """What the store has, or None."""
        try:
            with open(f"{self.store}/{name}", "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def read(self, name):
        """All of a file in the mount."""
        with open(self.path(name), "rb", buffering=0) as file:
            return file.read()

    def rules(self, text):
        """Instead of those of before: None, or why not."""
        fd = os.open(self.path(".flakey/faults"),
                     os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        try:
            if text:
                os.write(fd, text.encode())
            return None
        except OSError:
            return self.read(".flakey/error").decode().strip()
        finally:
            os.close(fd)

    def verb(self, line):
        """Done when it returns."""
        with open(self.path(".flakey/control"), "w",
                  encoding="utf-8") as control:
            control.write(line + "\n")

    def log(self, event="fault"):
        """The events of a kind."""
        with open(self.path(".flakey/log"), "rb", buffering=0) as log:
            lines = log.read(1 << 20).decode().splitlines()
        return [one for one in map(json.loads, lines) if one["event"] == event]

    def effects(self):
        """What rules have done."""
        return [one["effect"] for one in self.log()]


def errno_of(use, *args):
    """None, or the errno."""
    try:
        use(*args)
        return None
    except OSError as error:
        return error.errno


def write(path, data, at=0, flags=0):
    """A file that stays open: its descriptor."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o644)
    os.pwrite(fd, data, at)
    return fd


def is_part(part, text):
    """The text, if the part is not in it."""
    return part if text is not None and part in text else text


def test_impossible():
    """Told when it is set, not when it fires."""
    garbage = "the profile 'ext4' never shows garbage"
    taken = f"{WORK}/taken"
    os.makedirs(taken + "/x")
    with Mount() as mount:
        mount.rules("fs/link=off\n")
        link = f"{WORK}/way-in"
        os.symlink(mount.dir, link)
        for terms, where, why in (
                ("crash(keep=50%, fill=garbage)", 9, garbage),
                ('9*off->snapshot("/tmp/flakey-no", keep=1%, fill=garbage)', 16,
                 garbage),
                ('snapshot("image")', 9, "is an absolute path"),
                (f'snapshot("{WORK}/no/such/image")', 9, "No such file"),
                (f'snapshot("{WORK}/bin/../no/image")', 9, "No such file"),
                (f'snapshot("{taken}")', 9, "is not empty"),
                (f'snapshot("{mount.path("image")}")', 9, "in the mount itself"),
                (f'snapshot("{link}/image")', 9, "in the mount itself"),
                (f'snapshot("{mount.store}/image")', 9, "in the store")):
            said = mount.rules(f"fs/mkdir={terms}\n")
            point(f"{terms} is refused", f"offset {where}: {why}",
                  f"offset {where}: {why}" if said is not None and
                  said.startswith(f"offset {where}: ") and why in said
                  else said)
            point("and the old rules stay", "fs/link=off # hits=0 fired=0\n",
                  mount.read(".flakey/faults").decode())
        point("what can be is set", None, mount.rules(
            'fs/mkdir=crash(keep=50%, fill=zero);'
            f'fs/rmdir=snapshot("{WORK}/image", keep=50%)\n'))
        point("and nothing was made", False, os.path.exists(WORK + "/image"))
    with Mount("--profile", "posix") as mount:
        point("another profile allows it", None,
              mount.rules("fs/mkdir=crash(keep=50%, fill=garbage)\n"))
    with Mount(faults="fs/mkdir=crash(keep=50%,fill=garbage)") as mount:
        point("at once with the mount, too", "in FLAKEY_FAULTS: offset 9: ",
              is_part("in FLAKEY_FAULTS: offset 9: ", mount.said))
    with Mount(faults=f'fs/mkdir=snapshot("{WORK}/image2")') as mount:
        point("which knows a good place", "", mount.said)


def test_harm():
    """Which bytes."""
    with Mount("--cache", "none") as mount:
        fd = write(mount.path("f"), b"abcdefgh" * 1000)
        os.fsync(fd)
        mount.rules("fs/read{path=f}=corrupt(zero, count=3, at=2)\n")
        point("at= counts in the transfer", b"ha\0\0\0efg",
              os.pread(fd, 8, 5007))
        mount.rules("fs/read{path=f}=corrupt(garbage, count=3, at=8)\n")
        point("what has no such byte is not harmed", b"abcdefgh",
              os.pread(fd, 8, 0))
        point("and the log says so", "garbage of nothing: the transfer has 8 "
              "bytes", mount.effects()[-1])
        point("nor is there a place", False,
              "effect_offset" in mount.log()[-1])
        mount.rules("fs/read{offset=3..5,offset=100..101}=corrupt(zero, "
                    "count=9)\n")
        point("offset= is where", b"abc\0\0fgh" + b"abcdefgh" * 15,
              os.pread(fd, 128, 0))
        mount.rules("fs/read{offset=100..101}=corrupt(bitflip)\n")
        got = os.pread(fd, 40, 80)
        point("for one bit, too", [20], [
            i for i in range(40) if got[i] != b"abcdefgh"[i % 8]])
        point("and in the log", 100, mount.log()[-1]["effect_offset"])
        os.close(fd)


def test_together():
    """What was said of a transfer before it had to wait still holds then."""
    with Mount() as mount:
        fd = write(mount.path("f"), b"aaaaaaaa")
        os.fsync(fd)
        for what, want in (("drop", b"aaaaaaaa"),
                           ("corrupt(zero, at=1)", b"b\0bbbbbb")):
            before = len(mount.log())
            mount.rules(f"store/write={what}\nstore/*=sleep(1ms)\n"
                        "store/write{offset=0..9}=sleep(1ms)\n")
            os.pwrite(fd, b"bbbbbbbb", 0)
            os.fsync(fd)
            point(f"{what} and sleep", want, mount.stored("f"))
            point("each once", 1, len([
                one for one in mount.log()[before:]
                if one["action"].startswith(what[:4])]))
        mount.rules("store/commit=fail-after(EIO)\nstore/*=sleep(1ms)\n")
        os.pwrite(fd, b"cccccccc", 0)
        point("fail-after and sleep", errno.EIO, errno_of(os.fsync, fd))
        point("which is done", b"cccccccc", mount.stored("f"))
        mount.rules("")
        os.close(fd)


def new_file(mount, rule, name):
    """The first sync of a new file, and of its directory: the errno."""
    mount.rules(rule + "\n")
    fd = write(mount.path(name), b"abcdefgh")
    said = errno_of(os.fsync, fd)
    mount.rules("")
    root = os.open(mount.dir, os.O_RDONLY | os.O_CLOEXEC)
    # Only there the file's own sync pays for its name.
    if mount.profile == "posix":
        os.fsync(root)
    os.close(root)
    return fd, said


def test_new_files(profile):
    """What has no name in the store yet goes to the disk all the same."""
    with Mount("--profile", profile) as mount:
        mount.profile = profile
        os.close(write(mount.path("other"), b"x"))
        for name, rule, want, have in (
                ("a", "store/write=sleep(1ms)", None, b"abcdefgh"),
                ("b", "store/write=drop", None, bytes(8)),
                ("c", "store/write=corrupt(zero, at=1)", None, b"a\0cdefgh"),
                ("d", "store/write=sleep(1ms)\nstore/write{path=d}=drop\n"
                 "store/*=sleep(1ms)", None, bytes(8)),
                ("e", "store/write{when=after}=return(EIO)", errno.EIO, None)):
            fd, said = new_file(mount, rule, name)
            point(f"{profile}: {rule.split()[0]}: first sync", want, said)
            if have is not None:
                point("the store has", have, mount.stored(name))
                # Of what is on the disk it sees what is there.
                point("the program sees", have if name == "c" else b"abcdefgh",
                      os.pread(fd, 9, 0))
            os.close(fd)
        point("others are as they were", profile == "posix",
              mount.stored("other") is not None)
        fd, said = new_file(mount, "store/write=return(EIO)", "f")
        point("an error is told", errno.EIO, said)
        point("once", None, errno_of(os.fsync, fd))
        os.pwrite(fd, b"ABCDEFGH", 0)
        os.fsync(fd)
        os.close(fd)
        fd, said = new_file(mount, "store/write=nospace(4)", "g")
        point("a full disk is told", errno.ENOSPC, said)
        point("until it is not full", None, errno_of(os.fsync, fd))
        os.close(fd)
        mount.verb("sync")
        point("then all is there", [b"ABCDEFGH", b"abcdefgh"],
              [mount.stored("f"), mount.stored("g")])


def test_records(profile):
    """Data that goes with a commit of names and is refused: the file is told, shows
    what its profile has for that, and after a crash what the store has."""
    with Mount("--profile", profile) as mount:
        os.close(write(mount.path("a"), b"old"))
        mount.verb("sync")
        fd = write(mount.path("b"), b"abcdefgh")
        os.rename(mount.path("b"), mount.path("a"))
        mount.rules("store/write=return(EIO)\n")
        root = os.open(mount.dir, os.O_RDONLY | os.O_CLOEXEC)
        point(f"{profile}: the commit works", None, errno_of(os.fsync, root))
        os.close(root)
        mount.rules("")
        point("the log has it", 1, len(mount.log("write-error")))
        point("it is shown", b"abcdefgh", mount.read("a"))
        point("who syncs the file is told", errno.EIO, errno_of(os.fsync, fd))
        os.close(fd)
        mount.verb("crash")
        point("then it is what the store has", mount.stored("a"),
              mount.read("a"))
        point("with its time", os.stat(f"{mount.store}/a").st_mtime_ns,
              os.stat(mount.path("a")).st_mtime_ns)


def test_nobody_waits():
    """What the file system commits and writes without being asked."""
    with Mount("--commit-interval", "100ms") as mount:
        mount.rules("store/commit=1*drop\n")
        os.close(write(mount.path("f"), b"abcdefgh"))
        point("a commit by itself is asked about", True,
              wait_until(lambda: "store/commit" in
                         [one["op"] for one in mount.log()]))
        os.close(write(mount.path("g"), b"abcdefgh"))
        point("and goes on by the next", True,
              wait_until(lambda: mount.stored("g") is not None))
        point("without what was dropped", None, mount.stored("f"))
    with Mount("--profile", "xfs") as mount:
        for rule, want, have in (
                ("off", None, b"a" * 100 + bytes(3996)),
                ("drop", None, b"a" * 4096),
                ("corrupt(garbage, at=0)", None, None),
                ("return(EIO)", errno.EIO, b"a" * 4096)):
            fd = write(mount.path("t"), b"a" * 4096)
            os.ftruncate(fd, 4096)
            os.fsync(fd)
            mount.rules(f"store/write={rule}\n")
            os.ftruncate(fd, 100)
            os.ftruncate(fd, 200)
            mount.rules("")
            got = mount.stored("t")
            point(f"the end of a block: {rule}", True,
                  got == have if have else got[:1] != b"a" and
                  got[1:100] == b"a" * 99)
            point("what the next sync is told", want, errno_of(os.fsync, fd))
            os.close(fd)


def sleeper(mount, name):
    """A program that reads a file, as the rules will have it."""
    return subprocess.Popen(["cat", mount.path(name)],
                            stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def test_forgetting():
    """What the kernel cannot forget now does not queue up without end."""
    with Mount() as mount:
        fd = write(mount.path("f"), b"x" * 4096)
        os.fsync(fd)
        mount.verb("evict")
        mount.rules("fs/read{path=f}=pause\nfs/chmod=fail-after(EIO)\n")
        program = sleeper(mount, "f")
        wait_until(mount.log)
        for _ in range(4200):
            errno_of(os.fchmod, fd, 0o600)
        told = mount.log("fault-failed")
        point("it is told once", 1, len(told))
        mount.rules("")
        point("and goes on", 0, program.wait(DEADLINE_S))
        os.fchmod(fd, 0o640)
        os.close(fd)


def main():
    """All of it."""
    test_impossible()
    test_harm()
    test_together()
    test_nobody_waits()
    test_records("ext4")
    test_new_files("btrfs")
    test_new_files("posix")
    test_forgetting()
    end()


main()
