# SPDX-License-Identifier: MIT
"""PostgreSQL: payments, and accounts whose sum they are."""

import contextlib
import glob
import os
import shutil
import subprocess
import tempfile

from .program import Loss, Setting, missing_of
from .server import Server

PAYMENTS = 80
ACCOUNTS = 20
TABLES = """
CREATE EXTENSION amcheck;
CREATE TABLE payments(id int PRIMARY KEY, account int, amount int, note text);
CREATE INDEX ON payments(note);
CREATE TABLE accounts(id int PRIMARY KEY, total int);
INSERT INTO accounts SELECT n, 0 FROM generate_series(0, %d) n;
""" % (ACCOUNTS - 1)
# A payment is wanted in both tables or in none.
HALVES = ("SELECT count(*) FROM accounts WHERE total <> (SELECT "
          "coalesce(sum(amount), 0) FROM payments WHERE account = accounts.id)")


def folder():
    """Of the newest server that Debian has installed; None without one."""
    found = glob.glob("/usr/lib/postgresql/*/bin/postgres")
    return os.path.dirname(max(found, key=lambda path: int(path.split("/")[4]))
                           ) if found else None


class Session:
    """A psql that answers one statement after the other."""

    def __init__(self, sockets, database="postgres"):
        self.process = subprocess.Popen(
            [folder() + "/psql", "-XAtq", "-h", sockets, "-U", "tester", database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def __call__(self, statement):
        self.process.stdin.write(statement + ";\n\\echo .\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline()) != ".\n":
            if not line:
                raise RuntimeError(f"psql: {self.process.stderr.read()[-200:]}")
            lines.append(line.rstrip("\n"))
        return lines

    def close(self):
        """Ends it."""
        self.process.stdin.close()
        self.process.wait()


def copy_cluster(path):
    """A new one. initdb takes seconds, so what it made is kept for all settings,
    outside of any mount."""
    kept = os.path.join(tempfile.gettempdir(), "cluster")
    if not os.path.exists(kept):
        made = kept + ".new"
        subprocess.run([folder() + "/initdb", "-D", made, "-U", "tester", "-A",
                        "trust", "--locale=C", "-E", "UTF8", "--no-sync",
                        "--wal-segsize=1"], check=True, stdout=subprocess.DEVNULL)
        os.rename(made, kept)
    shutil.copytree(kept, path)


def lock_lines(place):
    """What the server says of itself."""
    path = os.path.join(place, "cluster", "postmaster.pid")
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def is_ready(place, pid):
    """Whether this server takes connections: asking it would cost a process."""
    lines = lock_lines(place)
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


class PostgreSQL(Setting):
    """A server with some of its parameters."""
    program = "PostgreSQL"
    exact = False

    def __init__(self, name, parameters=(), unsafe=None, files="**"):
        self.name = name
        self.files = files
        self.parameters = parameters
        self.unsafe = unsafe
        self.package = "postgresql-" + (folder() or "/0/").split("/")[-2]

    def missing(self):
        return None if folder() else "no PostgreSQL server"

    def start(self, place):
        """The server, and who talks to it."""
        sockets = tempfile.mkdtemp(prefix="pg.")
        command = [folder() + "/postgres", "-D", os.path.join(place, "cluster"),
                   "-k", sockets]
        # Shared memory in files of the cluster, and checkpoints in each second.
        for parameter in ("listen_addresses=", "max_connections=5",
                          "dynamic_shared_memory_type=mmap",
                          "shared_buffers=1MB", "max_wal_size=2MB",
                          "min_wal_size=2MB", *self.parameters):
            command += ["-c", parameter]
        server = Server(command, lambda pid: is_ready(place, pid))
        # What says that the server runs would outlive it, when it is killed.
        subprocess.run(["ipcrm", "-m", lock_lines(place)[6].split()[1]],
                       check=True)
        return server, sockets

    def prepare(self, place):
        copy_cluster(os.path.join(place, "cluster"))
        server, sockets = self.start(place)
        with contextlib.closing(Session(sockets)) as sql:
            sql(TABLES)
        server.kill()

    def work(self, place, rng, promise):
        _, sockets = self.start(place)
        sql = Session(sockets)
        (last,) = sql("SELECT coalesce(max(id), 0) FROM payments")
        for number in range(int(last) + 1, int(last) + 1 + PAYMENTS):
            account = rng.randrange(ACCOUNTS)
            size = rng.choice((5, 200, 2000))
            sql("BEGIN; "
                f"INSERT INTO payments VALUES({number}, {account}, {number}, "
                f"repeat(md5('{number}'), {size} / 32 + 1)); "
                f"UPDATE accounts SET total = total + {number} "
                f"WHERE id = {account}; COMMIT")
            promise(number)
            if rng.random() < 0.05:
                sql("CHECKPOINT")

    def check(self, place, promises):
        server, sockets = self.start(place)
        try:
            return self._judge(sockets, promises)
        finally:
            server.kill()

    def _judge(self, sockets, promises):
        done = subprocess.run([folder() + "/pg_amcheck", "-h", sockets, "-U",
                               "tester", "--heapallindexed", "-s", "public",
                               "postgres"], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            return Loss("pg_amcheck: " + (done.stdout + done.stderr)[:200])
        with contextlib.closing(Session(sockets)) as sql:
            if sql(HALVES) != ["0"]:
                return Loss("half a transaction is there")
            return missing_of([int(line) for line in promises], [
                int(line) for line in sql("SELECT id FROM payments")], "commits")


SETTINGS = (
    # A server that recovers syncs each of its thousand files: most moments are then.
    PostgreSQL("default"),
    PostgreSQL("default, power fails at its log", files="**/pg_wal/**"),
    PostgreSQL("fsync=off", ("fsync=off",), "commits, or the cluster"),
)
