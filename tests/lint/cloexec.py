#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Every descriptor is born close-on-exec, so that no child gets it by chance.

A call that must not be is excused by a comment `keeps-open: WHY` on its line or
the line above. If this fails, a program started by us could keep a mount busy
or see a file it should not."""

import re

import tree

# call: what has to be among its arguments, or None when there is a better call
NEEDS = {
    "open": r"\bO_CLOEXEC\b",
    "openat": r"\bO_CLOEXEC\b",
    "open_by_handle_at": r"\bO_CLOEXEC\b",
    "openat2": None,
    "creat": None,
    "socket": r"\bSOCK_CLOEXEC\b",
    "socketpair": r"\bSOCK_CLOEXEC\b",
    "accept": None,
    "accept4": r"\bSOCK_CLOEXEC\b",
    "pipe": None,
    "pipe2": r"\bO_CLOEXEC\b",
    "dup": None,
    "dup2": None,
    "dup3": r"\bO_CLOEXEC\b",
    "eventfd": r"\bEFD_CLOEXEC\b",
    "epoll_create": None,
    "epoll_create1": r"\bEPOLL_CLOEXEC\b",
    "memfd_create": r"\bMFD_CLOEXEC\b",
    "inotify_init": None,
    "inotify_init1": r"\bIN_CLOEXEC\b",
    "fanotify_init": r"\bFAN_CLOEXEC\b",
    "signalfd": r"\bSFD_CLOEXEC\b",
    "timerfd_create": r"\bTFD_CLOEXEC\b",
    "mkstemp": None,
    "mkostemp": r"\bO_CLOEXEC\b",
    "mkostemps": r"\bO_CLOEXEC\b",
    "fopen": r'"[^"]*e[^"]*"',
    "popen": r'"[^"]*e[^"]*"',
}
INSTEAD = {
    "openat2": "openat() with O_CLOEXEC",
    "creat": "open() with O_CLOEXEC",
    "accept": "accept4() with SOCK_CLOEXEC",
    "pipe": "pipe2() with O_CLOEXEC",
    "dup": "fcntl() with F_DUPFD_CLOEXEC",
    "dup2": "dup3() with O_CLOEXEC",
    "epoll_create": "epoll_create1() with EPOLL_CLOEXEC",
    "inotify_init": "inotify_init1() with IN_CLOEXEC",
    "mkstemp": "mkostemp() with O_CLOEXEC",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(NEEDS) + r")\s*\(")
DUPFD = re.compile(r"\bF_DUPFD\b")
EXCUSE = "keeps-open:"


def arguments(source, start):
    """The text from start, just behind a parenthesis, to its partner."""
    depth = 1
    for offset in range(start, len(source)):
        if source[offset] == "(":
            depth += 1
        elif source[offset] == ")":
            depth -= 1
            if depth == 0:
                return source[start:offset]
    return source[start:]


def excused(lines, line):
    """On the call's line, or in the comment that ends right above."""
    if EXCUSE in lines[line - 1]:
        return True
    above = line - 2
    while above >= 0 and lines[above].lstrip().startswith(("/*", "*")):
        if EXCUSE in lines[above]:
            return True
        above -= 1
    return False


def main():
    report = tree.Report()
    for name in tree.files(".c", ".h", ".cpp"):
        original = tree.text(name)
        lines = original.split("\n")
        source = tree.bare(original, literals=True)
        quiet = tree.bare(original)
        for match in CALL.finditer(quiet):
            call = match.group(1)
            line = tree.line_of(source, match.start())
            if excused(lines, line):
                continue
            need = NEEDS[call]
            if need is None:
                report.add(name, line, f"{call}(): use {INSTEAD[call]}")
            elif not re.search(need, arguments(source, match.end())):
                report.add(name, line, f"{call}() without close-on-exec")
        for match in DUPFD.finditer(quiet):
            line = tree.line_of(source, match.start())
            if not excused(lines, line):
                report.add(name, line, "F_DUPFD: use F_DUPFD_CLOEXEC")
    report.finish()


main()
