# SPDX-License-Identifier: MIT
"""LMDB: numbered values, the newest of them by name, and old ones removed."""

import subprocess

try:
    import lmdb
except ImportError:
    lmdb = None

from .program import Loss, Setting, missing_of

TRANSACTIONS = 15
KEPT = 40


def value_of(number):
    """Known to who checks; some are too long for one page."""
    return f"{number} ".encode() * (number * 97 % 1500 + 1)


class Lmdb(Setting):
    """The flags of an environment."""
    program = "LMDB"
    package = "liblmdb0"
    files = "data.mdb"

    def __init__(self, name, flags, unsafe=None, **more):
        self.name = name
        self.flags = flags
        self.unsafe = unsafe
        vars(self).update(more)

    def missing(self):
        return None if lmdb else "no python3-lmdb"

    def _open(self, place):
        return lmdb.open(place + "/db", map_size=1 << 24, **self.flags)

    def prepare(self, place):
        with self._open(place) as env, env.begin(write=True) as txn:
            txn.put(b"newest", b"0")

    def work(self, place, rng, promise):
        env = self._open(place)
        with env.begin() as txn:
            newest = int(txn.get(b"newest"))
        for number in range(newest + 1, newest + 1 + TRANSACTIONS):
            with env.begin(write=True) as txn:
                txn.put(b"%08d" % number, value_of(number))
                txn.put(b"newest", b"%d" % number)
                txn.delete(b"%08d" % (number - KEPT))
            promise(number)

    def check(self, place, promises):
        stat = subprocess.run(["mdb_stat", "-aff", place + "/db"], text=True,
                              capture_output=True, check=False)
        if stat.returncode != 0:
            return Loss(f"mdb_stat: status {stat.returncode} "
                        f"{stat.stderr.strip()}")
        with self._open(place) as env, env.begin() as txn:
            newest = int(txn.get(b"newest"))
            found = {int(key): value for key, value in txn.cursor()
                     if key != b"newest"}
        if sorted(found) != list(range(max(1, newest - KEPT + 1), newest + 1)):
            return Loss(f"half a transaction is there, newest is {newest}")
        if any(value != value_of(number) for number, value in found.items()):
            return Loss("a value is another")
        return missing_of(list(map(int, promises)), range(1, newest + 1),
                          "transactions")


SETTINGS = (
    Lmdb("default", {}),
    Lmdb("MDB_NOMETASYNC", {"metasync": False}, "the last transaction",
         worst=1),
    Lmdb("MDB_NOMETASYNC, but for the last transaction", {"metasync": False},
         forgives=1),
    Lmdb("MDB_NOSYNC", {"sync": False}, "transactions, or the database"),
)
