# SPDX-License-Identifier: MIT
"""Redis: keys whose values are known from their numbers, and users."""

import glob
import os
import socket
import subprocess
import tempfile
import time

from .program import Loss, Setting, missing_of
from .server import Server, ServerRefused, connects

# The server's own command is a link to this one, and looks at its name.
BINARY = "/usr/bin/redis-check-rdb"
CHECKER = "/usr/bin/redis-check-aof"
REWRITING = "aof_rewrite_in_progress:1"
WRITES = 60
# What "everysec" is documented to lose: what came in the last second; two, when
# the disk is busy.
EVERYSEC_S = 2.0


class Client:
    """Requests and answers, one at a time."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def __call__(self, *words):
        request = b"*%d\r\n" % len(words)
        for word in map(str, words):
            request += b"$%d\r\n%s\r\n" % (len(word), word.encode())
        self.socket.sendall(request)
        return self._answer()

    def says(self, section, what):
        """Whether this is how things are."""
        return what in self("INFO", section)

    def _answer(self):
        line = self.file.readline()
        if not line:
            raise EOFError("redis-server has gone")
        kind, text = line[:1], line[1:].strip().decode()
        if kind == b"-":
            raise RuntimeError("redis-server: " + text)
        if kind == b"+":
            return text
        if kind == b":":
            return int(text)
        if int(text) < 0:
            return None
        if kind == b"*":
            return [self._answer() for _ in range(int(text))]
        return self.file.read(int(text) + 2)[:-2].decode()


class Redis(Setting):
    """A way to write the append-only file."""
    program = "Redis"
    package = "redis-tools"
    exact = False
    large = False  # whether each value is of some blocks

    def __init__(self, name, fsync, mend=False, **more):
        self.name = name
        self.fsync = fsync
        self.mend = mend
        for key, what in more.items():
            setattr(self, key, what)

    def value(self, number):
        """Of a key; some are of more than a block."""
        size = 20
        if self.large or number % 9 == 0:
            size = 9000 + number * 7919 % 6000
        return f"{number}:" + "v" * size

    def missing(self):
        return None if os.path.exists(BINARY) else "no redis-tools"

    def start(self, place):
        """The server, and who talks to it."""
        folder = os.path.join(place, "redis")
        os.makedirs(folder, exist_ok=True)
        link = os.path.join(tempfile.mkdtemp(prefix="redis."), "redis-server")
        os.symlink(BINARY, link)
        end = os.path.join(os.path.dirname(link), "socket")
        server = Server([link, *self.options(folder), "--dir", folder, "--port",
                         "0", "--unixsocket", end, "--save", ""],
                        lambda _: connects(end))
        client = Client(end)
        deadline = time.monotonic() + 60
        try:
            while client.says("persistence", "loading:1"):
                if time.monotonic() > deadline:
                    raise ServerRefused("it loads for ever")
        except (OSError, EOFError):
            # It listens before it looks at its files.
            server.process.wait()
            raise ServerRefused(server.last_words()) from None
        return server, client

    def options(self, _folder):
        """Of the server."""
        return ["--appendonly", "yes", "--appendfsync", self.fsync]

    def prepare(self, place):
        server, client = self.start(place)
        client("SET", "key:0", self.value(0))
        server.kill()

    def work(self, place, rng, promise):
        _, client = self.recover(place)
        number = client("DBSIZE")
        for _ in range(WRITES):
            client("SET", f"key:{number}", self.value(number))
            promise(number)
            number += 1
            if rng.random() < 0.02 and not client.says("persistence",
                                                       REWRITING):
                client("BGREWRITEAOF")

    def recover(self, place):
        """Starts it, if need be with the tool that is meant for that."""
        try:
            return self.start(place)
        except ServerRefused:
            if not self.mend:
                raise
        for manifest in glob.glob(f"{place}/redis/appendonlydir/*.manifest"):
            subprocess.run([CHECKER, "--fix", manifest], input=b"y\n",
                           check=True, stdout=subprocess.DEVNULL)
        return self.start(place)

    def check(self, place, promises):
        server, client = self.recover(place)
        found = []
        others = []
        for number in range(client("DBSIZE")):
            text = client("GET", f"key:{number}")
            (found if text == self.value(number) else others).append(number)
        server.kill()
        # The file has no checksums: zeros in the last command are a value, too.
        if others and not self.mend:
            return Loss(f"key {others[0]} has another value")
        return missing_of(self.binding(promises), found, "writes")

    def binding(self, promises):
        """The promises that have to be kept."""
        return [int(line) for line in promises]


class EverySecond(Redis):
    """Synced once a second: the promises come with their time."""
    # Most moments come when the first writes are old enough to be there.
    slow = 0

    def work(self, place, rng, promise):
        _, client = self.recover(place)
        first = client("DBSIZE")
        run = time.monotonic()
        for number in range(first, first + WRITES + self.slow):
            client("SET", f"key:{number}", self.value(number))
            promise(f"{number} {run} {time.monotonic()}")
            time.sleep(0.01 if number >= first + self.slow else 0.2)

    def binding(self, promises):
        made = [(int(number), run, float(when))
                for number, run, when in map(str.split, promises)]
        # Power may have failed more than once, and then each time took its last.
        last = {run: when for _, run, when in made}
        loss_s = 0 if self.unsafe else EVERYSEC_S
        return [number for number, run, when in made if when <= last[run] - loss_s]


class Users(Redis):
    """ACL SAVE is to keep the users in a file of their own."""

    def options(self, folder):
        path = os.path.join(folder, "users.acl")
        if not os.path.exists(path):
            with open(path, "w", encoding="ascii"):
                pass
        return ["--aclfile", path]

    def prepare(self, place):
        server, client = self.start(place)
        client("ACL", "SAVE")
        server.kill()

    def work(self, place, rng, promise):
        _, client = self.start(place)
        number = len(client("ACL", "USERS"))
        for number in range(number, number + 5):
            client("ACL", "SETUSER", f"user{number}", "on", ">secret", "+get")
            client("ACL", "SAVE")
            promise(number)

    def check(self, place, promises):
        server, client = self.recover(place)
        users = client("ACL", "USERS")
        server.kill()
        return missing_of([int(line) for line in promises],
                          [int(user[4:]) for user in users if user != "default"],
                          "users")


SETTINGS = (
    Redis("appendfsync always", "always", profiles=("xfs", "btrfs")),
    Redis("appendfsync always, redis-check-aof --fix", "always", mend=True),
    Redis("appendfsync always, nobody calls redis-check-aof", "always",
          large=True, profiles=("ext4",), plans=("zeros",), breaks=True,
          unsafe="its start, over a tail of zeros"),
    EverySecond("appendfsync everysec, but for the last 2 s", "everysec",
                slow=11, mend=True),
    EverySecond("appendfsync everysec", "everysec", plans=("none",),
                unsafe="writes of the last 2 s"),
    Redis("appendfsync no", "no", unsafe="all since the last sync"),
    Users("ACL SAVE", "always", unsafe="users, or the file's content"),
)
