#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Shell scripts are shellcheck clean. If this fails, a script does something
that its author did not mean, at least for some input."""

import re
import shutil
import subprocess

import tree

FINDING = re.compile(r"^(.*?):(\d+):\d+: (.*)$")


def main():
    report = tree.Report()
    if shutil.which("shellcheck") is None:
        tree.skip("no shellcheck")
    names = tree.scripts()
    if names:
        done = subprocess.run(["shellcheck", "--format=gcc",
                               "--external-sources", "--source-path=SCRIPTDIR",
                               "--"] + names,
                              cwd=tree.root(), capture_output=True, text=True,
                              check=False)
        for line in (done.stdout + done.stderr).split("\n"):
            match = FINDING.match(line)
            if match:
                report.add(match.group(1), int(match.group(2)),
                           match.group(3))
            elif line.strip():
                report.add("shellcheck", 1, line)
    report.finish()


main()
