#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""What a file exports begins with the file's name.

For x.c that is x_ (or x itself). A part `store_dirs.c` may export store_dirs_*,
and store_* too if its folder has store.h. `main` is free, and so is a name that
a public header (flakey.h, failpoint.h) declares. Hyphens of a file name count
as underscores. If this fails, a reader cannot tell from a name where it lives,
or a function should be static."""

import json
import os
import re
import subprocess

import tree

PUBLIC_HEADERS = ("flakey.h", "failpoint.h")
DEFINED = set("TDBRGSVWC")


def public_names():
    names = {"main"}
    for name in tree.files(".h"):
        if os.path.basename(name) in PUBLIC_HEADERS:
            names |= set(re.findall(r"\b((?:flakey|failpoint)_\w+)\s*\(",
                                    tree.bare(tree.text(name))))
    return names


def prefixes(source):
    folder, base = os.path.split(source)
    stem = base[:base.rindex(".")].replace("-", "_")
    allowed = {stem}
    short = stem.split("_")[0]
    if os.path.isfile(os.path.join(tree.root(), folder, short + ".h")):
        allowed.add(short)
    return allowed


def objects():
    """Pairs of source (from the root) and object, as the build knows them."""
    with open(os.path.join(tree.build(), "compile_commands.json"),
              encoding="utf-8") as file:
        commands = json.load(file)
    for command in commands:
        folder = command["directory"]
        source = os.path.relpath(os.path.join(folder, command["file"]),
                                 tree.root())
        yield source, os.path.join(folder, command["output"])


def exported(path):
    done = subprocess.run(["nm", "--defined-only", "--extern-only",
                           "--format=posix", path],
                          capture_output=True, check=True, text=True)
    for line in done.stdout.split("\n"):
        fields = line.split()
        if len(fields) >= 2 and fields[1] in DEFINED:
            yield fields[0]


def line_defining(source, symbol):
    match = re.search(r"\b" + re.escape(symbol) + r"\b",
                      tree.bare(tree.text(source)))
    return tree.line_of(tree.text(source), match.start()) if match else 1


def main():
    report = tree.Report()
    public = public_names()
    seen = set()
    owners = {}
    for source, path in objects():
        if source.split("/")[0] not in tree.PRODUCT or not source.endswith(
                ".c") or not os.path.exists(path):
            continue
        allowed = prefixes(source)
        for symbol in exported(path):
            owner = owners.setdefault(symbol, source)
            if owner != source and not source.startswith("tools/"):
                report.add(source, line_defining(source, symbol),
                           f"exports {symbol}, as does {owner}")
            good = symbol in public or any(
                symbol == prefix or symbol.startswith(prefix + "_")
                for prefix in allowed)
            if not good and (source, symbol) not in seen:
                seen.add((source, symbol))
                report.add(source, line_defining(source, symbol),
                           f"exports {symbol}, which does not begin with "
                           + " or ".join(sorted(p + "_" for p in allowed)))
    report.finish()


main()
