#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Each action at each point of a fault rule: what the table of docs/fault-rules.md
allows is done to a real operation on the mount and looked at, what it does not
allow is refused when it is set. To be run with cache=none, which hides nothing.

If this fails, a rule says that it has done something and has not, or is
accepted where it can do nothing."""

import errno
import os
import re
import shutil
import sys
import threading
import time

MOUNT = os.environ["MNT"]
STORE = os.environ["STORE"]
WORK = os.environ["WORK"]
CONTROL = MOUNT + "/.flakey/"
SLEEP_S = 0.004
DEADLINE_S = 20
count = 0
failed = 0
serial = 0


def point(name, problems):
    """One test point."""
    global count, failed
    count += 1
    failed += bool(problems)
    print(f"{'not ' if problems else ''}ok {count} - {name}")
    for problem in problems:
        print(f"# {problem}")
    sys.stdout.flush()


def put(name, line):
    """A write to a control file: None, or the errno."""
    fd = os.open(CONTROL + name, os.O_WRONLY | os.O_CLOEXEC |
                 (os.O_TRUNC if name == "faults" else 0))
    try:
        if line:
            os.write(fd, line.encode())
        return None
    except OSError as error:
        return error.errno
    finally:
        os.close(fd)


def read(path, size=-1):
    """All bytes of a file."""
    with open(path, "rb", buffering=0) as file:
        return file.read(size)


class Log:
    """What the event log has had since."""

    def __init__(self):
        self.fd = os.open(CONTROL + "log", os.O_RDONLY | os.O_CLOEXEC)
        self.at = os.fstat(self.fd).st_size

    def lines(self):
        """As text."""
        return os.pread(self.fd, 1 << 20, self.at).decode()

    def close(self):
        """No more."""
        os.close(self.fd)


def wait_until(is_true):
    """Whether it came true in time."""
    deadline = time.monotonic() + DEADLINE_S
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def incarnation():
    """How often the power has failed."""
    return int(re.search(rb'"incarnation": *(\d+)', read(CONTROL + "status"))
               .group(1))


def exists(path):
    """Without a word of the kernel's cache."""
    return os.path.basename(path) in os.listdir(os.path.dirname(path))


def make(path, data=b"abcdefgh", sync=False):
    """A file; its descriptor."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    os.write(fd, data)
    if sync:
        os.fsync(fd)
    return fd


class Case:
    """An operation: prepared without rules, then done with them."""

    def __init__(self):
        global serial
        serial += 1
        self.dir = f"{MOUNT}/d{serial}"
        self.name = f"{self.dir}/f"
        self.fds = []

    def prepare(self):
        """A directory that is stored."""
        os.mkdir(self.dir)
        self.sync()

    def sync(self):
        """All that was made."""
        fd = os.open(self.dir, os.O_RDONLY | os.O_CLOEXEC)
        os.fsync(fd)
        os.close(fd)

    def file(self, sync=True):
        """The file, open and stored."""
        self.fds.append(make(self.name, sync=sync))
        return self.fds[-1]

    def stored(self, name="f"):
        """Whether the store has it."""
        return os.path.lexists(f"{STORE}/{os.path.basename(self.dir)}/{name}")

    def act(self):
        """The operation; what it returns."""

    def done(self):
        """Whether it has had its effect; None if it has none."""
        return None

    def kept(self):
        """Whether the effect is in the store after a sync of all."""
        return None

    def close(self):
        """Descriptors are not left behind."""
        for fd in self.fds:
            try:
                os.close(fd)
            except OSError:
                pass


class Looking(Case):
    """An operation on a file that is there."""

    def prepare(self):
        super().prepare()
        self.file()


class Lookup(Case):
    def act(self):
        try:
            os.stat(self.name + "none")
        except FileNotFoundError:
            pass


class Getattr(Case):
    def prepare(self):
        super().prepare()
        self.sub = self.dir + "/s"
        os.mkdir(self.sub)
        os.mkdir(self.sub + "/x")  # its attributes are not known now

    def act(self):
        os.stat(self.sub)


class Opendir(Case):
    def act(self):
        self.fds.append(os.open(self.dir, os.O_RDONLY | os.O_DIRECTORY))


class Readdir(Case):
    def act(self):
        os.listdir(self.dir)


class Open(Looking):
    def act(self):
        self.fds.append(os.open(self.name, os.O_RDWR | os.O_TRUNC))

    def done(self):
        return os.stat(f"{self.dir}").st_size >= 0 and \
            os.fstat(self.fds[0]).st_size == 0


class Create(Case):
    def act(self):
        self.fds.append(os.open(self.name, os.O_RDWR | os.O_CREAT, 0o644))

    def done(self):
        return exists(self.name)

    def kept(self):
        return self.stored()


class Tmpfile(Case):
    def act(self):
        self.fds.append(os.open(self.dir, os.O_RDWR | os.O_TMPFILE, 0o644))


class Close(Case):
    def prepare(self):
        super().prepare()
        self.fd = make(self.name)

    def act(self):
        os.close(self.fd)


class Read(Looking):
    def act(self):
        return os.pread(self.fds[0], 8, 0)


class Write(Looking):
    def act(self):
        return os.pwrite(self.fds[0], b"ABCDEFGH", 0)

    def done(self):
        return read(self.name)[:1] == b"A"

    def kept(self):
        return read(f"{STORE}/{os.path.basename(self.dir)}/f")[:1] == b"A"


class Truncate(Looking):
    def act(self):
        os.ftruncate(self.fds[0], 3)

    def done(self):
        return len(read(self.name)) == 3

    def kept(self):
        return os.stat(f"{STORE}/{os.path.basename(self.dir)}/f").st_size == 3


class Fallocate(Looking):
    def act(self):
        os.posix_fallocate(self.fds[0], 0, 8192)

    def done(self):
        return len(read(self.name)) == 8192

    def kept(self):
        return os.stat(
            f"{STORE}/{os.path.basename(self.dir)}/f").st_size == 8192


class Seek(Looking):
    def act(self):
        os.lseek(self.fds[0], 0, os.SEEK_DATA)


class Fsync(Case):
    def prepare(self):
        super().prepare()
        self.file(sync=False)

    def act(self):
        os.fsync(self.fds[0])

    def done(self):
        return self.stored()

    kept = done


class Fdatasync(Fsync):
    def act(self):
        os.fdatasync(self.fds[0])


class Fsyncdir(Fsync):
    def prepare(self):
        super().prepare()
        self.fds.insert(0, os.open(self.dir, os.O_RDONLY))


class Mkdir(Case):
    def act(self):
        os.mkdir(self.name)

    def done(self):
        return exists(self.name)

    def kept(self):
        return self.stored()


class Mknod(Mkdir):
    def act(self):
        os.mkfifo(self.name)


class Symlink(Mkdir):
    def act(self):
        os.symlink("x", self.name)


class Link(Looking):
    def act(self):
        os.link(self.name, self.name + "2")

    def done(self):
        return exists(self.name + "2")

    def kept(self):
        return self.stored("f2")


class Unlink(Looking):
    def act(self):
        os.unlink(self.name)

    def done(self):
        return not exists(self.name)

    def kept(self):
        return not self.stored()


class Rmdir(Case):
    def prepare(self):
        super().prepare()
        os.mkdir(self.name)
        self.sync()

    def act(self):
        os.rmdir(self.name)

    def done(self):
        return not exists(self.name)

    def kept(self):
        return not self.stored()


class Rename(Looking):
    def act(self):
        os.rename(self.name, self.name + "2")

    def done(self):
        return exists(self.name + "2")

    def kept(self):
        return self.stored("f2")


class Readlink(Case):
    def prepare(self):
        super().prepare()
        os.symlink("x", self.name)

    def act(self):
        os.readlink(self.name)


class Chmod(Looking):
    def act(self):
        os.chmod(self.name, 0o600)

    def done(self):
        return os.stat(self.name).st_mode & 0o777 == 0o600

    def kept(self):
        path = f"{STORE}/{os.path.basename(self.dir)}/f"
        return os.stat(path).st_mode & 0o777 == 0o600


class Chown(Looking):
    def prepare(self):
        super().prepare()
        os.chmod(self.name, 0o6755)
        self.sync()

    def act(self):
        os.chown(self.name, os.geteuid(), -1)


class Utimes(Looking):
    def act(self):
        os.utime(self.name, (5, 5))

    def done(self):
        return os.stat(self.name).st_mtime == 5


class Statfs(Case):
    def act(self):
        os.statvfs(self.dir)


class Setxattr(Looking):
    def act(self):
        os.setxattr(self.name, "user.x", b"1")

    def done(self):
        return "user.x" in os.listxattr(self.name)

    def kept(self):
        return "user.x" in os.listxattr(
            f"{STORE}/{os.path.basename(self.dir)}/f")


class Getxattr(Looking):
    def prepare(self):
        super().prepare()
        os.setxattr(self.name, "user.x", b"1")
        self.sync()

    def act(self):
        os.getxattr(self.name, "user.x")


class Listxattr(Getxattr):
    def act(self):
        os.listxattr(self.name)


class Removexattr(Getxattr):
    def act(self):
        os.removexattr(self.name, "user.x")

    def done(self):
        return "user.x" not in os.listxattr(self.name)

    def kept(self):
        return "user.x" not in os.listxattr(
            f"{STORE}/{os.path.basename(self.dir)}/f")


class StoreRead(Read):
    pass


class StoreWrite(Fsync):
    def done(self):
        path = f"{STORE}/{os.path.basename(self.dir)}/f"
        return os.path.exists(path) and read(path) == b"abcdefgh"

    kept = done


class StoreCommit(Fsync):
    pass


WAITS = {"sleep", "delay", "slow", "pause"}
ANYWHERE = WAITS | {"off", "panic", "crash", "break", "print", "yield", "exit",
                    "kill", "snapshot"}
CHANGES = {"return", "fail-after", "drop"}
MAKES = CHANGES | {"nospace"}
TABLE = {
    "fs/lookup": (Lookup, {"return"}),
    "fs/getattr": (Getattr, {"return"}),
    "fs/opendir": (Opendir, {"return"}),
    "fs/readdir": (Readdir, {"return"}),
    "fs/open": (Open, {"return", "fail-after"}),
    "fs/create": (Create, MAKES),
    "fs/tmpfile": (Tmpfile, MAKES - {"drop"}),
    "fs/close": (Close, set()),
    "fs/read": (Read, {"return", "fail-after", "short", "corrupt"}),
    "fs/write": (Write, MAKES | {"short", "corrupt"}),
    "fs/truncate": (Truncate, CHANGES),
    "fs/fallocate": (Fallocate, MAKES),
    "fs/seek": (Seek, {"return"}),
    "fs/fsync": (Fsync, CHANGES),
    "fs/fdatasync": (Fdatasync, CHANGES),
    "fs/fsyncdir": (Fsyncdir, CHANGES),
    "fs/mkdir": (Mkdir, MAKES),
    "fs/mknod": (Mknod, MAKES),
    "fs/symlink": (Symlink, MAKES),
    "fs/link": (Link, MAKES),
    "fs/unlink": (Unlink, CHANGES),
    "fs/rmdir": (Rmdir, CHANGES),
    "fs/rename": (Rename, MAKES),
    "fs/readlink": (Readlink, {"return"}),
    "fs/chmod": (Chmod, CHANGES),
    "fs/chown": (Chown, CHANGES),
    "fs/utimes": (Utimes, CHANGES - {"drop"}),
    "fs/statfs": (Statfs, {"return"}),
    "fs/setxattr": (Setxattr, MAKES),
    "fs/getxattr": (Getxattr, {"return"}),
    "fs/listxattr": (Listxattr, {"return"}),
    "fs/removexattr": (Removexattr, CHANGES),
    "store/read": (StoreRead, {"return", "corrupt"}),
    "store/write": (StoreWrite, {"return", "corrupt", "drop", "nospace"}),
    "store/commit": (StoreCommit, CHANGES),
}
TERMS = {
    "off": "off", "return": "return(EIO)", "sleep": "sleep(4ms)",
    "delay": "delay(4ms)", "slow": "slow(4ms)", "pause": "pause",
    "panic": "panic", "crash": "crash", "break": "break",
    "print": 'print("hey")', "yield": "yield", "exit": "exit(3)",
    "kill": "kill", "snapshot": "snapshot", "fail-after": "fail-after(EIO)",
    "nospace": "nospace(0)", "short": "short(1)", "drop": "drop",
    "corrupt": "corrupt(zero, count=1, at=2)",
}
AFTER = ANYWHERE | {"return", "fail-after"}


def allowed(name, action, after):
    """What the table says."""
    can = (ANYWHERE - WAITS if name == "fs/close" else ANYWHERE) | TABLE[name][1]
    return action in can and (not after or action in AFTER)


def attempt(case):
    """The operation: what it returned, its errno, how long it took."""
    begin = time.monotonic()
    try:
        value, error = case.act(), None
    except OSError as caught:
        value, error = None, caught.errno
    return value, error, time.monotonic() - begin


def commit_all():
    """All that is unsynced; the error of it is nobody's here."""
    put("control", "sync\n")


def check_pause(case):
    """It is woken by taking the rule away."""
    log = Log()
    result = []
    thread = threading.Thread(target=lambda: result.append(attempt(case)))
    thread.start()
    problems = []
    if not wait_until(lambda: '"event":"fault"' in log.lines()):
        problems.append("it was not hit")
    if result:
        problems.append("it did not wait")
    put("faults", "")
    thread.join(DEADLINE_S)
    if not result:
        problems.append("it was not woken")
    elif result[0][1]:
        problems.append(f"errno {result[0][1]} after it was woken")
    log.close()
    return problems


def after_crash(name, after, error, before):
    """The operation of a crash fails, unless it was done before."""
    problems = []
    if not wait_until(lambda: incarnation() == before + 1):
        problems.append("no crash")
    # At the store the operation has not ended yet; a last close has no answer.
    fails = name != "fs/close" and (not after or name.startswith("store/"))
    # A listing takes several requests, and the next one meets a dead handle.
    if fails != (error == errno.EIO) and name != "fs/readdir":
        problems.append(f"errno {error}")
    return problems


def check_data(name, action, case, result):
    """What has become of bytes."""
    value, error, _ = result
    if error:
        return [f"errno {error}"]
    if action == "short":
        return [] if value in (1, b"a") else [f"it returned {value}"]
    put("faults", "")
    if name == "fs/read" or name == "store/read":
        return [] if value == b"ab\0defgh" else [f"it read {value}"]
    want = b"AB\0DEFGH" if name == "fs/write" else b"ab\0defgh"
    got = read(case.name) if name == "fs/write" else \
        read(f"{STORE}/{os.path.basename(case.dir)}/f")
    return [] if got == want else [f"it has {got}"]


def check_error(name, action, after, case, result):
    """An error that is told, with or without an effect."""
    _, error, _ = result
    want = errno.ENOSPC if action == "nospace" else errno.EIO
    problems = [] if error == want else [f"errno {error}, not {want}"]
    put("faults", "")
    has_effect = after or action == "fail-after"
    if name.startswith("store/write") and action == "return":
        return problems  # what becomes of it then is the profile's
    # The kernel is told right after that what it cached is not true.
    if case.done() is not None and \
            not wait_until(lambda: case.done() == has_effect):
        problems.append("it was done" if case.done() else "it was not done")
    return problems


def check_drop(case, result):
    """Acknowledged, shown, never stored."""
    _, error, _ = result
    problems = [f"errno {error}"] if error else []
    put("faults", "")
    if not isinstance(case, (Fsync,)) and case.done() is False:
        problems.append("it is not shown")
    commit_all()
    if case.kept():
        problems.append("it was stored")
    return problems


def check_plain(action, case, result, log, directory):
    """What leaves the operation as it is."""
    _, error, took = result
    problems = [f"errno {error}"] if error else []
    if action in WAITS and took < SLEEP_S:
        problems.append(f"it took {took:.4f} s")
    lines = log.lines()
    if action != "off" and '"event":"fault"' not in lines:
        problems.append("no line in the log")
    if action == "print" and '"effect":"hey"' not in lines:
        problems.append("not printed")
    # Nobody waits for a last close.
    if action == "snapshot" and \
            not wait_until(lambda: os.path.isdir(directory)):
        problems.append("no snapshot")
    put("faults", "")
    if case.done() is False:
        problems.append("it was not done")
    return problems


def check(name, action, after, rule, directory):
    """One cell that is allowed."""
    if action in ("exit", "kill"):
        put("faults", "")
        return []  # the daemon ends: rules_wait_and_end.py
    case = TABLE[name][0]()
    put("faults", "")
    case.prepare()
    log = Log()
    before = incarnation()
    problems = [] if put("faults", rule) is None else ["it was refused"]
    if action == "pause":
        problems += check_pause(case)
    else:
        result = attempt(case)
        if action in ("panic", "crash"):
            problems += after_crash(name, after, result[1], before)
        elif action in ("short", "corrupt"):
            problems += check_data(name, action, case, result)
        elif action == "drop":
            problems += check_drop(case, result)
        elif action in ("return", "fail-after", "nospace"):
            problems += check_error(name, action, after, case, result)
        else:
            problems += check_plain(action, case, result, log, directory)
    log.close()
    put("faults", "")
    case.close()
    shutil.rmtree(case.dir, ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)
    return problems


def test(name):
    """All actions at one point."""
    for after in (False, True):
        problems = []
        for action, terms in TERMS.items():
            directory = f"{WORK}/snapshot{serial}"
            if action == "snapshot":
                terms = f'snapshot("{directory}")'
            # Only once: the test looks around by the same operations.
            count_of = "" if action in ("off", "pause", "nospace") else "1*"
            when = "{when=after}" if after else ""
            rule = f"{name}{when}={count_of}{terms}\n"
            refused = put("faults", rule)
            want = allowed(name, action, after)
            if want != (refused is None):
                problems.append(f"{rule.strip()}: "
                                f"{'refused' if refused else 'accepted'}")
            elif want:
                problems += [f"{rule.strip()}: {problem}" for problem in
                             check(name, action, after, rule, directory)]
            if want is False and refused not in (None, errno.EINVAL):
                problems.append(f"{rule.strip()}: errno {refused}")
            put("control", "crash\n") if problems else None
        point(f"{name}, {'after' if after else 'before'} it is done", problems)


def main():
    """All points, or those that are named."""
    names = sys.argv[1:] or list(TABLE)
    for name in names:
        test(name)
    put("faults", "")
    put("control", "crash\n")
    print(f"1..{count}")
    sys.exit(failed > 0)


main()
