#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Counts the results of one `meson test` run for tools/check.

    count_results.py BUILD LOGBASE SKIPS TOTALS WHO

reads meson's testlog of the run, prints what failed with its log, every skip
that SKIPS does not announce for WHO (root or user), and adds `passed failed skipped` as a line to
TOTALS. The points of a TAP test count one by one. A test that fails as a whole,
with all of its points well (a crash at the end, too few points), counts as one
failure more."""

import fnmatch
import json
import os
import re
import sys

LOG_LINES_MAX = 80
POINTS = re.compile(r"^(not )?ok\b", re.M)
# A point that is expected to fail has to be announced just like a skip.
POINT = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*(.*?)\s*"
                   r"(?:#\s*(SKIP|TO" r"DO)\S*\s*(.*))?$", re.I)


def read_skips(path, who):
    skips = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            fields = line.split(None, 2)
            if len(fields) < 3 or fields[0] not in ("any", "root", "user"):
                sys.exit(f"{path}:{number}: not of the form WHO NAME REASON")
            if fields[0] in ("any", who):
                skips.append(fields[1])
    return skips


def read_tests(build):
    """Of each test, by the name in the log: its `suite/name` and protocol."""
    path = os.path.join(build, "meson-info", "intro-tests.json")
    with open(path, encoding="utf-8") as file:
        tests = json.load(file)
    known = {}
    for test in tests:
        suite = test["suite"][0].split(":")[-1]
        known[test["name"]] = (f"{suite}/{test['name']}", test["protocol"])
    return known


def label(text):
    """A point's name, without spaces, so that it can stand in the list."""
    return re.sub(r"\s+", "_", text)


class Run:
    def __init__(self, skips):
        self.skips = skips
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def skip(self, name, why):
        if any(fnmatch.fnmatchcase(name, skip) for skip in self.skips):
            self.skipped += 1
            return
        self.failed += 1
        print(f"FAILED {name}: skipped, and not announced in tests/skips.list"
              f" ({why or 'no reason given'})")

    def points(self, name, output):
        """Counts a TAP test's points; returns how many failed, and how many
        were skipped in a way that meson takes for a failure."""
        failed = skipped = 0
        for line in output.split("\n"):
            match = POINT.match(line)
            if not match:
                continue
            negative, what, directive, why = match.groups()
            if directive and not what and negative:
                # As cmocka writes it: not ok 17 # SKIP its_name
                self.skip(f"{name}:{label(why)}", "")
                skipped += 1
            elif directive:
                self.skip(f"{name}:{label(what)}", why)
            elif negative:
                failed += 1
                print(f"FAILED {name}:{label(what)}")
            else:
                self.passed += 1
        self.failed += failed
        return failed, skipped

    def test(self, name, protocol, entry):
        output = entry.get("stdout", "")
        result = entry["result"]
        empty = re.search(r"^1\.\.0\b(?:\s*#\s*SKIP\w*\s*(.*))?", output, re.M)
        tap = protocol == "tap"
        if result == "SKIP" and (not tap or empty):
            self.skip(name, empty.group(1) if empty else output.strip())
            return
        if tap and result == "OK" and not POINTS.search(output):
            result = "no points"
        failed, skipped = self.points(name, output) if tap else (0, 0)
        if skipped and not failed and (result, entry.get("returncode")) == (
                "FAIL", 0):
            return
        if result in ("OK", "SKIP", "EXPECTEDFAIL"):
            self.passed += 0 if tap else 1
            return
        if not failed:
            self.failed += 1
            print(f"FAILED {name}: {result}, exit status "
                  f"{entry.get('returncode')}")
        show(name, output + "\n" + entry.get("stderr", ""))


def show(name, output):
    lines = output.strip().split("\n")
    if len(lines) > LOG_LINES_MAX:
        print(f"    ({len(lines) - LOG_LINES_MAX} lines of {name} left out)")
    for line in lines[-LOG_LINES_MAX:]:
        print("    " + line)


def main():
    build, logbase, skips, totals, who = sys.argv[1:]
    known = read_tests(build)
    run = Run(read_skips(skips, who))
    log = os.path.join(build, "meson-logs", logbase + ".json")
    if os.path.exists(log):
        with open(log, encoding="utf-8", errors="replace") as file:
            for line in file:
                entry = json.loads(line)
                # "lint / layering", or the bare name without a suite
                bare = entry["name"].split(" / ")[-1]
                name, protocol = known.get(bare, (bare, "exitcode"))
                run.test(name, protocol, entry)
    with open(totals, "a", encoding="utf-8") as file:
        file.write(f"{run.passed} {run.failed} {run.skipped}\n")


main()
