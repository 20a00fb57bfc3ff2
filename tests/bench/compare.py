#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What requests cost in two builds of flakey, one as a ratio of the other.

    tests/bench/compare.py [--runs N] [--count N] [--place DIR] OLD NEW

OLD and NEW are build directories. Each run mounts both, one right after the
other in an order that changes, and does the same COUNT operations of each row
on both, one client, with no rule and no mode set. Shown are the medians of the
daemon's CPU time for one operation, which what else the machine does hardly
changes, and of the time that the client waits for it, and the medians of the
ratios within a run. PLACE (/dev/shm) has to be memory.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PAGE = bytes(4096)
SMALL = bytes(100)
STREAM = bytes(128 << 10)


class Daemon:
    """A mount of one build, and the clock of its server's CPU time."""

    def __init__(self, build, place):
        self.tool = f"{build}/tools/flakey"
        self.place = tempfile.mkdtemp(dir=place)
        self.mount = f"{self.place}/mnt"
        os.mkdir(f"{self.place}/store")
        os.mkdir(self.mount)
        answer = subprocess.run(
            [self.tool, "mount", "--json", "--scratch", self.place,
             f"{self.place}/store", self.mount],
            check=True, stdout=subprocess.PIPE)
        # What pthread_getcpuclockid(3) makes of a process (CPUCLOCK_SCHED).
        self.clock = (~json.loads(answer.stdout)["pid"] << 3) | 2

    def cpu_ns(self):
        return time.clock_gettime_ns(self.clock)

    def end(self):
        subprocess.run([self.tool, "umount", self.mount],
                       check=True, stdout=subprocess.DEVNULL)


def create(where, count):
    for i in range(count):
        fd = os.open(f"{where}/{i}", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        os.write(fd, SMALL)
        os.close(fd)


def stat(where, count):
    for i in range(count):
        os.stat(f"{where}/{i}")


def lookup(where, count):
    for i in range(count):
        try:
            os.stat(f"{where}/none-{i}")
        except FileNotFoundError:
            pass


def append(where, count):
    fd = os.open(f"{where}/append", os.O_CREAT | os.O_WRONLY)
    for _ in range(count):
        os.write(fd, PAGE)
        os.fsync(fd)
    os.close(fd)


def overwrite(where, count):
    fd = os.open(f"{where}/append", os.O_WRONLY)
    for i in range(count):
        os.pwrite(fd, PAGE, i * 7919 % count * len(PAGE))
        os.fsync(fd)
    os.close(fd)


def read(where, count):
    fd = os.open(f"{where}/append", os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    for i in range(count):
        os.pread(fd, len(PAGE), i * 7919 % count * len(PAGE))
    os.close(fd)


def stream(where, count):
    fd = os.open(f"{where}/stream", os.O_CREAT | os.O_WRONLY)
    for i in range(count):
        os.pwrite(fd, STREAM, i % 64 * len(STREAM))
    os.close(fd)


def rename(where, count):
    for i in range(count):
        os.rename(f"{where}/{i}", f"{where}/renamed-{i}")


def unlink(where, count):
    for i in range(count):
        os.unlink(f"{where}/renamed-{i}")


ROWS = {
    "create + write 100 B + close": create,
    "first stat after a write": stat,
    "lookup of no file": lookup,
    "4 KiB append + fsync": append,
    "4 KiB random write + fsync": overwrite,
    "4 KiB random read": read,
    "128 KiB write": stream,
    "rename": rename,
    "unlink": unlink,
}
MOUNT = "mount + umount"


def measure(build, place, count):
    """Microseconds by row: of the daemon's CPU, and of the client's waiting."""
    daemon = Daemon(build, place)
    cost = {}
    try:
        for name, row in ROWS.items():
            cpu = daemon.cpu_ns()
            begin = time.monotonic_ns()
            row(daemon.mount, count)
            waited = time.monotonic_ns() - begin
            cost[name] = ((daemon.cpu_ns() - cpu) / count / 1e3,
                          waited / count / 1e3)
    finally:
        daemon.end()
        shutil.rmtree(daemon.place)
    return cost


def mount_only(build, place):
    """A mount that nothing was done on, to its end: microseconds."""
    begin = time.monotonic_ns()
    daemon = Daemon(build, place)
    cpu = daemon.cpu_ns()
    daemon.end()
    waited = time.monotonic_ns() - begin
    shutil.rmtree(daemon.place)
    return cpu / 1e3, waited / 1e3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--place", default="/dev/shm")
    parser.add_argument("old")
    parser.add_argument("new")
    options = parser.parse_args()
    builds = [os.path.abspath(options.old), os.path.abspath(options.new)]
    runs = []
    for number in range(options.runs):
        run = {}
        order = builds if number % 2 == 0 else builds[::-1]
        for build in order:
            run[build] = measure(build, options.place, options.count)
        for build in order:
            run[build][MOUNT] = mount_only(build, options.place)
        runs.append(run)
    print("| us | CPU, old | CPU, new | ratio | waited, old | waited, new "
          "| ratio |\n|---|---|---|---|---|---|---|")
    for name in [*ROWS, MOUNT]:
        cells = []
        for kind in (0, 1):
            old, new = ([run[build][name][kind] for run in runs]
                        for build in builds)
            ratios = [b / a for a, b in zip(old, new)]
            cells += [f"{statistics.median(old):.1f}",
                      f"{statistics.median(new):.1f}",
                      f"{statistics.median(ratios):.2f}"]
        print(f"| {name} | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
