#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Which operations of real programs a fault rule's selector hits: by process and
its children, by user, by the flags of the file, by bytes, by both names of a
rename, by paths with ** in them.

If this fails, a rule hits others than it names, or not those."""

import os
import subprocess

from tap import end, same as point

MOUNT = os.environ["MNT"]


def rules(text):
    """Instead of those of before."""
    fd = os.open(MOUNT + "/.flakey/faults",
                 os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    if text:
        os.write(fd, (text + "\n").encode())
    os.close(fd)


def hit(use, *args):
    """Whether a rule was hit: all here return EIO."""
    try:
        use(*args)
        return False
    except OSError:
        return True


def run(*command):
    """Whether a program was hit."""
    return subprocess.run(command, check=False,
                          stderr=subprocess.DEVNULL).returncode != 0


def test_processes():
    """The shell, and what it starts; not others."""
    shell = subprocess.Popen(["sh", "-c", f"read x; mkdir {MOUNT}/a && exit 7;"
                              f" exit 3"], stdin=subprocess.PIPE)
    rules(f"fs/mkdir{{pid={shell.pid}}}=return(EIO)")
    point("pid= is not of others", False, hit(os.mkdir, MOUNT + "/b"))
    shell.communicate(b"go\n")
    point("pid= is of its children", 3, shell.returncode)
    rules("fs/mkdir{process=sh}=return(EIO)")
    point("process= is not of others", False, run("mkdir", MOUNT + "/c"))
    point("process= is of its children", True,
          run("sh", "-c", f"mkdir {MOUNT}/e; exit $?"))
    rules(f"fs/mkdir{{uid={os.getuid()}}}=return(EIO)")
    point("uid= of mine", True, hit(os.mkdir, MOUNT + "/f"))
    rules(f"fs/mkdir{{uid={os.getuid() + 1}}}=return(EIO)")
    point("uid= of others", False, hit(os.mkdir, MOUNT + "/f"))


def test_files():
    """By flags and bytes."""
    plain = os.open(MOUNT + "/x", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    synced = os.open(MOUNT + "/x", os.O_RDWR | os.O_SYNC | os.O_CLOEXEC)
    rules("fs/write{flags=O_SYNC}=return(EIO)")
    point("flags= of the file", True, hit(os.pwrite, synced, b"a", 0))
    point("flags= of another", False, hit(os.pwrite, plain, b"a", 0))
    rules("fs/write{offset=100..200}=return(EIO)")
    for offset, size, want in ((0, 100, False), (0, 101, True),
                               (199, 1, True), (200, 10, False),
                               (50, 500, True)):
        point(f"offset= of {size} bytes at {offset}", want,
              hit(os.pwrite, plain, b"a" * size, offset))
    os.close(plain)
    os.close(synced)


def test_names():
    """Paths and second paths."""
    os.makedirs(MOUNT + "/p/q/r")
    for name in ("p/1.wal", "p/q/2.wal", "p/q/r/3.wal", "4.wal"):
        open(f"{MOUNT}/{name}", "w", encoding="utf-8").close()
    rules("fs/open{path=/p/**/*.wal}=return(EIO)")
    for name, want in (("p/q/2.wal", True), ("p/q/r/3.wal", True),
                       ("4.wal", False)):
        point(f"path= of {name}", want, hit(open, f"{MOUNT}/{name}"))
    rules("fs/rename{to=*.db}=return(EIO)")
    point("to= of a rename", True,
          hit(os.rename, MOUNT + "/4.wal", MOUNT + "/4.db"))
    point("to= of another", False,
          hit(os.rename, MOUNT + "/4.wal", MOUNT + "/5.wal"))
    os.link(MOUNT + "/5.wal", MOUNT + "/other")
    rules("fs/chmod{path=/5.wal}=return(EIO)")
    point("path= of a file by its other name", True,
          hit(os.chmod, MOUNT + "/other", 0o600))
    rules("fs/*=return(EIO)")
    point("a class does not stop ls", sorted(["1.wal", "q"]),
          sorted(os.listdir(MOUNT + "/p")))
    point("but all else", True, hit(os.mkdir, MOUNT + "/n"))
    rules("")


def main():
    """All of it."""
    test_processes()
    test_files()
    test_names()
    end()


main()
