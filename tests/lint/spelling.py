#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""No common misspelling, by codespell. Words that it takes for one without
reason are listed in spelling.words. If this fails, a word is misspelt."""

import os
import re
import shutil
import subprocess

import tree

FINDING = re.compile(r"^(.*?):(\d+): (.*)$")


def main():
    report = tree.Report()
    if shutil.which("codespell") is None:
        tree.skip("no codespell")
    here = os.path.dirname(os.path.abspath(__file__))
    names = [name for name in tree.files()
             if tree.is_text(name) and not name.endswith((".tsv", ".words"))]
    done = subprocess.run(["codespell", "--ignore-words",
                           os.path.join(here, "spelling.words")] + names,
                          cwd=tree.root(), capture_output=True, text=True,
                          check=False)
    for line in done.stdout.split("\n"):
        match = FINDING.match(line)
        if match:
            report.add(os.path.normpath(match.group(1)), int(match.group(2)),
                       match.group(3))
    if done.returncode and not report.findings:
        report.add("codespell", 1, done.stderr.strip())
    report.finish()


main()
