#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Real programs lose power: survive.py --flakey COMMAND PROGRAM...

Each setting of a program works on a mount of its own, loses power before or after
an operation that a seed chooses, recovers, and has to have everything that it
acknowledged. A setting that is documented as unsafe has to be caught: some seed
shows a loss, and the same seed shows it again. If this fails, a program loses what
it would not lose on the real file system, or flakey does not find what it should.

Run by root, all of it is done as an ordinary user. docs/programs.md has more."""

import argparse
import ctypes
import fnmatch
import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
NOBODY = 65534
CLONE_NEWIPC = 0x08000000
# One trial is so many crashes on one store, so that a replay stays short.
CHAIN = 5
SEEDS_MAX = 200
REPLAYS_MAX = 8


def parse():
    """The command line."""
    names = sorted(name[5:-3] for name in os.listdir(HERE + "/survival")
                   if name.startswith("with_"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--flakey", required=True, help="the command to test")
    parser.add_argument("--rounds", type=int, default=3,
                        help="crashes for each safe setting and profile; 3")
    parser.add_argument("--seed", type=int,
                        default=os.environ.get("FLAKEY_TEST_SEED", "1"),
                        help="of the first trial; else $FLAKEY_TEST_SEED")
    parser.add_argument("--replays", type=int, default=1,
                        help="how often a caught seed is played again; 1")
    parser.add_argument("--profile", action="append",
                        help="only this one; else those of the setting")
    parser.add_argument("--short", action="store_true",
                        help="each setting on one profile, which the seed chooses")
    parser.add_argument("--setting", default="*",
                        help="only those whose names match")
    parser.add_argument("--plan", action="append",
                        choices=("none", "partial", "zeros"),
                        help="only this kind; else those of the setting")
    parser.add_argument("--table", action="store_true",
                        help="print the rows for docs/programs.md")
    parser.add_argument("programs", nargs="+", choices=names,
                        metavar="PROGRAM", help=" ".join(names))
    options = parser.parse_args()
    options.seed = int(options.seed)
    return options


class Report:
    """TAP, and the rows of the table."""

    def __init__(self):
        self.count = 0
        self.failed = 0
        self.rows = []

    def point(self, good, name, *remarks):
        """One line of TAP."""
        self.count += 1
        self.failed += not good
        print("ok" if good else "not ok", self.count, "-", name)
        for remark in remarks:
            print("#", remark)
        sys.stdout.flush()

    def skip(self, name, why):
        """The same for what cannot be done here."""
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}")

    def row(self, setting, profile, crashes, promised, seconds, result):
        """One row."""
        plans = ", ".join(f"{kind} {crashes[kind]}" for kind in sorted(crashes))
        self.rows.append(f"| {setting.program} | {setting.version()} "
                         f"| {setting.name} | {profile} | {plans} "
                         f"| {promised} | {seconds:.1f} | {result} |")


def add_up(total, crashes):
    """Crashes by kind of plan."""
    for kind, count in crashes.items():
        total[kind] = total.get(kind, 0) + count


def survive(bench, options, plans):
    """A safe setting: (crashes by plan, promises, complaints)."""
    total = {}
    promised = 0
    seed = options.seed
    while sum(total.values()) < options.rounds:
        left = options.rounds - sum(total.values())
        result = bench.trial(seed, min(left, CHAIN), plans)
        add_up(total, result.crashes)
        promised += result.promised
        if result.loss:
            return total, promised, [
                f"seed {seed}, crash {sum(result.crashes.values())}: "
                f"{result.loss.text}", f"power failed {result.moment}"]
        seed += 1
    return total, promised, []


def replay(bench, options, seed, plans):
    """Plays a seed that showed a loss again: (how often it did so again in words,
    complaints). Each time has to show it, or, of a program with threads, one."""
    exact = bench.setting.exact
    shown = 0
    for count in range(1, max(options.replays, 1 if exact else REPLAYS_MAX) + 1):
        shown += bench.trial(seed, 1, plans).loss is not None
        if count >= options.replays and (exact or shown):
            break
    again = f"again in {shown} of {count}"
    good = shown == count if exact else shown > 0
    return again, [] if good else [f"seed {seed}: {again}"]


def catch(bench, options, plans):
    """An unsafe setting: (crashes by plan, promises, the result that shows it, how
    often it did so again in words, complaints)."""
    total = {}
    promised = 0
    for seed in range(options.seed, options.seed + SEEDS_MAX):
        result = bench.trial(seed, 1, plans)
        add_up(total, result.crashes)
        promised += result.promised
        if result.loss is None or (bench.setting.breaks and
                                   result.loss.last is not None):
            continue
        worst = bench.setting.worst
        if worst is not None and (result.loss.last is None or
                                  result.loss.last > worst):
            return total, promised, result, "", [
                f"seed {seed}: more than documented: {result.loss.text}",
                f"power failed {result.moment}"]
        again, wrong = replay(bench, options, seed, plans)
        return total, promised, result, again, wrong
    return total, promised, None, "", [f"nothing lost in {SEEDS_MAX} seeds from "
                                       f"{options.seed} on"]


def play(bench, options, report):
    """One setting on one profile."""
    setting, profile = bench.setting, bench.disk.profile
    plans = [plan for plan in setting.plans
             if plan in (options.plan or setting.plans)]
    name = f"{setting.program}, {setting.name}, {profile}"
    begin = time.monotonic()
    if not plans:
        return
    bench.prepare()
    if setting.unsafe is None:
        total, promised, wrong = survive(bench, options, plans)
        seconds = time.monotonic() - begin
        result = "safe" if not wrong else "; ".join(wrong)
        report.point(not wrong, f"{name}: keeps what it promised",
                     f"{sum(total.values())} crashes, {promised} acknowledged, "
                     f"{seconds:.1f} s", *wrong)
    else:
        total, promised, shown, again, wrong = catch(bench, options, plans)
        seconds = time.monotonic() - begin
        result = "; ".join(wrong) if wrong else (
            f"caught by seed {shown.seed}, {again}: {shown.loss.text}")
        report.point(not wrong, f"{name}: is caught, losing {setting.unsafe}",
                     result, f"power failed {shown.moment}" if shown else "")
    report.row(setting, profile, total, promised, seconds, result)


def profiles_of(setting, options):
    """Where a setting is to be tried."""
    wanted = [profile for profile in options.profile or setting.profiles
              if not options.profile or profile in setting.profiles + ("posix",)]
    if options.short and wanted:
        rng = random.Random(f"{options.seed} {setting.program} {setting.name}")
        return [rng.choice(wanted)]
    return wanted


def leave_root(work, flakey):
    """An ordinary user from here on, who can run the command."""
    binary = os.path.join(work, "flakey")
    shutil.copy(flakey, binary)
    if os.geteuid() == 0:
        # Servers that are killed leave shared memory behind.
        ctypes.CDLL(None).unshare(CLONE_NEWIPC)
        os.chown(work, NOBODY, NOBODY)
        os.chown(binary, NOBODY, NOBODY)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    os.chdir(work)
    os.environ.update(HOME=work, LC_ALL="C.UTF-8", TMPDIR=work)
    return binary


def end(number, _):
    """Takes everything down; but a program that does not end is a result."""
    if number == signal.SIGALRM:
        raise RuntimeError("it has no end")
    sys.exit(128 + number)


def main():
    """All that was asked for."""
    options = parse()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, end)
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        print("1..0 # SKIP /dev/fuse is missing or closed")
        return 0
    sys.path.insert(0, HERE)
    child = importlib.import_module("survival.child")
    trial = importlib.import_module("survival.trial")
    settings = [setting for name in options.programs for setting in
                importlib.import_module("survival.with_" + name).SETTINGS
                if fnmatch.fnmatch(setting.name, options.setting)]
    flakey = os.path.realpath(options.flakey)
    base = os.environ.get("TMPDIR", "/var/tmp")
    report = Report()
    print(f"# FLAKEY_TEST_SEED={options.seed}")
    with tempfile.TemporaryDirectory(prefix="flakey-test.", dir=base,
                                     ignore_cleanup_errors=True) as work:
        flakey = leave_root(work, flakey)
        child.adopt_orphans()
        for number, setting in enumerate(settings):
            if why := setting.missing():
                report.skip(f"{setting.program}, {setting.name}", why)
                continue
            for profile in profiles_of(setting, options):
                bench = trial.Bench(flakey, f"{work}/{number}.{profile}",
                                    setting, profile)
                try:
                    play(bench, options, report)
                except (RuntimeError, OSError, subprocess.SubprocessError) as why:
                    report.point(False, f"{setting.program}, {setting.name}, "
                                        f"{profile}: {why}")
                shutil.rmtree(bench.directory, ignore_errors=True)
        os.chdir("/")
    print(f"1..{report.count}")
    if options.table:
        print("\n".join(report.rows))
    return 1 if report.failed else 0


sys.exit(main())
