#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""killed_within_a_plan.py, with FLAKEY, MNT, STORE and WORK in the environment

The daemon is killed while a crash stores what its plan keeps, and while a snapshot
is taken: when a number of files that chance takes is there. Who asked is told, or
has its answer; the store is one that the profile allows, the next mount shows it and
works, and of a snapshot no process is left. FLAKEY_TEST_SEED gives the chance again."""

import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time

FLAKEY = os.environ["FLAKEY"]
MNT = os.environ["MNT"]
STORE = os.environ["STORE"]
WORK = os.environ["WORK"]
SEED = int(os.environ.get("FLAKEY_TEST_SEED", "0")) or random.getrandbits(32)
CHANCE = random.Random(SEED)
OLD, NEW, HALF = 40, 200, 4096
ROUNDS = 4
DEADLINE = 60
points = 0
failed = 0
amid = 0


def ok(name, wrong):
    global points, failed
    points += 1
    failed += bool(wrong)
    print(f"{'not ok' if wrong else 'ok'} {points} - {name}", flush=True)
    for line in wrong[:9]:
        print(f"# {line}")


def flakey(*words):
    return subprocess.run([FLAKEY, *words], capture_output=True, text=True,
                          timeout=DEADLINE, check=False)


def verb(line):
    with open(f"{MNT}/.flakey/control", "w", encoding="ascii") as control:
        control.write(line + "\n")


def daemon():
    with open(f"{WORK}/pid", encoding="ascii") as file:
        return int(file.read())


def note_daemon():
    with open(f"{MNT}/.flakey/status", encoding="utf-8") as file:
        text = file.read().split('"pid":')[1]
    with open(f"{WORK}/pid", "w", encoding="ascii") as file:
        file.write(text.split(",")[0].strip())


def write_at(path, data, offset=0):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)
    os.pwrite(fd, data, offset)
    os.close(fd)


def make_past():
    """Old files that are synced, and overwritten in part; new ones, in order."""
    for name in os.listdir(MNT):
        os.unlink(f"{MNT}/{name}")
    for i in range(OLD):
        write_at(f"{MNT}/old{i}", b"o" * 2 * HALF)
    verb("sync")
    for i in range(NEW):
        if i < OLD:
            write_at(f"{MNT}/old{i}", b"n" * HALF)
        write_at(f"{MNT}/new{i}", b"n" * 2 * HALF)


def kill_at(asked, place, count):
    """When there are so many names, or the answer."""
    end = time.monotonic() + DEADLINE
    while asked.poll() is None and time.monotonic() < end:
        if os.path.isdir(place) and len(os.listdir(place)) >= count:
            break
    global amid
    amid += asked.poll() is None
    fd = os.pidfd_open(daemon())
    signal.pidfd_send_signal(fd, signal.SIGKILL)
    wrong = []
    try:
        asked.communicate(timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        asked.kill()
        wrong.append("who asked has no answer")
    if not select.select([fd], [], [], DEADLINE)[0]:
        wrong.append("the daemon does not end")
    os.close(fd)
    return wrong


def holders(place):
    """Processes with something open below a directory."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}").startswith(place):
                    found.append(pid)
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


def read(path):
    with open(path, "rb") as file:
        return file.read()


def illegal(top, kept):
    """What the profile does not allow of a tree; kept: something may survive."""
    wrong = []
    names = set(os.listdir(top))
    there = [i for i in range(NEW) if f"new{i}" in names]
    if there != list(range(len(there))):
        wrong.append(f"new files are there without earlier ones: {there}")
    for i in range(OLD):
        names.discard(f"old{i}")
        data = read(f"{top}/old{i}")
        if data[HALF:] != b"o" * HALF or data[:HALF] not in (
                b"o" * HALF, b"n" * HALF if kept else b""):
            wrong.append(f"old{i}: {set(data)}, {len(data)} bytes")
    for i in there:
        names.discard(f"new{i}")
        data = read(f"{top}/new{i}")
        if not kept or not set(data) <= {0, ord("n")} or len(data) > 2 * HALF:
            wrong.append(f"new{i}: {set(data)}, {len(data)} bytes")
    return wrong + [f"'{name}' is there" for name in sorted(names)]


def mount_again(kept):
    subprocess.run(["umount", "-l", MNT], capture_output=True, check=False)
    subprocess.run(["fusermount3", "-uz", MNT], capture_output=True,
                   check=False)
    done = flakey("mount", STORE, MNT)
    if done.returncode:
        return [f"the next mount fails: {done.stderr}"]
    note_daemon()
    wrong = illegal(STORE, kept)
    for name in os.listdir(STORE):
        if read(f"{STORE}/{name}") != read(f"{MNT}/{name}"):
            wrong.append(f"'{name}' is another one on the mount")
    write_at(f"{MNT}/after", b"life")
    verb("sync")
    verb("crash")
    if read(f"{MNT}/after") != b"life":
        wrong.append("the next mount does not store what it should")
    return wrong


def killed_in_a_crash(number):
    make_past()
    asked = subprocess.Popen(
        [FLAKEY, "crash", MNT, "--keep", "90%", "--order", "any", "--seed",
         str(SEED + number)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wrong = kill_at(asked, STORE, OLD + CHANCE.randrange(1, NEW))
    ok(f"killed while a crash stores what it keeps, {number}",
       wrong + mount_again(True))


def killed_in_a_snapshot(number):
    make_past()
    place = f"{WORK}/shot"
    asked = subprocess.Popen(
        [FLAKEY, "snapshot", MNT, place, "--keep", "90%", "--seed",
         str(SEED + number)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wrong = kill_at(asked, place, CHANCE.randrange(0, OLD + NEW))
    end = time.monotonic() + DEADLINE
    while holders(place) and time.monotonic() < end:
        time.sleep(0.001)
    wrong += [f"process {pid} works on it still" for pid in holders(place)]
    shutil.rmtree(place, ignore_errors=True)
    wrong += mount_again(False)
    done = flakey("snapshot", MNT, place)
    wrong += [done.stderr] * done.returncode
    if not wrong and sorted(os.listdir(place)) != sorted(os.listdir(STORE)):
        wrong.append("the next snapshot is not the store")
    shutil.rmtree(place, ignore_errors=True)
    ok(f"killed while a snapshot is taken, {number}", wrong)


print(f"# seed {SEED}", flush=True)
for i in range(ROUNDS):
    killed_in_a_crash(i)
    killed_in_a_snapshot(i)
ok("most of them are killed amidst their work",
   [f"{amid} of {2 * ROUNDS}"] * (amid < ROUNDS))
print(f"1..{points}")
sys.exit(failed > 0)
