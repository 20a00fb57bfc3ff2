#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""manual_agrees.py ROOT FLAKEY FAILPOINT: if this fails, the manual has something
that does not exist, or lacks something that does. Then plants such mistakes in a
copy, on either side, and wants each found."""

import os
import shutil
import subprocess
import sys
import tempfile

import manual

# Of a page, or of a source: what is replaced by what, and a word of the finding.
PLANTED = (
    ("man/flakey-crash.1.scd", "*--torn* ", "*--tron* ", "'torn' is in --help"),
    ("man/flakey-crash.1.scd", "*--torn* ", "*--tron* ", "'tron' is in OPT"),
    ("man/flakey-log.1.scd", "*-f*, ", "*-g*, ", "option 'follow'"),
    ("man/flakey-mount.1.scd", "_SIZE_", "_BYTES_", "option 'scratch-limit'"),
    ("man/flakey-mount.1.scd", "_SOURCE_ _MOUNTPOINT_", "_SOURCE_", "SYNOPSIS"),
    ("man/flakey-run.1.scd", "run one", "run a", "NAME is not"),
    ("man/flakey.1.scd", "commits arrive", "commits come", "verb 'allow-wr"),
    ("man/flakey-fault.1.scd", "*flakey-fault-wait*(1)", "*flakey-log*(1)",
     "verb 'wait'"),
    ("man/flakey-fault.1.scd", "*fs/seek*, ", "", "'fs/seek' is in the table"),
    ("man/flakey-fault.1.scd", "*fs/seek*", "*fs/sink*", "operation 'fs/sink'"),
    ("man/flakey-sync.1.scd", "*flakey-unsynced*", "*flakey-synced*",
     "no page flakey-synced(1)"),
    ("tools/failpoint/failpoint.1.scd", "*--no-include*", "*--include*",
     "option 'no-include'"),
    ("tools/failpoint/failpoint.1.scd", "*disable*\n", "*undo*\n",
     "verb 'undo'"),
    ("man/libflakey.3.scd", "flakey_evict", "flakey_clean",
     "'flakey_evict' is in common/flakey.h"),
    ("common/flakey.h", "flakey_evict(", "flakey_clean(",
     "'flakey_clean' is in common/flakey.h"),
    ("failpoints/failpoint.3.scd", "failpoint_at_bool", "failpoint_at_boole",
     "'failpoint_at_bool' is in failpoints/failpoint.h"),
    ("failpoints/failpoint.h", "failpoint_seed(", "failpoint_chance(",
     "'failpoint_chance' is in failpoints/failpoint.h"),
    ("man/flakey-control.7.scd", "*unsynced*\n", "*paid*\n",
     "file 'unsynced' is in control.c"),
    ("common/control.c", '{"log", false}', '{"log", true}', "file 'log'"),
    ("common/control.c", '{"log", false}', '{"events", false}',
     "file 'events' is in control.c"),
    ("man/flakey-control.7.scd", "*mark* TEXT", "*mark* WORD", "verb 'mark'"),
    ("common/verb.c", '{"evict", ""', '{"expel", ""', "'expel' is in verb.c"),
    ("man/flakey-profiles.7.scd", "*xfs*\n", "*jfs*\n", "profile 'jfs'"),
    ("fusefs/profile.c", "'xfs', 'btrfs'", "'btrfs'", "profile 'xfs'"),
)
# Of what --help prints: a program for sed, and a word of the finding.
PLANTED_HELP = (
    ("s/--follow /--pursue /", "'pursue' is in --help"),
    ("/^  evict /d", "page 'flakey-evict.1' is in the manual"),
    ("s/^  evict /  expel /", "page 'flakey-expel.1' is in --help"),
    ("s/--keep none/--keep nothing/", "option 'keep'"),
)
FOLDERS = ("man", "failpoints", "tools/failpoint", "common", "fusefs", "rules")
LINES = ("mandoc", "-Tlint", "-W", "warning")
# scdoc begins a paragraph before and after everything; no page can help it.
GENERATED = "skipping paragraph macro"


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def point(self, name, problems=()):
        self.count += 1
        problems = list(problems)
        self.failed += bool(problems)
        print("not ok" if problems else "ok", self.count, "-", name)
        for problem in problems:
            print("#", problem)

    def skip(self, name, why):
        self.count += 1
        print("ok", self.count, "-", name, "# SKIP", why)

    def finish(self):
        print(f"1..{self.count}")
        sys.exit(self.failed > 0)


def warnings(pages):
    """Of the readers of manual pages, for those that scdoc has made."""
    for command in (LINES, ("man", "--warnings", "-E", "UTF-8", "-l")):
        done = subprocess.run([*command, *pages], capture_output=True, text=True,
                              check=False, env={**os.environ, "MANPAGER": "",
                                                "LC_ALL": "C.UTF-8"})
        said = done.stdout if command is LINES else ""
        for line in (said + done.stderr).splitlines():
            if GENERATED not in line:
                yield line


def check_pages(tap, tree, work):
    missing = [name for name in ("scdoc", "mandoc", "man")
               if shutil.which(name) is None]
    if missing:
        tap.skip("pages are read without a warning", "no " + missing[0])
        return
    made = []
    for name, path in tree.pages().items():
        made.append(os.path.join(work, name))
        with open(made[-1], "w", encoding="utf-8") as file:
            subprocess.run(["scdoc"], input=tree.text(path), text=True,
                           stdout=file, check=True)
    tap.point("pages are read without a warning", warnings(made))
    bad = os.path.join(work, "bad.1")
    shutil.copy(os.path.join(work, "flakey.1"), bad)
    with open(bad, "a", encoding="utf-8") as file:
        file.write(".SH\n.no_such_macro\n")
    tap.point("a page that is wrong has warnings",
              [] if list(warnings([bad])) else ["nothing was said"])


def is_found(tree, word):
    found = list(manual.findings(tree))
    if any(word in line for line in found):
        return []
    return ["found: " + line for line in found] or ["nothing was found"]


def plant_in_sources(tap, tree):
    for name, old, new, word in PLANTED:
        path = os.path.join(tree.root, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
        problems = is_found(tree, word)
        if old not in text:
            problems.append(f"'{old}' is not there to be replaced")
        tap.point(f"{name}: {old!r} that is {new!r} is found", problems)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def plant_in_help(tap, copy, programs, work):
    flakey, failpoint = programs
    for script, word in PLANTED_HELP:
        other = os.path.join(work, "other-flakey")
        with open(other, "w", encoding="utf-8") as file:
            # A verb of another name is asked for by that name.
            file.write("#!/bin/sh\n[ $1 != expel ] || set -- evict --help\n"
                       f"'{flakey}' \"$@\" | sed '{script}'\n")
        os.chmod(other, 0o755)
        tap.point(f"a help that is another one by {script} is found",
                  is_found(manual.Tree(copy, other, failpoint), word))


def main():
    root = os.path.abspath(sys.argv[1])
    programs = tuple(os.path.abspath(name) for name in sys.argv[2:4])
    tree = manual.Tree(root, *programs)
    tap = Tap()
    for name, check in manual.checks().items():
        tap.point(name, check(tree))
    with tempfile.TemporaryDirectory(prefix="flakey-manual.") as work:
        check_pages(tap, tree, work)
        copy = os.path.join(work, "copy")
        for folder in FOLDERS:
            os.makedirs(os.path.join(copy, folder))
            for name in os.listdir(os.path.join(root, folder)):
                if name.endswith((".scd", ".c", ".h")):
                    shutil.copy(os.path.join(root, folder, name),
                                os.path.join(copy, folder, name))
        other = manual.Tree(copy, *programs, tree.helps)
        tap.point("the copy is without a mistake", manual.findings(other))
        plant_in_sources(tap, other)
        plant_in_help(tap, copy, programs, work)
    tap.finish()


main()
