#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""What waits because of a fault rule, and what ends it: taking the rule away, a
crash, a signal that kills the program, unmounting. Nobody else has to wait, however
many sleep. And the actions that end the daemon, which is a power failure.

If this fails, a rule can hang a mount, or more than it says."""

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time

from tap import DEADLINE_S, end, point, wait_until

FLAKEY = os.environ["FLAKEY"]
WORK = os.environ["WORK"]
SLEEPERS = 1000


class Mount:
    """A mount of its own, whose daemon may die."""

    def __init__(self, *options):
        self.store = tempfile.mkdtemp(prefix="store", dir=WORK)
        self.dir = tempfile.mkdtemp(prefix="mount", dir=WORK)
        subprocess.run([FLAKEY, "mount", *options, self.store, self.dir],
                       check=True, timeout=DEADLINE_S)
        with open(self.dir + "/.flakey/status", "rb") as status:
            self.pid = int(re.search(rb'"pid": *(\d+)', status.read())
                           .group(1))

    def rules(self, text):
        """Instead of those of before."""
        fd = os.open(self.dir + "/.flakey/faults",
                     os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        if text:
            os.write(fd, text.encode())
        os.close(fd)

    def fired(self):
        """The lines of rules in the log."""
        with open(self.dir + "/.flakey/log", "rb", buffering=0) as log:
            lines = log.read(1 << 20).decode().splitlines()
        return [json.loads(line) for line in lines
                if '"event":"fault"' in line]

    def verb(self, line):
        """Done when it returns."""
        with open(self.dir + "/.flakey/control", "w",
                  encoding="utf-8") as control:
            control.write(line + "\n")

    def unmount(self):
        """Whatever has become of it."""
        try:
            subprocess.run([FLAKEY, "umount", self.dir], check=False,
                           timeout=DEADLINE_S, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            os.kill(self.pid, signal.SIGKILL)
        for command in (["umount", "-l"], ["fusermount3", "-uqz"]):
            if f" {self.dir} " in open("/proc/self/mountinfo").read():
                subprocess.run([*command, self.dir], check=False,
                               stderr=subprocess.DEVNULL)


def sleeper(mount, rule, command):
    """A program that waits because of the rule."""
    mount.rules(rule)
    program = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    if not wait_until(mount.fired):
        print("# nothing has fired")
    return program


def end_of(program):
    """Its status, or None if it does not end."""
    try:
        return program.wait(DEADLINE_S)
    except subprocess.TimeoutExpired:
        program.kill()
        return None


def test_waking():
    """One sleeper, and all that wakes it."""
    for name, wake, want in (
            ("clearing the rules", lambda m, p: m.rules(""), 0),
            ("replacing the rule", lambda m, p: m.rules("fs/mkdir=off\n"), 0),
            ("a crash", lambda m, p: m.verb("crash"), 0),
            ("killing the program", lambda m, p: p.kill(), -9),
            ("an interrupt", lambda m, p: p.send_signal(signal.SIGINT), -2),
    ):
        mount = Mount()
        program = sleeper(mount, "fs/mkdir=sleep(1h)\n",
                          ["mkdir", mount.dir + "/d"])
        point(f"it sleeps until {name}", program.poll() is None)
        wake(mount, program)
        status = end_of(program)
        point(f"{name} wakes it", status == want, status)
        mount.unmount()


def test_stopping():
    """A mount goes away although somebody sleeps in it."""
    mount = Mount()
    program = sleeper(mount, "fs/mkdir=pause\n", ["mkdir", mount.dir + "/d"])
    os.kill(mount.pid, signal.SIGTERM)
    status = end_of(program)
    point("SIGTERM wakes it, and it is done", status == 0, status)
    point("the mount goes away", wait_until(
        lambda: f" {mount.dir} " not in open("/proc/self/mountinfo").read()))
    point("and the store has it", wait_until(
        lambda: os.path.isdir(mount.store + "/d")))
    mount.unmount()
    mount = Mount()
    program = sleeper(mount, "fs/mkdir=pause\n", ["mkdir", mount.dir + "/d"])
    if subprocess.run(["fusermount3", "-uqz", mount.dir],
                      check=False).returncode != 0:
        subprocess.run(["umount", "-l", mount.dir], check=True)
    status = end_of(program)
    point("unmounting lazily wakes it", status == 0, status)
    mount.unmount()


def test_unmounting():
    """A program that waits in a call without a file is not found by looking."""
    mount = Mount()
    program = sleeper(mount, "fs/mkdir=pause\n", ["mkdir", mount.dir + "/d"])
    done = subprocess.run([FLAKEY, "umount", mount.dir], check=False,
                          capture_output=True, text=True, timeout=DEADLINE_S)
    point("unmounting does not wake it by itself",
          done.returncode == 1 and program.poll() is None, done.stderr)
    point("but says what does", "fault clear" in done.stderr, done.stderr)
    done = subprocess.run([FLAKEY, "umount", "--kill", mount.dir], check=False,
                          capture_output=True, text=True, timeout=DEADLINE_S)
    point("umount --kill wakes it", done.returncode == 0, done.stderr)
    if done.returncode != 0:
        program.kill()
    status = end_of(program)
    point("and it is done", status == 0, status)
    mount.unmount()


def test_crowd():
    """A thousand sleepers, of one directory and file."""
    mount = Mount()
    with open(mount.dir + "/x", "w", encoding="utf-8") as file:
        file.write("x")
    mount.rules("fs/open{path=/x}=pause\n")
    ended = []

    def use():
        os.close(os.open(mount.dir + "/x", os.O_RDONLY | os.O_CLOEXEC))
        ended.append(1)

    threads = [threading.Thread(target=use, daemon=True)
               for _ in range(SLEEPERS)]
    for thread in threads:
        thread.start()
    all_asleep = wait_until(lambda: len(mount.fired()) >= SLEEPERS)
    point(f"{SLEEPERS} sleep", all_asleep and not ended, len(ended))
    begin = time.monotonic()
    os.mkdir(mount.dir + "/d")
    fd = os.open(mount.dir + "/y", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    os.write(fd, b"y")
    os.fsync(fd)
    os.close(fd)
    took = time.monotonic() - begin
    point("others go on meanwhile", took < 5, took)
    mount.rules("")
    point("and all are woken", wait_until(lambda: len(ended) == SLEEPERS),
          len(ended))
    mount.unmount()


def test_answers():
    """What was done before a crash has its answer, whatever the crash makes the
    kernel forget meanwhile."""
    mount = Mount()
    for name, flags in (("fs/create", os.O_CREAT), ("fs/tmpfile", os.O_TMPFILE)):
        got = []
        count_of = 64
        for i in range(count_of):
            os.makedirs(f"{mount.dir}/{i}", exist_ok=True)
        mount.verb("sync")
        before = len(mount.fired())
        mount.rules(name + "{when=after}=pause\n")

        def use(i, made=flags, told=got):
            path = f"{mount.dir}/{i}" + ("/f" if made == os.O_CREAT else "")
            try:
                fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | made, 0o600)
                told.append(os.fstat(fd).st_nlink >= 0)
                os.close(fd)
            except OSError as error:
                told.append(error)

        threads = [threading.Thread(target=use, args=(i,), daemon=True)
                   for i in range(count_of)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(mount.fired()) - before >= count_of)
        mount.verb("crash")
        for thread in threads:
            thread.join(DEADLINE_S)
        point(f"{name} held back over a crash has its answer",
              got == [True] * count_of, got)
        mount.rules("")
    mount.unmount()


def test_side_by_side():
    """Sleeps are not added up, wherever they are."""
    mount = Mount("--cache", "none")
    for rule, use in (
            ("fs/read=sleep(300ms)\n", lambda fd: os.pread(fd, 1, 0)),
            ("store/read=sleep(300ms)\n", lambda fd: os.pread(fd, 1, 0)),
            ("store/commit=sleep(300ms)\n", os.fsync)):
        fds = []
        for i in range(4):
            fds.append(os.open(f"{mount.dir}/{i}",
                               os.O_RDWR | os.O_CREAT | os.O_CLOEXEC))
            os.write(fds[-1], b"x")
            os.fsync(fds[-1])
        mount.rules(rule)
        threads = [threading.Thread(target=use, args=(fd,), daemon=True)
                   for fd in fds]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
        took = time.monotonic() - begin
        mount.rules("")
        for fd in fds:
            os.close(fd)
        point(f"four at once: {rule.strip()}", 0.3 <= took < 1.0, took)
    mount.unmount()


def sync_and_read(mount, number):
    """What makes rules of the store crash, and is told of it."""
    for i in range(50):
        try:
            fd = os.open(f"{mount.dir}/{number}",
                         os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
            try:
                os.pwrite(fd, bytes(5000), i * 5000)
                os.fsync(fd)
                os.pread(fd, 100, 0)
            finally:
                os.close(fd)
        except OSError:
            pass


def test_crowd_crashes():
    """Rules say crash while a crash is under way."""
    mount = Mount()
    mount.rules("store/write=20%crash(keep=50%)\nstore/commit=10%panic\n"
                "store/read=5%crash\n")
    threads = [threading.Thread(target=sync_and_read, args=(mount, i),
                                daemon=True) for i in range(8)]
    for thread in threads:
        thread.start()
    ended = wait_until(lambda: not any(t.is_alive() for t in threads))
    point("crashes of the store's points by many at once end", ended)
    if not ended:
        os.kill(mount.pid, signal.SIGKILL)
    mount.unmount()


def test_ends():
    """The daemon ends as power does: what was paid for is in the store."""
    for terms in ("kill", "exit(3)"):
        for name in ("fs/mkdir", "store/commit", "fs/close"):
            mount = Mount()
            fd = os.open(mount.dir + "/paid", os.O_RDWR | os.O_CREAT)
            os.fsync(fd)
            open(mount.dir + "/unpaid", "w", encoding="utf-8").close()
            mount.rules(f"{name}={terms}\n")
            try:
                os.mkdir(mount.dir + "/d")
                os.fsync(fd)
            except OSError:
                pass
            os.close(fd)
            gone = wait_until(lambda: not os.path.exists(f"/proc/{mount.pid}")
                              or "Z" in open(f"/proc/{mount.pid}/stat").read())
            have = sorted(os.listdir(mount.store))
            point(f"{name}={terms} is a power failure",
                  gone and have == ["paid"], have)
            mount.unmount()


def main():
    """All of it."""
    test_waking()
    test_stopping()
    test_unmounting()
    test_crowd()
    test_answers()
    test_side_by_side()
    test_crowd_crashes()
    test_ends()
    end()


main()
