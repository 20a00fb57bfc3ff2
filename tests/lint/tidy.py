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
import tempfile

import tree

FINDING = re.compile(r"^(.*?):(\d+):\d+: (?:error|warning): (.*)$")


def sources():
    """How each source is compiled. Of one that is compiled several times only
    the first: clang-tidy 14 would look as often, and takes every va_list for
    uninitialised from the second time on."""
    with open(os.path.join(tree.build(), "compile_commands.json"),
              encoding="utf-8") as file:
        commands = json.load(file)
    by_name = {}
    for one in commands:
        name = os.path.normpath(os.path.join(one["directory"], one["file"]))
        if name.endswith(".c") and os.path.exists(name):
            by_name.setdefault(name, one)
    return by_name


def examine(name, folder):
    done = subprocess.run(["clang-tidy", "--quiet", "-p", folder, name],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def main():
    report = tree.Report()
    if shutil.which("clang-tidy") is None:
        tree.skip("no clang-tidy")
    commands = sources()
    names = sorted(commands)
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        with open(os.path.join(folder, "compile_commands.json"), "w",
                  encoding="utf-8") as file:
            json.dump(list(commands.values()), file)
        results = list(pool.map(examine, names, [folder] * len(names)))
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
