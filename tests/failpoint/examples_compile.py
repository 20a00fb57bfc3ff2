#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""examples_compile.py ROOT: the C examples of the documentation are good C11 and
C++11, without a warning, also with the points compiled out. An example is a block
between ``` that begins with an #include and has a function in it. If this fails,
what users copy does not compile."""

import os
import re
import shutil
import subprocess
import sys

DOCUMENTS = ("docs/failpoints.md", "failpoints/failpoint.3.scd",
             "failpoints/failpoint.7.scd", "man/libflakey.3.scd")
FENCED = re.compile(r"^```\w*\n(#include.*?)^```", re.M | re.S)
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
            "-D_GNU_SOURCE"]
COMPILERS = (["cc", "-std=c11", "-x", "c"], ["c++", "-std=c++11", "-x", "c++"])


def examples(root):
    for document in DOCUMENTS:
        with open(os.path.join(root, document), encoding="utf-8") as file:
            text = file.read()
        for match in FENCED.finditer(text):
            code = match.group(1)
            if "{" not in code:
                continue  # a synopsis
            # A backslash is written twice in scdoc.
            if document.endswith(".scd"):
                code = code.replace("\\\\", "\\")
            line = text.count("\n", 0, match.start()) + 1
            yield f"{document}:{line}", code


def main():
    root = os.path.abspath(sys.argv[1])
    count = 0
    failed = 0
    for place, code in examples(root):
        for compiler in COMPILERS:
            for extra in ([], ["-DFAILPOINT_DISABLE"]):
                if shutil.which(compiler[0]) is None:
                    continue
                done = subprocess.run(
                    compiler + WARNINGS + extra
                    + ["-I", os.path.join(root, "failpoints"),
                       "-I", os.path.join(root, "common"), "-"],
                    input=code, text=True, capture_output=True, check=False)
                count += 1
                failed += done.returncode != 0
                print("not ok" if done.returncode else "ok", count, "-", place,
                      compiler[1], *extra)
                for line in done.stderr.splitlines():
                    print("#", line)
    print(f"1..{count}")
    sys.exit(failed > 0 or count == 0)


main()
