#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""lists.py [ROUNDS], with MNT, STORE and WORK in the environment

Random changes of modes and access lists, each done on a directory of the host
and on the mount: results, modes, lists, and who is let in must be the same. Then
more changes on the mount alone, a fsync of a directory somewhere among them, and
a power failure: mount and store must be as they were at the fsync.

FLAKEY_TEST_SEED gives the chance again. As root (a mount with allow_other) other
users act, too."""

import errno
import os
import random
import stat
import struct
import sys

ACCESS = "system.posix_acl_access"
DEFAULT = "system.posix_acl_default"
LISTS = (ACCESS, DEFAULT)
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
NOBODY = 0xffffffff
STEPS = 120
ME = (os.geteuid(), os.getegid(), tuple(os.getgroups()))


def mapped(kind):
    with open(f"/proc/self/{kind}_map", encoding="ascii") as file:
        whole = [line.split() for line in file]
    return len(whole) == 1 and int(whole[0][2]) > 100000


ALL_IDS = mapped("uid") and mapped("gid")
IDS = (0, 1, 65533, 65534) if ALL_IDS else (0,)
ROOT = ME[0] == 0 and ALL_IDS
ACTORS = [ME]
if ROOT:
    ACTORS += [(65533, 65533, ()), (65534, 65534, (65533,)), (1, 1, (0,)),
               (1, 65534, ())]


class Acting:
    """As another user, with the file system's ids only."""

    def __init__(self, who):
        self.who = who

    def __enter__(self):
        if self.who != ME:
            os.setgroups(self.who[2])
            os.setegid(self.who[1])
            os.seteuid(self.who[0])

    def __exit__(self, *_):
        if self.who != ME:
            os.seteuid(ME[0])
            os.setegid(ME[1])
            os.setgroups(ME[2])


def entry(tag, bits, number=NOBODY):
    return struct.pack("<HHI", tag, bits, number)


def random_list(rng):
    users = rng.sample(IDS, rng.randrange(len(IDS) + 1))
    groups = rng.sample(IDS, rng.randrange(len(IDS) + 1))
    if rng.random() < 0.3:
        users = groups = ()
    value = entry(USER_OBJ, rng.randrange(8))
    for user in sorted(users):
        value += entry(USER, rng.randrange(8), user)
    value += entry(GROUP_OBJ, rng.randrange(8))
    for group in sorted(groups):
        value += entry(GROUP, rng.randrange(8), group)
    if users or groups or rng.random() < 0.2:
        value += entry(MASK, rng.randrange(8))
    value += entry(OTHER, rng.randrange(8))
    if rng.random() < 0.05:
        at = rng.randrange(len(value))
        value = value[:at] + bytes([rng.randrange(256)]) + value[at + 1:]
    version = 2 if rng.random() < 0.98 else rng.randrange(4)
    return struct.pack("<I", version) + value


# What can be done, on names that exist or are free. Each takes the paths that the
# step chose, and what else it chose.

def create(path, _, mode, umask):
    old = os.umask(umask)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    finally:
        os.umask(old)


def make_directory(path, _, mode, umask):
    old = os.umask(umask)
    try:
        os.mkdir(path, mode)
    finally:
        os.umask(old)


def make_fifo(path, _, mode, umask):
    old = os.umask(umask)
    try:
        os.mkfifo(path, mode)
    finally:
        os.umask(old)


def make_unnamed(path, _, mode, umask):
    old = os.umask(umask)
    try:
        fd = os.open(os.path.dirname(path), os.O_TMPFILE | os.O_RDWR, mode)
        if mode & 1:
            os.setxattr(fd, ACCESS, random_list(random.Random(mode + umask)))
        # Any descriptor: it makes Python follow the link in /proc.
        os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=fd,
                follow_symlinks=True)
        os.close(fd)
    finally:
        os.umask(old)


def make_link(path, other, *_):
    os.symlink(os.path.basename(other), path)


def rename(path, other, *_):
    os.rename(other, path)


def link(path, other, *_):
    os.link(other, path, follow_symlinks=False)


def remove(_, other, *__):
    if stat.S_ISDIR(os.lstat(other).st_mode):
        os.rmdir(other)
    else:
        os.unlink(other)


def change_mode(_, other, mode, umask):
    if not os.path.islink(other):
        os.chmod(other, mode | (umask & 0o7) << 9)


def change_owner(_, other, mode, umask):
    os.chown(other, IDS[mode % len(IDS)], IDS[umask % len(IDS)],
             follow_symlinks=False)


def set_list(_, other, mode, umask):
    rng = random.Random(mode << 16 | umask)
    name = LISTS[rng.random() < 0.35]
    flags = rng.choice((0, 0, 0, os.XATTR_CREATE, os.XATTR_REPLACE))
    os.setxattr(other, name, random_list(rng), flags, follow_symlinks=False)


def remove_list(_, other, mode, __):
    os.removexattr(other, LISTS[mode & 1], follow_symlinks=False)


def set_xattr(_, other, mode, __):
    os.setxattr(other, "user.k%d" % (mode % 3), b"v" * (mode % 50),
                follow_symlinks=False)


def write(_, other, mode, __):
    fd = os.open(other, os.O_WRONLY | os.O_NONBLOCK | (
        os.O_TRUNC if mode & 1 else 0))
    os.write(fd, b"w" * 10)
    os.close(fd)


STEP_KINDS = (
    [create] * 4 + [make_directory] * 4 + [make_fifo, make_unnamed, make_link,
                                           rename, link, remove, set_xattr,
                                           change_owner, write]
    + [change_mode] * 3 + [set_list] * 8 + [remove_list] * 2)


def result(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, error.errno)


def below(top):
    """Relative paths of all directories and of everything; root looks."""
    folders, everything = ["."], []
    for here, names, files in os.walk(top):
        for name in sorted(names + files):
            path = os.path.relpath(os.path.join(here, name), top)
            everything.append(path)
            if name in names and not os.path.islink(os.path.join(here, name)):
                folders.append(path)
    return sorted(folders), sorted(everything)


def describe(path):
    """All that belongs here, times and contents apart."""
    st = os.lstat(path)
    names = result(lambda: sorted(os.listxattr(path, follow_symlinks=False)))
    values = [result(lambda n=name: os.getxattr(path, n, follow_symlinks=False))
              for name in LISTS]
    return (stat.filemode(st.st_mode), st.st_uid, st.st_gid, st.st_nlink
            if not stat.S_ISDIR(st.st_mode) else 0, names, values)


def listing(top):
    return {path: result(describe, os.path.join(top, path))
            for path in ["."] + below(top)[1]}


def permissions(path):
    """Who may do what, by trying."""
    answers = []
    for who in ACTORS:
        with Acting(who):
            answers.append([os.access(path, how, effective_ids=True)
                            for how in (os.R_OK, os.W_OK, os.X_OK)]
                           + [result(lambda: bool(os.stat(path)))])
    return answers


def same_access(one, other):
    """The two let the same people in, for what the files themselves say."""
    seen = [result(permissions, path) for path in (one, other)]
    if seen[0] != seen[1]:
        print(f"# '{one}' {seen[0]}\n# '{other}' {seen[1]}")
    return seen[0] == seen[1]


class Round:
    def __init__(self, rng, native, live):
        self.rng = rng
        self.native, self.live = native, live
        self.number = 0

    def choose(self):
        folders, everything = below(self.live)
        self.number += 1
        parent = self.rng.choice(folders)
        free = os.path.join(parent, "n%d" % self.number)
        other = self.rng.choice(everything or ["."])
        call = self.rng.choice(STEP_KINDS)
        who = ME if self.rng.random() < 0.6 else self.rng.choice(ACTORS)
        return call, who, free, other, self.rng.randrange(0o1000), (
            self.rng.choice((0, 0o22, 0o77, 0o27)))

    def step_on(self, top, step):
        call, who, free, other, mode, umask = step
        with Acting(who):
            return result(call, os.path.join(top, free),
                          os.path.join(top, other), mode, umask)

    def both(self):
        step = self.choose()
        results = [self.step_on(top, step) for top in (self.native, self.live)]
        same = results[0] == results[1]
        for path in {".", step[2], step[3], os.path.dirname(step[2])}:
            pair = [os.path.join(top, path) for top in (self.native, self.live)]
            seen = [result(describe, path) for path in pair]
            let_in = [result(permissions, path) for path in pair]
            if seen[0] != seen[1] or let_in[0] != let_in[1] or not same:
                print(f"# step {self.number}: {step[0].__name__} {step[1:]}:"
                      f" {results}\n# '{path}' native {seen[0]} {let_in[0]}"
                      f"\n# '{path}' mount  {seen[1]} {let_in[1]}")
                return False
        return True


class Points:
    def __init__(self):
        self.count = self.failed = 0

    def ok(self, passed, name):
        self.count += 1
        self.failed += not passed
        print("%sok %d - %s" % ("" if passed else "not ", self.count, name),
              flush=True)
        return passed


def differences(got, wanted):
    for path in sorted(set(got) | set(wanted)):
        if got.get(path) != wanted.get(path):
            print(f"# '{path}' is {got.get(path)}\n#   not {wanted.get(path)}")
    return got == wanted


def order(mount, line):
    with open(os.path.join(mount, ".flakey/control"), "w",
              encoding="ascii") as file:
        file.write(line + "\n")


def play(rng, points, number, places):
    native, mount, store = (os.path.join(place, "round%d" % number)
                            for place in places)
    for top in (native, mount):
        os.mkdir(top)
        os.chmod(top, 0o777)
    it = Round(rng, native, mount)
    points.ok(all(it.both() for _ in range(STEPS)),
              f"round {number}: each step does the same")
    points.ok(differences(listing(mount), listing(native)),
              f"round {number}: all is the same in the end")
    for _ in range(rng.randrange(20)):
        it.step_on(mount, it.choose())
    fd = os.open(os.path.join(places[1]), os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
    wanted = listing(mount)
    points.ok(differences(listing(store), wanted),
              f"round {number}: the store has it after a fsync of a directory")
    for _ in range(rng.randrange(40)):
        it.step_on(mount, it.choose())
    points.ok(differences(listing(store), wanted),
              f"round {number}: and no more than that")
    order(places[1], "crash")
    points.ok(differences(listing(mount), wanted),
              f"round {number}: a crash loses the rest")
    points.ok(all(same_access(os.path.join(store, path),
                              os.path.join(mount, path)) for path in wanted),
              f"round {number}: nor does anybody remember who was let in")


def main():
    mount, store = os.environ["MNT"], os.environ["STORE"]
    native = os.path.join(os.environ["WORK"], "native")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3 if ROOT else 5
    os.mkdir(native)
    value = struct.pack("<I", 2) + b"".join(
        (entry(USER_OBJ, 7), entry(USER, 7, IDS[0]), entry(GROUP_OBJ, 7),
         entry(MASK, 7), entry(OTHER, 7)))
    if result(os.setxattr, native, ACCESS, value) == "EOPNOTSUPP":
        print("1..0 # SKIP no access lists on this file system")
        return 0
    seed = int(os.environ.get("FLAKEY_TEST_SEED", random.randrange(1 << 32)))
    print(f"# FLAKEY_TEST_SEED={seed}", flush=True)
    rng = random.Random(seed)
    points = Points()
    for number in range(rounds):
        play(rng, points, number, (native, mount, store))
    print(f"1..{points.count}")
    return 1 if points.failed else 0


if __name__ == "__main__":
    sys.exit(main())
