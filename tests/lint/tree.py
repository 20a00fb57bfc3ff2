# SPDX-License-Identifier: MIT
"""The source tree as the lints see it: which files belong to it, their text,
C text without comments and literals, and how findings are reported.

A lint is called `NAME.py ROOT [BUILD]`, prints one `file:line: what` for each
finding and nothing else, and ends with 0 (none), 1 (some) or 77 (cannot be
done here, with the reason)."""

import os
import re
import subprocess
import sys

PRODUCT = ("common", "failpoints", "controlfs", "rules", "fusefs",
           "dmbackend", "tools")
SKIPPED_DIRS = {".git", "subprojects", "__pycache__"}


def root():
    return os.path.abspath(sys.argv[1])


def build():
    return os.path.abspath(sys.argv[2])


def _from_git(top):
    # Git refuses a checkout of another user, and a copy has no .git: both are
    # no error here. safe.directory is asked for this one command only.
    command = ["git", "-c", "safe.directory=" + top, "-C", top, "ls-files",
               "-z", "--cached", "--others", "--exclude-standard"]
    if not os.path.exists(os.path.join(top, ".git")):
        return None
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def _from_walk(top):
    names = []
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name not in SKIPPED_DIRS
                      and not (folder == top and name.startswith("build"))]
        names += [os.path.relpath(os.path.join(folder, name), top)
                  for name in files]
    return names


def files(*suffixes):
    """Names of the tree's files that end so (all, without suffixes)."""
    top = root()
    names = _from_git(top)
    if names is None:
        names = _from_walk(top)
    return sorted(name for name in set(names)
                  if os.path.isfile(os.path.join(top, name))
                  and (not suffixes or name.endswith(suffixes)))


def text(name):
    with open(os.path.join(root(), name), encoding="utf-8",
              errors="replace") as file:
        return file.read()


def is_text(name):
    with open(os.path.join(root(), name), "rb") as file:
        return b"\0" not in file.read(8192)


def shebang(name):
    with open(os.path.join(root(), name), "rb") as file:
        line = file.readline(200)
    return line.decode(errors="replace") if line.startswith(b"#!") else ""


def scripts():
    """Shell scripts, by name or by first line."""
    return [name for name in files()
            if name.endswith(".sh") or re.search(r"\b(ba|da)?sh\b",
                                                 shebang(name))]


_TOKEN = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def bare(source, literals=False):
    """Blanks out comments (and, unless literals, the inside of strings and
    characters), keeping every newline and column."""
    def blank(match):
        token = match.group(0)
        if token[0] == "/":
            return re.sub(r"[^\n]", " ", token)
        if literals:
            return token
        return token[0] + " " * (len(token) - 2) + token[-1]
    return _TOKEN.sub(blank, source)


def line_of(source, offset):
    return source.count("\n", 0, offset) + 1


class Report:
    def __init__(self):
        self.findings = []

    def add(self, name, line, what):
        self.findings.append((name, line, what))

    def finish(self):
        for name, line, what in sorted(self.findings):
            print(f"{name}:{line}: {what}")
        sys.exit(1 if self.findings else 0)


def skip(why):
    print("skipped: " + why)
    sys.exit(77)
