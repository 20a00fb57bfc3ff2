#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""A shared library exports what its version script lists, and nothing else.

The version script of libNAME.so is libNAME.map or NAME.map, anywhere in the
tree. If this fails, either an internal symbol leaks into users' programs, or a
promised one is missing."""

import json
import os
import re
import subprocess

import tree


def libraries():
    """Shared libraries of the build: name to path."""
    info = os.path.join(tree.build(), "meson-info", "intro-targets.json")
    with open(info, encoding="utf-8") as file:
        targets = json.load(file)
    return {target["name"]: target["filename"][0] for target in targets
            if target["type"] == "shared library"}


def listed(script):
    """Symbols that a version script makes global."""
    source = tree.bare(tree.text(script))
    names = set()
    for body in re.findall(r"\{(.*?)\}", source, re.S):
        for part in re.split(r"\b(?=global\s*:|local\s*:)", body):
            if not part.startswith("local"):
                part = re.sub(r"^global\s*:", "", part)
                names |= {name.strip() for name in part.split(";")
                          if name.strip()}
    return names


def exported(path):
    done = subprocess.run(["nm", "--dynamic", "--defined-only",
                           "--format=posix", path],
                          capture_output=True, check=True, text=True)
    fields = [line.split() for line in done.stdout.split("\n")]
    # Type A is the version node itself.
    return {field[0].split("@")[0] for field in fields
            if len(field) >= 2 and field[1] != "A"}


def main():
    report = tree.Report()
    built = libraries()
    scripts = {}
    for script in tree.files(".map"):
        stem = os.path.basename(script)[:-len(".map")]
        scripts[stem[3:] if stem.startswith("lib") else stem] = script
    for name in sorted(set(scripts) - set(built)):
        report.add(scripts[name], 1, f"the build makes no lib{name}.so")
    for name, path in sorted(built.items()):
        if name not in scripts:
            report.add("meson.build", 1, f"lib{name}.so has no version script")
        elif not os.path.exists(path):
            report.add(scripts[name], 1, f"{path} is not built")
        else:
            promised = listed(scripts[name])
            found = exported(path)
            for symbol in sorted(found - promised):
                report.add(scripts[name], 1, f"{symbol} leaks")
            for symbol in sorted(promised - found):
                report.add(scripts[name], 1, f"{symbol} is not there")
    report.finish()


main()
