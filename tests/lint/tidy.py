#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""clang-tidy has nothing to say; .clang-tidy at the top says what is asked.

It can read only a clang build: gcc has flags that it does not know. If this
fails, a path through the code does what its author did not mean; where the tool
is wrong, `/* NOLINT(check): why */` excuses a line."""

import concurrent.futures
import json
import os
import re
import shutil
import subprocess

import tree

FINDING = re.compile(r"^(.*?):(\d+):\d+: (?:error|warning): (.*)$")


def sources():
    with open(os.path.join(tree.build(), "compile_commands.json"),
              encoding="utf-8") as file:
        commands = json.load(file)
    names = {os.path.normpath(os.path.join(one["directory"], one["file"]))
             for one in commands if one["file"].endswith(".c")}
    return sorted(name for name in names if os.path.exists(name))


def examine(name):
    done = subprocess.run(["clang-tidy", "--quiet", "-p", tree.build(), name],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def main():
    report = tree.Report()
    if shutil.which("clang-tidy") is None:
        tree.skip("no clang-tidy")
    names = sources()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(examine, names))
    seen = set()
    for name, (status, output, errors) in zip(names, results):
        found = FINDING.findall(output.replace("\r", ""))
        for line in output.split("\n"):
            match = FINDING.match(line)
            if match and line not in seen:
                seen.add(line)
                report.add(os.path.relpath(match.group(1), tree.root()),
                           int(match.group(2)), match.group(3))
        if status and not found and not FINDING.search(output):
            words = (output + errors).strip().split("\n")
            if not any(FINDING.match(word) for word in words):
                report.add(os.path.relpath(name, tree.root()), 1, words[-1])
    report.finish()


main()
