#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Text speaks to its reader, not of the machine and the way it was made on.
If this fails, a path or a word got in that means nothing elsewhere."""

import re

import tree

PROSE = (".md", ".scd", ".txt", ".1", ".5", ".8")
# Spelt in pieces, or this file would find itself. The first list holds for all
# files, the second for prose: in code, a FUSE session is an honest name.
ANYWHERE = re.compile(r"(?<![\w./])/(wor" r"k|roo" r"t|workspac" r"e)/"
                      r"|\bwork" r"place\b|\banthro" r"pic\b|\bclau" r"de\b",
                      re.I)
IN_PROSE = re.compile(r"(?<!FUSE )(?<!fuse_)\b(ses" r"sions?|age" r"nts?|"
                      r"sub-?tools?|LL" r"Ms?)\b", re.I)


def main():
    report = tree.Report()
    for name in tree.files():
        if not tree.is_text(name):
            continue
        prose = name.endswith(PROSE)
        for number, line in enumerate(tree.text(name).split("\n"), 1):
            match = ANYWHERE.search(line) or (prose and IN_PROSE.search(line))
            if match:
                report.add(name, number, f"'{match.group(0)}' has no meaning "
                           "for a reader of the project")
    report.finish()


main()
