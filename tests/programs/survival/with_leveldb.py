# SPDX-License-Identifier: MIT
"""LevelDB: numbered values; its log is small, so that files come and go."""

try:
    import plyvel
except ImportError:
    plyvel = None

from .program import REAL, Loss, Setting, missing_of

PUTS = 60
BUFFER_BYTES = 1 << 16	 # the least that LevelDB takes


def value_of(number):
    """Known to who checks; they do not get smaller by compression."""
    return bytes((number * 31 + at * at) % 251
                 for at in range(number * 997 % 5000 + 1))


class Leveldb(Setting):
    """Every put with or without sync."""
    program = "LevelDB"
    package = "libleveldb1d"
    exact = False  # a thread of its own compacts

    def __init__(self, name, every, unsafe=None, profiles=REAL):
        self.name = name
        self.every = every	# so manieth put is with sync
        self.unsafe = unsafe
        self.profiles = profiles

    def missing(self):
        return None if plyvel else "no python3-plyvel"

    def _open(self, place, **options):
        return plyvel.DB(place + "/db", write_buffer_size=BUFFER_BYTES,
                         **options)

    def prepare(self, place):
        self._open(place, create_if_missing=True).close()

    def work(self, place, rng, promise):
        db = self._open(place)
        newest = 0
        with db.iterator(reverse=True, include_value=False) as keys:
            for key in keys:
                newest = int(key)
                break
        owed = []
        for number in range(newest + 1, newest + 1 + PUTS):
            sync = self.every > 0 and number % self.every == 0
            db.put(b"%08d" % number, value_of(number), sync=sync)
            owed.append(number)
            if sync or self.every == 0:
                for each in owed:
                    promise(each)
                owed = []

    def check(self, place, promises):
        db = self._open(place, paranoid_checks=False)
        found = {int(key): value
                 for key, value in db.iterator(verify_checksums=True)}
        db.close()
        if any(value != value_of(number) for number, value in found.items()):
            return Loss("a value is another")
        return missing_of(sorted(map(int, promises)), found, "puts")


SETTINGS = (
    Leveldb("sync=true", 1),
    Leveldb("sync=true", 1, "puts in a log whose name nobody has synced",
            ("posix",)),
    Leveldb("sync=true at every 8th put", 8, "puts before a new log"),
    Leveldb("sync=false", 0, "puts"),
)
