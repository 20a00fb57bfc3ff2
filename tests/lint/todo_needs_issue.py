#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""What is left to do has an issue, so that it is found again. If this fails, a
note without a number would rot in the code."""

import re

import tree

# Spelt in pieces, or this file would find itself.
WORDS = re.compile(r"\b(" + "|".join(("TO" "DO", "FIX" "ME", "X" "XX",
                                      "HA" "CK")) + r")\b(?!\s*\(#\d+\))")


def main():
    report = tree.Report()
    for name in tree.files():
        # STYLE.md states the rule and has to name the word.
        if name == "STYLE.md" or not tree.is_text(name):
            continue
        for number, line in enumerate(tree.text(name).split("\n"), 1):
            match = WORDS.search(line)
            if match:
                report.add(name, number,
                           f"{match.group(1)} without an issue: write "
                           f"{match.group(1)}(#12)")
    report.finish()


main()
