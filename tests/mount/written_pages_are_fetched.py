#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""What a program has written into the kernel's pages, and nobody has sent to the
mount yet, counts as written: a sync of everything and a crash that keeps all ask
for it first, any other crash loses it. No descriptor is closed in between, for
a close sends the pages by itself.

If this fails, `flakey sync` says that everything is stored while pages are not."""

import os
import sys

mount = os.environ["MNT"]
store = os.environ["STORE"]
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


def verb(line):
    """One line to the control file."""
    with open(mount + "/.flakey/control", "w", encoding="utf-8") as control:
        control.write(line + "\n")


def stored(name):
    """What the store has of a file."""
    with open(f"{store}/{name}", "rb") as file:
        return file.read()


def main():
    """Writes to a file that stays open, and looks at the store."""
    fd = os.open(mount + "/a", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    os.pwrite(fd, b"1" * 5000, 0)
    verb("sync")
    point("a sync takes written pages", b"1" * 5000, stored("a"))
    os.pwrite(fd, b"2" * 100, 4950)
    verb("crash keep=all")
    want = b"1" * 4950 + b"2" * 100
    point("a crash that keeps all does, too", want, stored("a"))
    fd = os.open(mount + "/a", os.O_RDWR | os.O_CLOEXEC)
    point("and they are seen", want, os.pread(fd, 6000, 0))
    os.pwrite(fd, b"3" * 100, 0)
    verb("crash")
    point("another crash loses them", want, stored("a"))
    other = os.open(mount + "/a", os.O_RDONLY | os.O_CLOEXEC)
    point("and they are not seen", want, os.pread(other, 6000, 0))
    try:
        os.fsync(fd)
        said = 0
    except OSError as error:
        said = error.errno
    point("their descriptor cannot sync", True, said != 0)
    verb("sync")
    point("nor do they arrive later", want, stored("a"))
    print(f"1..{count}")
    return failed > 0


sys.exit(main())
