#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""snapshots_are_crashes.py, with FLAKEY, MNT, STORE and WORK in the environment

Snapshots against crashes with the same plan and seed: the same tree, down to
modes, times, extended attributes, hard links and holes, and the same digest.
Snapshots while programs write, sync and rename: what was synced before is in
them, and nothing is half there. Directories that cannot be used are refused in a
sentence. crash --kill kills whoever holds the mount, and nobody else.

FLAKEY_TEST_SEED gives the chance again."""

import hashlib
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import threading

FLAKEY = os.environ["FLAKEY"]
MNT = os.environ["MNT"]
STORE = os.environ["STORE"]
WORK = os.environ["WORK"]
SEED = int(os.environ.get("FLAKEY_TEST_SEED", "0")) or random.getrandbits(32)
CHANCE = random.Random(SEED)
SLOT = 64
NAMED = 120  # steps that make names, too
WAIT = 60
points = 0
failed = 0


def ok(name, passed, *why):
    global points, failed
    points += 1
    failed += not passed
    print(f"{'ok' if passed else 'not ok'} {points} - {name}", flush=True)
    for line in why if not passed else ():
        print(f"# {line}")


def flakey(*words):
    done = subprocess.run([FLAKEY, *words], capture_output=True, text=True,
                          timeout=WAIT, check=False)
    return done.returncode, done.stdout, done.stderr


def verb(line):
    with open(f"{MNT}/.flakey/control", "w", encoding="ascii") as control:
        control.write(line + "\n")


def holes(path, size):
    """Where data is, in blocks of 4096 bytes."""
    with open(path, "rb") as file:
        data, at = [], 0
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            data += range(at // 4096, (end + 4095) // 4096)
            at = end
    return tuple(data)


def describe(path, numbers):
    st = os.lstat(path)
    links = numbers.setdefault(st.st_ino, len(numbers))
    facts = [stat.filemode(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns]
    if not stat.S_ISDIR(st.st_mode):
        facts += [st.st_nlink, st.st_size, links]
    if stat.S_ISLNK(st.st_mode):
        facts.append(os.readlink(path))
    elif stat.S_ISREG(st.st_mode):
        with open(path, "rb") as file:
            facts.append(hashlib.md5(file.read()).hexdigest())
        facts.append(holes(path, st.st_size))
    if not stat.S_ISLNK(st.st_mode):
        facts.append([(name, os.getxattr(path, name))
                      for name in sorted(os.listxattr(path))
                      if name.startswith("user.")])
    return facts


def tree(top):
    """Every name below top, with all that there is to know of it."""
    found, numbers, directories = {}, {}, [""]
    while directories:
        at = directories.pop()
        found[at or "."] = describe(f"{top}/{at}", numbers)
        for name in sorted(os.listdir(f"{top}/{at}"), reverse=True):
            path = f"{at}/{name}"
            if stat.S_ISDIR(os.lstat(top + path).st_mode):
                directories.append(path)
            else:
                found[path] = describe(top + path, numbers)
    return found


def write_at(path, data, offset=0, sync=False):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)
    os.pwrite(fd, data, offset)
    if sync:
        os.fsync(fd)
    os.close(fd)


def make_past(number):
    """A bit of everything, synced; then more of it, and not synced."""
    top = f"{MNT}/past{number}"
    for synced in (True, False):
        here = f"{top}/{'synced' if synced else 'dirty'}"
        os.makedirs(f"{here}/deep/er")
        for i in range(8):
            data = CHANCE.randbytes(CHANCE.randrange(1, 20000))
            write_at(f"{here}/f{i}", data, CHANCE.randrange(0, 9) * 4096)
        os.link(f"{here}/f0", f"{here}/deep/hard")
        os.symlink("../f1", f"{here}/deep/soft")
        os.mkfifo(f"{here}/deep/er/pipe")
        os.truncate(f"{here}/f2", 1 << 20)
        os.setxattr(f"{here}/f3", "user.note", b"of %d" % number)
        os.chmod(f"{here}/f4", 0o4751)
        os.chmod(f"{here}/deep/er", 0o1705)
        os.utime(f"{here}/f5", ns=(10**18, 10**18 + number))
        if synced:
            verb("sync")
    for i in range(4):
        write_at(f"{top}/synced/f{i}", CHANCE.randbytes(9000), 512 * i)
    os.rename(f"{top}/synced/f5", f"{top}/dirty/moved")
    os.unlink(f"{top}/synced/f6")


def difference(a, b):
    return [f"{name}: {a.get(name)} | {b.get(name)}"
            for name in sorted(a.keys() | b.keys())
            if a.get(name) != b.get(name)]


def like_crashes():
    plans = (
        [],
        ["--keep", "all"],
        ["--keep", "50%", "--order", "any", "--torn", "sector"],
        ["--keep", "60%", "--fill", "zero"],
    )
    for number, words in enumerate(plans):
        plan = [*words, "--seed", str(CHANCE.getrandbits(31)), "--digest",
                "--json"]
        name = " ".join(words) or "the default"
        make_past(number)
        place = f"{WORK}/shot{number}"
        code, out, err = flakey("snapshot", MNT, place, *plan)
        if code:
            ok(f"snapshot with {name}", False, err)
            continue
        shot = json.loads(out)
        code, out, err = flakey("crash", MNT, *plan)
        crash = json.loads(out) if code == 0 else {}
        ok(f"the digests are the same with {name}",
           code == 0 and shot["digest"] == crash["digest"], err, shot, crash)
        lines = difference(tree(place), tree(STORE))
        ok(f"the trees are the same with {name}", not lines, *lines)
        shutil.rmtree(place)


class Writer(threading.Thread):
    """Numbers that only grow, each in a place of its own, each synced; and names
    that follow them."""

    def __init__(self, number):
        super().__init__()
        self.here = f"{MNT}/load/w{number}"
        self.synced = 0
        self.done = threading.Event()
        self.error = None
        os.makedirs(self.here)
        self.fd = os.open(f"{self.here}/log", os.O_CREAT | os.O_RDWR)

    def step(self, count):
        os.pwrite(self.fd, b"%*d\n" % (SLOT - 1, count), SLOT * (count - 1))
        os.fsync(self.fd)
        self.synced = count
        if count > NAMED:
            return
        name = f"{self.here}/n{count}"
        write_at(f"{name}.new", b"%d" % count, 0, True)
        os.rename(f"{name}.new", name)
        if count % 3 == 0:
            os.mkdir(f"{name}.d")
            os.rename(f"{self.here}/n{count - 1}", f"{name}.d/in")
        if count % 6 == 0:
            os.rename(f"{name}.d", f"{self.here}/../d{id(self)}-{count}")
        if count % 3 == 1 and count > 5:
            os.unlink(f"{self.here}/n{count}")

    def run(self):
        count = 0
        try:
            while not self.done.is_set():
                count += 1
                self.step(count)
        except OSError as error:
            self.error = error


def wrong_in(place, writer, before, after):
    """What a snapshot may not have of a writer, in words."""
    with open(f"{place}/load/{writer.here[-2:]}/log", "rb") as file:
        log = file.read()
    slots = [log[at:at + SLOT] for at in range(0, len(log), SLOT)]
    for count, slot in enumerate(slots, 1):
        # The size of an unsynced append may be there without its bytes.
        if count == len(slots) > before and slot == bytes(SLOT):
            continue
        if slot != b"%*d\n" % (SLOT - 1, count):
            return f"slot {count} of {len(slots)} is {slot}"
    if not before <= len(slots) <= after + 1:
        return f"{len(slots)} slots, {before} to {after} were synced"
    for path, _, names in os.walk(f"{place}/load"):
        for name in names:
            with open(f"{path}/{name}", "rb") as file:
                text = file.read().decode()
            if name[0] == "n" and text not in ("", name[1:].split(".")[0]):
                return f"{path}/{name} is {text}"
            # A name comes after its slot, whatever was copied first.
            if name[0] == "n" and path.endswith(writer.here[-3:]) and \
                    int(name[1:].split(".")[0]) > len(slots):
                return f"{path}/{name} without slot, of {len(slots)}"
    return None


def under_load():
    os.makedirs(f"{MNT}/rest")
    for i in range(100):
        write_at(f"{MNT}/rest/f{i}", CHANCE.randbytes(40000))
    verb("sync")
    rest = tree(f"{STORE}/rest")
    writers = [Writer(i) for i in range(3)]
    for writer in writers:
        writer.start()
    wrong = []
    for number in range(4):
        place = f"{WORK}/load{number}"
        before = [writer.synced for writer in writers]
        code, _, err = flakey("snapshot", MNT, place)
        after = [writer.synced for writer in writers]
        if code:
            wrong.append(err)
            continue
        lines = difference(tree(f"{place}/rest"), rest)
        wrong += lines[:3]
        wrong += [wrong_in(place, writer, *counts)
                  for writer, *counts in zip(writers, before, after)]
        shutil.rmtree(place)
    for writer in writers:
        writer.done.set()
    for writer in writers:
        writer.join(WAIT)
    wrong = [line for line in wrong if line]
    ok("snapshots under load have what was synced, and nothing by half",
       not wrong, *wrong)
    ok("the programs notice nothing",
       all(writer.error is None for writer in writers),
       *(writer.error for writer in writers))
    counts = [writer.synced for writer in writers]
    flakey("crash", MNT)
    wrong = [wrong_in(MNT, writer, count, count)
             for writer, count in zip(writers, counts)]
    ok("a crash afterwards loses nothing that was synced", not any(wrong),
       *wrong)
    for writer in writers:
        os.close(writer.fd)


def refused():
    full = f"{WORK}/full"
    os.mkdir(full)
    write_at(f"{full}/file", b"mine")
    write_at(f"{WORK}/file", b"mine")
    cases = {
        "in the mount": f"{MNT}/shot",
        "the mount": MNT,
        "in the store": f"{STORE}/shot",
        "the store": STORE,
        "not empty": full,
        "no directory": f"{WORK}/file",
        "below nothing": f"{WORK}/none/shot",
    }
    for name, place in cases.items():
        trees = tree(WORK + "/full"), tree(STORE), os.listdir(WORK)
        code, out, err = flakey("snapshot", MNT, place)
        ok(f"refused in one sentence: {name}",
           code != 0 and out == "" and err.count("\n") == 1 and place in err,
           code, out, err)
        ok(f"... and nothing is left: {name}",
           trees == (tree(WORK + "/full"), tree(STORE), os.listdir(WORK)))


def no_rules():
    """What a rule does to transfers is no part of what the power leaves."""
    os.mkdir(f"{MNT}/ruled")
    write_at(f"{MNT}/ruled/file", b"x" * 9000)
    code, _, err = flakey("fault", "set", MNT,
                          "store/write=return(EIO)", "store/commit=return(EIO)")
    place = f"{WORK}/ruled"
    if code == 0:
        code, _, err = flakey("snapshot", MNT, place, "--keep", "all")
    size = -1
    if code == 0:
        size = os.stat(f"{place}/ruled/file").st_size
    ok("rules for the store do not act on what a crash keeps", size == 9000,
       err, size)
    flakey("fault", "clear", MNT)


HOLDER = """
import mmap, os, sys, time
how, path = sys.argv[1:]
if how == "fd":
    held = os.open(path, os.O_RDONLY)
elif how == "map":
    fd = os.open(path, os.O_RDONLY)
    held = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
    os.close(fd)
elif how == "cwd":
    os.chdir(os.path.dirname(path))
print("ready", flush=True)
sys.stdin.read()
"""


def kills():
    os.mkdir(f"{MNT}/held")
    write_at(f"{MNT}/held/file", b"x" * 4096, 0, True)
    holders = {
        how: subprocess.Popen(
            [sys.executable, "-c", HOLDER, how, f"{MNT}/held/file"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for how in ("fd", "map", "cwd", "nothing")
    }
    for holder in holders.values():
        holder.stdout.readline()
    mine = os.open(f"{MNT}/held", os.O_RDONLY)
    verb("crash kill=yes")
    os.close(mine)
    for how, holder in holders.items():
        if how == "nothing":
            ok("who holds nothing lives", holder.poll() is None)
            holder.stdin.close()
            holder.wait(WAIT)
        else:
            ok(f"who holds the mount by {how} is killed",
               holder.wait(WAIT) == -signal.SIGKILL)
    ok("who asked lives, though it holds a directory", True)


print(f"# seed {SEED}", flush=True)
os.umask(0o022)
like_crashes()
refused()
no_rules()
kills()
under_load()
print(f"1..{points}")
sys.exit(failed > 0)
