#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""killed_while_the_kernel_forgets.py, with FLAKEY, MNT, STORE and WORK in the
environment, as root

Programs rename in a directory whose names a crash has the kernel forget, and the daemon
is killed when that waits for one of them, which waits for the daemon. If this fails,
the programs and what is left of the daemon hang until the connection is aborted."""

import os
import select
import signal
import subprocess
import sys
import time

FLAKEY = os.environ["FLAKEY"]
MNT = os.environ["MNT"]
STORE = os.environ["STORE"]
WORK = os.environ["WORK"]
CLIENTS, ROUNDS = 4, 3
SIGNALLED = 0.3  # seconds in which a signal has arrived
SEEN = 5  # seconds in which it should be seen to wait
DEADLINE = 30

RENAME = """
import errno, os, sys
name = sys.argv[1]
while True:
    try:
        open(name, "w").close()
        os.rename(name, name + "+")
        os.mkdir(name + "-")
        os.rmdir(name + "-")
    except OSError as error:
        if error.errno in (errno.ENOTCONN, errno.ECONNABORTED):
            break
"""
CRASH = """
import os, sys
fd = os.open(sys.argv[1] + "/.flakey/control", os.O_WRONLY)
while True:
    os.write(fd, b"crash\\n")
"""


def pid_of_daemon():
    with open(f"{WORK}/pid", encoding="ascii") as file:
        return int(file.read())


def waits(pid):
    """Whether a thread waits to have the kernel forget a name."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/wchan", encoding="ascii") as file:
            if "inval_entry" in file.read():
                return True
    return False


def run(program, *words):
    return subprocess.Popen([sys.executable, "-c", program, *words],
                            stderr=subprocess.DEVNULL)


def warden_of(pid):
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children",
                  encoding="ascii") as file:
            for child in file.read().split():
                return int(child)
    return None


def survives_signals():
    """Whether the process beside the daemon leaves a living one alone, whatever
    somebody sends it."""
    warden = warden_of(pid_of_daemon())
    if warden is None:
        return False
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        os.kill(warden, number)
    end = time.monotonic() + SIGNALLED
    while time.monotonic() < end:
        try:
            os.mkdir(f"{MNT}/signalled")
            os.rmdir(f"{MNT}/signalled")
        except OSError:
            return False
    return warden_of(pid_of_daemon()) == warden


def kill_once():
    """What went wrong, and whether it did wait."""
    pid = pid_of_daemon()
    programs = [run(RENAME, f"{MNT}/{i}") for i in range(CLIENTS)]
    programs.append(run(CRASH, MNT))
    end = time.monotonic() + SEEN
    seen = waits(pid)
    while not seen and time.monotonic() < end:
        seen = waits(pid)
    wrong = []
    fd = os.pidfd_open(pid)
    signal.pidfd_send_signal(fd, signal.SIGKILL)
    if not select.select([fd], [], [], DEADLINE)[0]:
        wrong.append("the daemon does not end")
        subprocess.run(["umount", "-f", MNT], check=False)
    os.close(fd)
    for program in programs:
        try:
            program.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            wrong.append("a program hangs")
            program.kill()
    subprocess.run(["umount", "-l", MNT], check=False, capture_output=True)
    return wrong, seen


def mount_again():
    subprocess.run([FLAKEY, "mount", STORE, MNT], check=True)
    with open(f"{MNT}/.flakey/status", encoding="utf-8") as file:
        text = file.read().split('"pid":')[1]
    with open(f"{WORK}/pid", "w", encoding="ascii") as file:
        file.write(text.split(",")[0].strip())


wrong_ones = []
waited = 0
alone = survives_signals()
if not alone:
    subprocess.run(["umount", "-l", MNT], check=False, capture_output=True)
    os.kill(pid_of_daemon(), signal.SIGKILL)
    mount_again()
for number in range(ROUNDS):
    found, did_wait = kill_once()
    wrong_ones += found
    waited += did_wait
    mount_again()
print(f"# {waited} of {ROUNDS} were killed while that waited")
print(f"{'not ok' if wrong_ones else 'ok'} 1 - nothing hangs when the daemon is"
      " killed while the kernel forgets names")
for line in wrong_ones:
    print(f"# {line}")
print(f"{'ok' if alone else 'not ok'} 2 - signals to the process beside the daemon"
      " mean nothing")
print("1..2")
sys.exit(bool(wrong_ones) or not alone)
