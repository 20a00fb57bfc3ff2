#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Dependencies point one way, and FUSE and device-mapper stay in their place.
If this fails, a layer has begun to depend on one above it or beside it."""

import os
import re

import tree

MAY_SEE = {
    "common": {"common"},
    "failpoints": {"common", "failpoints"},
    "controlfs": {"common", "controlfs"},
    "rules": {"common", "failpoints", "rules"},
    "fusefs": {"common", "failpoints", "controlfs", "rules", "fusefs"},
    "dmbackend": {"common", "controlfs", "dmbackend"},
    "tools": set(tree.PRODUCT),
    "tests": set(tree.PRODUCT) | {"tests"},
}
# System headers that only some folders may include.
OWNED = {
    r"fuse(3/|_|\.h)": {"controlfs", "fusefs", "tests"},
    r"(libdevmapper|libmount/.*|blkid/.*)\.h": {"dmbackend", "tests"},
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)


def check(report, name, folder, line, quote, path):
    target = path.split("/")[0]
    if quote == "<":
        for pattern, owners in OWNED.items():
            if re.match(pattern, path) and folder not in owners:
                report.add(name, line, f"{folder} must not include <{path}>")
        if target in MAY_SEE and os.path.isfile(
                os.path.join(tree.root(), path)):
            report.add(name, line, f'spell it "{path}"')
        return
    if target not in MAY_SEE or ".." in path:
        report.add(name, line,
                   f'"{path}" is not spelt from the top of the tree')
    elif target not in MAY_SEE[folder]:
        report.add(name, line, f'{folder} must not see {target} ("{path}")')


def main():
    report = tree.Report()
    for name in tree.files(".c", ".h", ".cpp"):
        folder = name.split("/")[0]
        if folder == "docs":
            continue  # an example: a project of its own
        if folder not in MAY_SEE:
            report.add(name, 1, "a source outside of the known folders")
            continue
        source = tree.bare(tree.text(name), literals=True)
        for match in INCLUDE.finditer(source):
            check(report, name, folder, tree.line_of(source, match.start()),
                  match.group(1), match.group(2))
    report.finish()


main()
