#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Asks real file systems what a power failure leaves, and compares the profiles.

    oracle.py [--seed N] [--first N] [--count N] [--wild] [--minimise] [--tap]
              PROFILE...
    oracle.py --cases FILE [--minimise] [--tap] PROFILE...

New random cases of the seed (generate.py; $FLAKEY_TEST_SEED if none is given, else a
new one), or those of FILE, a table like those of tests/litmus, are played on the real
file system in a guest (play_real.c, tests/guest/run) and on a mount of the profile of
that name (play_mount.c). Profiles are played at the same time, each in a guest of its
own. PROFILE is ext4, "ext4,block=4096", xfs or btrfs.

Where the two differ, the real one is asked three times more. If it does not give the
same answer each time, the case is chance and counts for nothing, but is told.
Otherwise it is printed as a row for a table of tests/litmus: case, real result, and
ours. With --minimise the row comes with as few operations as still make a difference.

    --wild         cases of all kinds: see generate.py
    --build DIR    where the programs were built (build)
    --tap          a test point for each case, for meson
    --tolerate N   so many differences, which are told, are no failure: for a profile
                   that is not exact yet
    --rows FILE    appends the rows to FILE, too

Exit status: 0, no difference; 1, some; 2, usage; 3, the cases could not be played.
By hand, from the top of the source:

    tests/oracle/oracle.py --count 2000 --wild --minimise ext4 xfs btrfs
"""

import argparse
import concurrent.futures
import os
import random
import subprocess
import sys
import tempfile

import generate

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
# A guest for so many; its time limit is generous, since a busy host is no failure.
CASES_A_GUEST = 500
SECONDS_A_GUEST = 120
SECONDS_A_CASE = 2
AGAIN = 3
ROUNDS_MAX = 40


class Unplayable(Exception):
    pass


class Host:
    """Plays cases: lines of `id setup ops`, between tabs; answers with results."""

    def __init__(self, build, directory):
        self.programs = os.path.join(build, "tests", "oracle")
        self.flakey = os.path.join(build, "tools", "flakey")
        self.guest_built = os.path.join(build, "tests", "guest")
        self.directory = directory

    def cases_file(self, cases):
        fd, path = tempfile.mkstemp(dir=self.directory, suffix=".cases")
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write("".join("\t".join(case) + "\n" for case in cases))
        os.chmod(path, 0o644)
        return path

    def run(self, what, command, cases, **environment):
        done = subprocess.run(command, capture_output=True, text=True,
                              errors="replace", check=False,
                              env={**os.environ, **environment})
        results = [line.split("\t") for line in done.stdout.splitlines()]
        wrong = next((n for n, (case, result) in enumerate(zip(cases, results))
                      if len(result) != 4 or tuple(result[:3]) != case), None)
        if done.returncode == 0 and len(results) == len(cases) \
                and wrong is None:
            return [result[3] for result in results]
        at = min(len(results), len(cases) - 1) if wrong is None else wrong
        raise Unplayable(f"{what} failed (status {done.returncode}) at "
                         f"{' | '.join(cases[at])}\n"
                         f"{done.stdout[-500:]}\n{done.stderr[-3000:]}")

    def real(self, profile, cases):
        """A guest has one processor, so a long list is for several."""
        results = []
        for first in range(0, len(cases), CASES_A_GUEST):
            part = cases[first:first + CASES_A_GUEST]
            limit = SECONDS_A_GUEST + SECONDS_A_CASE * len(part)
            path = self.cases_file(part)
            results += self.run(
                f"the real {profile}",
                [os.path.join(TOP, "tests", "guest", "run"), "--limit",
                 str(limit), "--", os.path.join(self.programs, "play_real"),
                 profile, path],
                part, FLAKEY_GUEST_BUILT=self.guest_built)
            os.unlink(path)
        return results

    def ours(self, profile, cases):
        path = self.cases_file(cases)
        results = self.run(
            f"the profile {profile}",
            [os.path.join(TOP, "tests", "harness", "on-mount"), "any",
             self.flakey, "--profile", profile, "--",
             os.path.join(HERE, "on-this-mount"),
             os.path.join(self.programs, "play_mount"), path], cases)
        os.unlink(path)
        return results


class Comparison:
    """What came of the cases of one profile."""

    def __init__(self, profile, count):
        self.profile = profile
        self.count = count
        self.different = []  # (case, real, ours)
        self.chance = []     # (case, its answers)
        self.log = []


def steady(host, comparison, suspects):
    """Those that are no chance on the real file system. Not once more in the same
    order, as what chance there is may come from there."""
    cases = [case for case, _, _ in suspects]
    if not cases:
        return
    answers = [[real] for _, real, _ in suspects]
    for _ in range(AGAIN):
        order = list(range(len(cases)))
        random.shuffle(order)
        results = host.real(comparison.profile, [cases[n] for n in order])
        for n, result in zip(order, results):
            answers[n].append(result)
    for (case, real, ours), heard in zip(suspects, answers):
        if len(set(heard)) > 1:
            comparison.chance.append((case, heard))
        else:
            comparison.different.append((case, real, ours))


def differences(host, profile, cases):
    """The two may not wait for each other: one of them is a guest."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        real = pool.submit(host.real, profile, cases)
        ours = pool.submit(host.ours, profile, cases)
        return [triple for triple in zip(cases, real.result(), ours.result())
                if triple[1] != triple[2]]


def shorter(case):
    """The case with each half, quarter and single op left out."""
    name, setup, ops = case
    setup, ops = setup.split(";"), ops.split(";")
    words = setup + ops
    found = []
    size = (len(words) + 1) // 2
    while size:
        for first in range(0, len(words), size):
            left = range(first, min(first + size, len(words)))
            new_setup = [op for n, op in enumerate(setup) if n not in left]
            new_ops = [op for n, op in enumerate(ops)
                       if n + len(setup) not in left]
            if new_ops:
                found.append((name, ";".join(new_setup), ";".join(new_ops)))
        size //= 2
    return list(dict.fromkeys(found))


def length(case):
    return case[1].count(";") + case[2].count(";")


def minimise(host, comparison):
    """All cases of a round are played in one guest."""
    open_cases = {triple[0][0]: triple for triple in comparison.different}
    done = {}
    for _ in range(ROUNDS_MAX):
        if not open_cases:
            break
        candidates = [new for triple in open_cases.values()
                      for new in shorter(triple[0])]
        found = {}
        for triple in differences(host, comparison.profile, candidates):
            name = triple[0][0]
            if name not in found or length(triple[0]) < length(found[name][0]):
                found[name] = triple
        done.update({name: triple for name, triple in open_cases.items()
                     if name not in found})
        open_cases = found
    done.update(open_cases)
    before = {triple[0][0] for triple in comparison.different}
    comparison.different = []
    steady(host, comparison, [done[name] for name in sorted(before)])


def compare(host, profile, cases, wants_minimum):
    comparison = Comparison(profile, len(cases))
    steady(host, comparison, differences(host, profile, cases))
    if wants_minimum:
        minimise(host, comparison)
    return comparison


def row(triple):
    case, real, ours = triple
    return "\t".join((*case, real, ours))


def report(comparison):
    for case, heard in comparison.chance:
        print(f"# {comparison.profile}: chance, not counted: "
              f"{' | '.join(case)}")
        for answer in sorted(set(heard)):
            print(f"#   {heard.count(answer)} times: {answer}")
    for triple in comparison.different:
        print(row(triple))
    print(f"# {comparison.profile}: {comparison.count} cases, "
          f"{len(comparison.different)} different, "
          f"{len(comparison.chance)} of chance")


def report_tap(comparison, cases, first, tolerated):
    """A point for each case. Returns the number of the next one."""
    wrong = {triple[0][0]: triple for triple in comparison.different}
    chance = {case[0]: heard for case, heard in comparison.chance}
    for number, case in enumerate(cases, first):
        bad = case[0] in wrong
        print(f"{'not ' if bad and not tolerated else ''}ok {number} - "
              f"{comparison.profile} {case[0]}")
        if bad:
            _, real, ours = wrong[case[0]]
            print(f"#   setup: {case[1]}\n#   ops:   {case[2]}\n"
                  f"#   real:  {real}\n#   ours:  {ours}")
        if case[0] in chance:
            print(f"#   chance: {sorted(set(chance[case[0]]))}")
    return first + len(cases)


def read_cases(path):
    with open(path, encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file]
    return [tuple(line.split("\t")[:3]) for line in lines
            if line and not line.startswith("#")]


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--cases")
    parser.add_argument("--rows")
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--minimise", action="store_true")
    parser.add_argument("--tap", action="store_true")
    parser.add_argument("--tolerate", type=int, default=0)
    parser.add_argument("--wild", action="store_true")
    parser.add_argument("profiles", nargs="+", metavar="PROFILE")
    return parser.parse_args(arguments)


def choose_cases(options):
    if options.cases:
        return read_cases(options.cases)
    seed = options.seed
    if seed is None:
        seed = int(os.environ.get("FLAKEY_TEST_SEED",
                                  random.randrange(1 << 32)))
    print(f"# FLAKEY_TEST_SEED={seed}, cases {options.first} to "
          f"{options.first + options.count - 1}", flush=True)
    lines = generate.cases(seed, options.count, options.first, options.wild)
    return [tuple(line.split("\t")) for line in lines]


def run(options, cases, directory):
    os.chmod(directory, 0o755)
    host = Host(os.path.abspath(options.build), directory)
    number = 1
    failed = False
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for comparison in pool.map(
                lambda profile: compare(host, profile, cases,
                                        options.minimise), options.profiles):
            tolerated = len(comparison.different) <= options.tolerate
            failed |= not tolerated
            if options.rows:
                with open(options.rows, "a", encoding="utf-8") as file:
                    file.write("".join(row(triple) + "\n" for triple
                                       in comparison.different))
            if options.tap:
                number = report_tap(comparison, cases, number, tolerated)
            else:
                report(comparison)
    if options.tap:
        print(f"1..{number - 1}")
    return failed


def main():
    options = parse(sys.argv[1:])
    cases = choose_cases(options)
    with tempfile.TemporaryDirectory(prefix="flakey-oracle.") as directory:
        try:
            failed = run(options, cases, directory)
        except Unplayable as trouble:
            print(("Bail out! " if options.tap else "") + str(trouble))
            sys.exit(3)
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
