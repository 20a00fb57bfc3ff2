#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""The licence of every source is its first line (the second of a script).
If this fails, a file has no licence that a tool could read."""

import tree

TAG = "SPDX-License-Identifier: MIT"
IN_C = (".c", ".h", ".cpp", ".map")
IN_HASH = ("meson.build", "meson_options.txt", ".py", ".sh")


def main():
    report = tree.Report()
    for name in tree.files():
        lines = tree.text(name).split("\n")
        if name.endswith(IN_C):
            good = lines[0] == f"/* {TAG} */"
        elif tree.shebang(name):
            good = len(lines) > 1 and lines[1] == f"# {TAG}"
        elif name.endswith(IN_HASH):
            good = lines[0] == f"# {TAG}"
        else:
            continue
        if not good:
            report.add(name, 1, f"no '{TAG}' where it belongs")
    report.finish()


main()
