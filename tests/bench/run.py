#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures flakey beside a native directory, bindfs and the floor (floor.c).

    tests/bench/run.py [--rounds N] [--ms N] [--smoke] [--only ROW,...]
                       [--write docs/speed.md] BUILD

In each round every contender does every row once, one right after the other in
an order that changes, so that noise hits all alike; ratios are taken within a
round, and what is printed are medians over the rounds, as tables for
docs/speed.md. A store on disk lies in $TMPDIR or /var/tmp, one on tmpfs in
/dev/shm. Needs bindfs, git and tar for the whole table; what is missing is
left out. With --smoke everything runs once and briefly, to see that it works.
"""

import argparse
import contextlib
import io
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HEADERS = "/usr/include"
CLIENTS = (1, 4)
ORDER = ["native", "bindfs", "floor", "flakey"]
# The least ratio to another contender that is asked for, by row.
NEAR_FLOOR = {"floor": 0.8, "bindfs": 1.0}
GOALS = {
    "create": NEAR_FLOOR,
    "stat": NEAR_FLOOR,
    "rename": NEAR_FLOOR,
    "unlink": NEAR_FLOOR,
    "append-fsync": NEAR_FLOOR,
    "write": NEAR_FLOOR,
    "random-fsync": {"native": 2.0, "bindfs": 1.0},
    "sqlite": {"native": 2.0, "bindfs": 1.0},
    "first-read": {"bindfs": 1.0},
    "second-read": {"native": 0.9, "bindfs": 1.0},
    "clone": {"native": 1 / 3, "bindfs": 2.0},
    "tar": {"native": 1 / 3, "bindfs": 2.0},
}
LABELS = {
    "create": "create + write 100 B + close",
    "stat": "first stat after a write",
    "append-fsync": "4 KiB append + fsync",
    "random-fsync": "4 KiB random write + fsync",
    "write": "sequential write, MB/s",
    "first-read": "first read, MB/s",
    "second-read": "second read, MB/s",
    "sqlite": "SQLite commits",
    "clone": "git clone, 1/s",
    "tar": "tar x of /usr/include, 1/s",
}
# The disk is no party to these, on tmpfs.
DISK_ONLY = {("random-fsync", "native"), ("sqlite", "native")}


def run(*command, **options):
    return subprocess.run(command, check=True, **options)


def is_mounted(path):
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        return any(line.split()[4] == path for line in table)


class Contender:
    """One file system that is measured, mounted for a round."""

    def __init__(self, name, bench, place):
        self.name = name
        self.bench = bench
        self.store = f"{place}/{name}-store"
        self.mount = f"{place}/{name}-mnt"
        self.server = None

    def start(self, clients):
        os.mkdir(self.store)
        if self.name == "native":
            self.mount = self.store
            return
        os.mkdir(self.mount)
        build = self.bench.build
        command = {
            "bindfs": ["bindfs", self.store, self.mount],
            "flakey": [f"{build}/tools/flakey", "mount"]
            + self.bench.mount_options
            + ["--scratch", os.path.dirname(self.store)]
            + [self.store, self.mount],
            "floor": [f"{build}/tests/bench/floor"]
            + (["-t"] if clients > 1 and self.bench.floor_threads else [])
            + [self.mount],
        }[self.name]
        if self.name == "floor":
            # Daemons are in sessions of their own, and Linux schedules
            # sessions against each other: the floor shall be no exception.
            self.server = subprocess.Popen(command, start_new_session=True)
            while not is_mounted(self.mount):
                if self.server.poll() is not None:
                    raise RuntimeError("the floor does not start")
        else:
            run(*command)

    def stop(self):
        if self.name == "flakey" and is_mounted(self.mount):
            subprocess.run([f"{self.bench.build}/tools/flakey", "umount",
                            self.mount], stdout=subprocess.DEVNULL,
                           check=False)
        if self.name != "native" and is_mounted(self.mount):
            for command in (["fusermount3", "-uz"], ["umount", "-l"]):
                subprocess.run(command + [self.mount], check=False,
                               stderr=subprocess.DEVNULL)
        if self.server is not None:
            self.server.wait()
        for path in {self.store, self.mount}:
            shutil.rmtree(path, ignore_errors=True)


class Bench:
    def __init__(self, options):
        self.build = os.path.abspath(options.build)
        self.ms = str(options.ms)
        self.mount_options = options.flakey.split()
        self.floor_threads = options.floor_threads
        self.only = set(options.only.split(",")) if options.only else None
        self.names = [name for name in ORDER
                      if name != "bindfs" or shutil.which("bindfs")]
        self.values = {}
        self.current = []

    def wants(self, *rows):
        return self.only is None or not self.only.isdisjoint(rows)

    def note(self, key, name, value):
        self.values.setdefault(key, {}).setdefault(name, []).append(value)

    def program(self, name, *arguments):
        path = f"{self.build}/tests/bench/{name}"
        out = run(path, *arguments, stdout=subprocess.PIPE, text=True).stdout
        return [(row, float(rate)) for row, rate in map(str.split,
                                                        out.splitlines())]

    def workload(self, contender, clients, group):
        keep = ["-k"] if contender.name == "native" else []
        return self.program("workload", *keep, contender.mount, str(clients),
                            self.ms, group)

    def timed(self, row, target, command):
        began = time.monotonic()
        run(*command)
        took = time.monotonic() - began
        shutil.rmtree(target)
        return [(row, 1 / took)]

    def clone(self, contender):
        target = f"{contender.mount}/clone"
        return self.timed("clone", target,
                          ["git", "clone", "-q", "--no-hardlinks",
                           self.repository, target])

    def tar(self, contender):
        target = f"{contender.mount}/tar"
        os.mkdir(target)
        return self.timed("tar", target,
                          ["tar", "-xf", self.archive, "-C", target])

    def prepare(self, place, smoke):
        """What clone and tar take: a repository and an archive."""
        headers = HEADERS + ("/linux" if smoke else "")
        self.archive = f"{place}/archive.tar"
        self.repository = f"{place}/repository"
        if self.wants("tar"):
            run("tar", "-cf", self.archive, "-C", headers, ".")
        if self.wants("clone") and shutil.which("git"):
            run("cp", "-r", f"{HEADERS}/linux", self.repository)
            git = ["git", "-C", self.repository, "-c", "user.name=bench",
                   "-c", "user.email=bench@example.org"]
            run(*git, "init", "-q")
            run(*git, "add", ".")
            run(*git, "commit", "-qm", "headers")

    def jobs(self, clients):
        """(who takes part, function of a contender) for each step."""
        rows = {"files": ("create", "stat", "rename", "unlink"),
                "append": ("append-fsync",),
                "random": ("random-fsync",),
                "stream": ("write", "first-read", "second-read")}
        for group, names in rows.items():
            if self.wants(*names):
                yield self.names, lambda c, g=group: self.workload(
                    c, clients, g)
        real = [name for name in self.names if name != "floor"]
        if clients > 1:
            return
        if self.wants("sqlite") and os.path.exists(
                f"{self.build}/tests/bench/commits"):
            yield real, lambda c: self.program("commits", c.mount, self.ms)
        if self.wants("clone") and shutil.which("git"):
            yield real, self.clone
        if self.wants("tar"):
            yield real, self.tar

    def round(self, number, place, store, clients):
        contenders = {name: Contender(name, self, place)
                      for name in self.names}
        self.current = list(contenders.values())
        try:
            for contender in self.current:
                contender.start(clients)
            for step, (who, job) in enumerate(self.jobs(clients)):
                shift = (number + step) % len(who)
                for name in who[shift:] + who[:shift]:
                    for row, value in job(contenders[name]):
                        self.note((store, clients, row), name, value)
        finally:
            self.stop()

    def stop(self):
        for contender in self.current:
            contender.stop()
        self.current = []


def ratio(values, name):
    """The median of flakey's ratios to name, round by round."""
    if name not in values:
        return None
    return statistics.median(
        ours / other for ours, other in zip(values["flakey"], values[name]))


def cell(number):
    if number is None:
        return "-"
    return f"{number:.2f}" if number < 10 else f"{number:,.0f}"


def verdict(store, row, ratios):
    missed = [
        f"{name} {least:.2g}"
        for name, least in GOALS[row].items()
        if ratios.get(name) is not None and ratios[name] < least
        and not (store == "tmpfs" and (row, name) in DISK_ONLY)]
    return "missed: " + ", ".join(missed) if missed else "met"


def put_into(page, tables):
    """Between the two comments that say so."""
    with open(page, encoding="utf-8") as file:
        text = file.read()
    begin = text.index("-->", text.index("<!-- begin of the tables")) + 3
    end = text.index("<!-- end of the tables")
    with open(page, "w", encoding="utf-8") as file:
        file.write(text[:begin] + "\n\n" + tables + "\n" + text[end:])


def print_tables(bench, stores):
    names = bench.names
    for store in stores:
        for clients in CLIENTS:
            rows = [key[2] for key in bench.values
                    if key[:2] == (store, clients)]
            if not rows:
                continue
            print(f"\nStore on {store}, {clients} client"
                  f"{'s' if clients > 1 else ''}:\n")
            head = ["per second"] + names + [
                f"/ {name}" for name in names if name != "flakey"] + ["goal"]
            print("| " + " | ".join(head) + " |")
            print("|---" * len(head) + "|")
            for row in rows:
                values = bench.values[store, clients, row]
                ratios = {name: ratio(values, name)
                          for name in names if name != "flakey"}
                medians = [statistics.median(values[name])
                           if name in values else None for name in names]
                print("| " + " | ".join(
                    [LABELS.get(row, row)] + [cell(n) for n in medians]
                    + [cell(n) for n in ratios.values()]
                    + [verdict(store, row, ratios)]) + " |")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", help="the build directory")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ms", type=int, default=250,
                        help="how long a row runs")
    parser.add_argument("--stores", default="disk,tmpfs")
    parser.add_argument("--only", help="these rows, comma-separated")
    parser.add_argument("--flakey", default="",
                        help="more options for 'flakey mount'")
    parser.add_argument("--write", metavar="PAGE",
                        help="put the tables into this page")
    parser.add_argument("--floor-threads", action="store_true",
                        help="let the floor use threads for four clients")
    parser.add_argument("--smoke", action="store_true",
                        help="once and briefly")
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.ms, options.stores = 1, 5, "disk"
    return options


def main():
    options = arguments()
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        print("/dev/fuse is missing or closed")
        return 77
    bench = Bench(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    roots = {"disk": os.environ.get("TMPDIR") or "/var/tmp",
             "tmpfs": "/dev/shm"}
    stores = options.stores.split(",")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as shared:
        bench.prepare(shared, options.smoke)
        for number in range(options.rounds):
            for store in stores:
                with tempfile.TemporaryDirectory(dir=roots[store],
                                                 prefix="bench-") as place:
                    for clients in CLIENTS:
                        bench.round(number, os.path.realpath(place), store,
                                    clients)
    tables = io.StringIO()
    with contextlib.redirect_stdout(tables):
        print(f"`tests/bench/run.py {' '.join(sys.argv[1:])}`:\n"
              f"medians of {options.rounds}, {os.cpu_count()} cores, Linux"
              f" {'.'.join(platform.release().split('.')[:2])},"
              f" {time.monotonic() - began:.0f} s.")
        print_tables(bench, stores)
    print(tables.getvalue(), end="")
    if options.write:
        put_into(options.write, tables.getvalue())
    return 0 if bench.values else 1


if __name__ == "__main__":
    sys.exit(main())
