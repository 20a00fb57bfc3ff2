#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""babble.py MNT [SEED]: names that are hard to write down must not break a
report, and no line that is written to a control file may break the daemon."""

import errno
import json
import os
import random
import signal
import sys
import time

LINES = 3000
DEADLINE_S = 90

HARD_NAMES = [
    b"new\nline",
    b"tab\tand\rreturn",
    b'quo"te',
    b"back\\slash",
    b"\x01\x02\x1b[31m\x7f",
    b"not utf-8 \xff\xfe\xc3",
    b"cut \xe2\x82",
    b"surrogate \xed\xa0\x80",
    b"too long \xf8\x88\x80\x80\x80",
    "line separator \u2028 and \u0085".encode(),
    b"n" * 255,
    b'","path":"forged","x":"',
    b"-rf",
    b" ",
    b"%s%n%p",
    b"...",
]

SEEDS = [
    "crash", "crash keep=all", "crash keep=none digest=yes format=json",
    "sync", "evict", "status format=json", "unsynced format=plain", "help",
    "mark something", "mode drop-writes", "allow-writes",
    "drop-writes for=2ms", "error-writes cycle=1s,1s", "error-writes",
    "corrupt-bio-byte 1 r 0", "corrupt-bio-byte 2 w 255 0 for=1s", "error-reads",
    "random-read-corrupt 5 seed=7", "random-write-corrupt 1000000000",
]

points = 0
failures = 0


def point(good, name, why=""):
    global points, failures
    points += 1
    failures += not good
    print(f"{'' if good else 'not '}ok {points} - {name}", flush=True)
    if not good and why:
        print(f"# {why}", flush=True)


def ask(control, line):
    """The answer to a line, as bytes."""
    fd = os.open(control + b"/control", os.O_RDWR | os.O_CLOEXEC)
    try:
        os.write(fd, line)
        answer = b""
        while piece := os.pread(fd, 1 << 20, len(answer)):
            answer += piece
        return answer
    finally:
        os.close(fd)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def check_json(name, text, lines=False):
    try:
        for one in text.splitlines() if lines else [text]:
            json.loads(one.decode("utf-8"))
        point(True, name)
    except ValueError as error:
        point(False, name, repr(error))


def check_names(mount, control):
    for name in HARD_NAMES:
        with open(os.path.join(mount, name), "wb") as file:
            file.write(b"unsynced")
        os.mkdir(os.path.join(mount, name[:200] + b".d"))
    point(set(HARD_NAMES) <= set(os.listdir(mount)), "hard names are listed")
    check_json("unsynced speaks of them in JSON",
               ask(control, b"unsynced format=json"))
    check_json("so does a crash", ask(control, b"crash format=json"))
    check_json("and the status", read(control + b"/status"))
    check_json("and the log, line by line",
               b"\n".join(read_log(control)), lines=True)
    lines = ask(control, b"unsynced format=text").splitlines()
    point(all(b"\x1b" not in line for line in lines),
          "text has no escape sequences")
    for what, call, wanted in [
            ("a name of 256 bytes",
             lambda: os.mkdir(os.path.join(mount, b"n" * 256)),
             errno.ENAMETOOLONG),
            ("a path of a megabyte",
             lambda: os.mkdir(mount + b"/d" * 500000), errno.ENAMETOOLONG),
            ("an xattr of more than 64 KiB",
             lambda: os.setxattr(mount, b"user.big", b"x" * 65537),
             errno.E2BIG),
            ("an xattr's name of 256 bytes",
             lambda: os.setxattr(mount, b"user." + b"n" * 251, b"x"),
             errno.ERANGE)]:
        try:
            call()
            point(False, f"{what} is refused", "it was taken")
        except OSError as error:
            point(error.errno == wanted, f"{what} is refused", str(error))


def read_log(control):
    fd = os.open(control + b"/log", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(fd, 1 << 20).splitlines()
    except BlockingIOError:
        return []
    finally:
        os.close(fd)


def mutate(chance):
    line = bytearray(chance.choice(SEEDS).encode())
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(line) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            line[at:at] = bytes([chance.randrange(256)])
        elif kind == 1:
            del line[at:at + chance.randrange(1, 5)]
        elif kind == 2:
            line[at:at] = b" " + chance.choice(SEEDS).encode()
        elif kind == 3:
            line[at:at] = chance.choice([b"=", b"\n", b"\0", b" keep=", b"%n"])
        else:
            line[at:at] = chance.choice([b"9", b"a", b"="]) * (
                1 << chance.randrange(15))
    return bytes(line)


def babble(mount, control, seed):
    chance = random.Random(seed)
    refused = 0
    for number in range(LINES):
        target = control + b"/" + chance.choice(
            [b"control"] * 6 + [b"mode"] * 3 + [b"status", b"log", b"error"])
        try:
            fd = os.open(target, os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            refused += 1
            continue
        try:
            os.write(fd, mutate(chance))
        except OSError:
            refused += 1
        finally:
            os.close(fd)
        if number % 50 == 0:
            try:
                with open(os.path.join(mount, b"file"), "wb") as file:
                    file.write(b"x" * chance.randrange(10000))
                os.listxattr(os.path.join(mount, b"file"))
            except OSError:
                pass  # error-writes, or a crash: both were asked for
    print(f"# {refused} of {LINES} refused")
    point(0 < refused < LINES, "lines are refused, and others are not")
    ask(control, b"allow-writes")
    ask(control, b"crash")
    status = json.loads(read(control + b"/status"))
    point(status["mode"].startswith("allow-writes"),
          "the daemon lives and obeys", str(status))


def main():
    mount = os.fsencode(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns()
    print(f"# seed {seed}")
    signal.alarm(DEADLINE_S)
    check_names(mount, mount + b"/.flakey")
    babble(mount, mount + b"/.flakey", seed)
    print(f"1..{points}")
    return failures > 0


sys.exit(main())
