#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Proves that count_results.py, on which the verdict of tools/check rests, sees
each kind of failure. Speaks TAP."""

import json
import os
import subprocess
import sys
import tempfile

COUNT = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                     "../count_results.py")
SKIPS = ("any unit/may_skip because\nuser unit/points:may_* because\n"
         "root unit/root_may because\n")
# what, protocol, test, log entry, expected passed, failed, skipped
CASES = [
    ("a plain pass", "exitcode", "a", "OK", "", (1, 0, 0)),
    ("a plain failure", "exitcode", "a", "FAIL", "", (0, 1, 0)),
    ("a timeout", "exitcode", "a", "TIMEOUT", "", (0, 1, 0)),
    ("a crash", "exitcode", "a", "ERROR", "", (0, 1, 0)),
    ("an announced skip", "exitcode", "may_skip", "SKIP", "", (0, 0, 1)),
    ("a skip announced for others", "exitcode", "root_may", "SKIP", "",
     (0, 1, 0)),
    ("a silent skip", "exitcode", "a", "SKIP", "", (0, 1, 0)),
    ("good points", "tap", "points", "OK", "ok 1 - x\nok 2\n1..2", (2, 0, 0)),
    ("a bad point", "tap", "points", "FAIL", "ok 1 - x\nnot ok 2 - y\n1..2",
     (1, 1, 0)),
    ("a death after good points", "tap", "points", "ERROR", "ok 1 - x\n",
     (1, 1, 0)),
    ("an announced skip of a point", "tap", "points", "OK",
     "ok 1 - x\nok 2 - may skip # SKIP no reason\n1..2", (1, 0, 1)),
    ("a silent skip of a point", "tap", "points", "OK",
     "ok 1 - x\nok 2 - y # SKIP lazy\n1..2", (1, 1, 0)),
    ("an announced skip of cmocka's", "tap", "points", "FAIL",
     "ok 1 - x\nnot ok 2 # SKIP may_skip\n1..2", (1, 0, 1)),
    ("a silent skip of cmocka's", "tap", "points", "FAIL",
     "ok 1 - x\nnot ok 2 # SKIP y\n1..2", (1, 1, 0)),
    ("a death after a skip of cmocka's", "tap", "points", "ERROR",
     "ok 1 - x\nnot ok 2 # SKIP may_skip\n", (1, 1, 1)),
    ("an announced skip of all", "tap", "may_skip", "SKIP",
     "1..0 # SKIP not here", (0, 0, 1)),
    ("a silent skip of all", "tap", "a", "SKIP", "1..0 # SKIP not here",
     (0, 1, 0)),
    ("no points at all", "tap", "a", "OK", "1..0", (0, 1, 0)),
    ("points of a plain program", "exitcode", "a", "OK", "not ok 1",
     (1, 0, 0)),
]


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def count(folder, protocol, test, result, output):
    write(folder, "meson-info/intro-tests.json", json.dumps(
        [{"name": test, "suite": ["flakey:unit"], "protocol": protocol}]))
    write(folder, "meson-logs/run.json", json.dumps(
        {"name": test, "result": result, "stdout": output,
         "returncode": 0}) + "\n")
    totals = write(folder, "totals", "")
    subprocess.run([sys.executable, "-B", COUNT, folder, "run",
                    write(folder, "skips", SKIPS), totals, "user"],
                   check=True, capture_output=True)
    with open(totals, encoding="utf-8") as file:
        return tuple(int(word) for word in file.read().split())


def main():
    failed = False
    print(f"1..{len(CASES)}")
    for number, case in enumerate(CASES, 1):
        what, protocol, test, result, output, wanted = case
        with tempfile.TemporaryDirectory() as folder:
            found = count(folder, protocol, test, result, output)
        failed |= found != wanted
        print("ok" if found == wanted else "not ok", number, "- counts", what)
        if found != wanted:
            print(f"# wanted {wanted}, found {found}")
    sys.exit(failed)


main()
