#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Every folder with a meson.build is entered by that of a folder above it.
If this fails, what the folder builds is never built, and its tests never run,
without a word from anybody."""

import os
import re

import tree

ENTERED = re.compile(r"^[ \t]*subdir\('([^']*)'\)", re.M)


def main():
    report = tree.Report()
    names = tree.files("meson.build")
    entered = {""}
    for name in names:
        folder = os.path.dirname(name)
        for match in ENTERED.finditer(tree.text(name)):
            entered.add(os.path.normpath(os.path.join(folder,
                                                      match.group(1))))
    for name in names:
        if os.path.dirname(name) not in entered:
            report.add(name, 1, "no subdir() leads here")
    report.finish()


main()
