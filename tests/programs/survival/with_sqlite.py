# SPDX-License-Identifier: MIT
"""SQLite: payments, and a balance that is their sum."""

import os
import sqlite3

from .program import Loss, Setting, missing_of

PAYMENTS = 12


def amount(number):
    """What was paid: known to who checks."""
    return number * 7 + 3


class Sqlite(Setting):
    """A journal mode and a synchronous setting."""
    program = "SQLite"
    package = "libsqlite3-0"
    journal = ""
    synchronous = ""

    def __init__(self, journal, synchronous, unsafe=None, worst=None):
        self.journal = journal
        self.synchronous = synchronous
        self.name = f"{journal}, {synchronous}"
        self.unsafe = unsafe
        self.worst = worst
        if worst is not None and unsafe is None:
            self.name += ", but for the last commit"
            self.forgives = worst

    def _open(self, place):
        db = sqlite3.connect(os.path.join(place, "bank.db"),
                             isolation_level=None)
        (mode,) = db.execute(f"PRAGMA journal_mode={self.journal}").fetchone()
        if mode != self.journal.lower():
            raise RuntimeError(f"journal_mode is {mode}")
        db.execute(f"PRAGMA synchronous={self.synchronous}")
        return db

    def prepare(self, place):
        db = self._open(place)
        db.executescript(
            "CREATE TABLE payments(id INTEGER PRIMARY KEY, amount, note);"
            "CREATE TABLE balance(total); INSERT INTO balance VALUES(0);")
        db.close()

    def work(self, place, rng, promise):
        db = self._open(place)
        (last,) = db.execute("SELECT max(id) FROM payments").fetchone()
        for number in range((last or 0) + 1, (last or 0) + 1 + PAYMENTS):
            note = rng.randbytes(rng.choice((10, 500, 6000)))
            db.execute("BEGIN")
            db.execute("INSERT INTO payments VALUES(?, ?, ?)",
                       (number, amount(number), note))
            db.execute("UPDATE balance SET total = total + ?",
                       (amount(number),))
            if rng.random() < 0.2:
                db.execute("UPDATE payments SET note = NULL WHERE id < ?",
                           (number - 3,))
            db.execute("COMMIT")
            promise(number)

    def check(self, place, promises):
        db = self._open(place)
        verdict = [row[0] for row in db.execute("PRAGMA integrity_check")]
        if verdict != ["ok"]:
            return Loss("integrity_check: " + verdict[0])
        rows = db.execute("SELECT id, amount FROM payments").fetchall()
        if any(paid != amount(number) for number, paid in rows):
            return Loss("a payment is another")
        (total,) = db.execute("SELECT total FROM balance").fetchone()
        if total != sum(paid for _, paid in rows):
            return Loss("half a transaction is there")
        return missing_of(list(map(int, promises)), [row[0] for row in rows],
                          "commits")


SETTINGS = (
    Sqlite("WAL", "FULL"),
    Sqlite("TRUNCATE", "FULL"),
    Sqlite("PERSIST", "FULL"),
    Sqlite("DELETE", "EXTRA"),
    Sqlite("DELETE", "FULL", "the last commit", 1),
    Sqlite("DELETE", "FULL", worst=1),
    Sqlite("DELETE", "OFF", "commits, or the database"),
    Sqlite("WAL", "OFF", "commits, or the database"),
)
