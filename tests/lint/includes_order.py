#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Own header, then <...>, then "...", the latter two sorted by byte value.

<cmocka.h> comes last of its block: it uses what others must define first.
Includes inside #if (other than a header's guard) are a block of their own.
A part `store_dirs.c` may put `store.h` first or where it sorts. If this fails, includes are
out of order: nothing is broken, but own-header-first proves that a header is
complete, and sorting shows duplicates."""

import os
import re

import tree

LINE = re.compile(r'^[ \t]*#[ \t]*(include|if|ifdef|ifndef|elif|else|endif)\b'
                  r'[ \t]*(.*?)[ \t]*$', re.M)
PATH = re.compile(r'(["<])([^">]+)')


def blocks(source):
    """Lists of (line, quote, path), one list for each #if region."""
    block = []
    seen_guard = False
    for match in LINE.finditer(source):
        word, rest = match.groups()
        if word == "include":
            path = PATH.match(rest)
            if path:
                block.append((tree.line_of(source, match.start(1)),
                              path.group(1), path.group(2)))
            continue
        if word == "ifndef" and rest.endswith("_H") and not seen_guard:
            seen_guard = True
            continue
        yield block
        block = []
    yield block


def own_headers(name):
    """The header that has to be first, and the one that may be."""
    stem = name[:name.rindex(".")]
    short = os.path.join(os.path.dirname(name),
                         os.path.basename(stem).split("_")[0])
    return stem + ".h", short + ".h"


def key(entry):
    _, quote, path = entry
    return (quote == '"', quote == "<" and path == "cmocka.h", path)


def main():
    report = tree.Report()
    for name in tree.files(".c", ".h", ".cpp"):
        source = tree.bare(tree.text(name), literals=True)
        must, may = own_headers(name)
        if name.startswith("docs/"):  # an example: a project of its own
            must = os.path.basename(must)
        first = True
        for block in blocks(source):
            if first and block:
                mine = [entry for entry in block if entry[2] == must]
                if mine and block[0] != mine[0]:
                    report.add(name, mine[0][0], "own header is not first")
                elif block[0][2] in (must, may):
                    block = block[1:]
                first = False
            for before, after in zip(block, block[1:]):
                if key(before) == key(after):
                    report.add(name, after[0], f"{after[2]} included twice")
                elif key(before) > key(after):
                    report.add(name, after[0],
                               f"{after[2]} belongs before {before[2]}")
    report.finish()


main()
