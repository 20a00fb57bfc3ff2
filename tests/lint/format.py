#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""The layout is what clang-format 14 prints. Other versions differ in small
things, so they are not asked. If this fails: clang-format-14 -i FILE."""

import difflib
import re
import shutil
import subprocess

import tree

VERSION = 14


def find():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        path = shutil.which(name)
        if path is None:
            continue
        done = subprocess.run([path, "--version"], capture_output=True,
                              text=True, check=True)
        if re.search(rf"version {VERSION}\.", done.stdout):
            return path
    return tree.skip(f"no clang-format {VERSION}")


def main():
    program = find()
    report = tree.Report()
    for name in tree.files(".c", ".h", ".cpp"):
        done = subprocess.run([program, "--style=file", name],
                              cwd=tree.root(), capture_output=True, text=True,
                              check=True)
        old = tree.text(name).split("\n")
        new = done.stdout.split("\n")
        if old == new:
            continue
        changes = [change for change in difflib.SequenceMatcher(
            None, old, new, autojunk=False).get_opcodes()
            if change[0] != "equal"]
        for _, start, _, there, _ in changes:
            want = new[there] if there < len(new) else ""
            report.add(name, start + 1, "clang-format wants: " + want.strip())
    report.finish()


main()
