#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Compares what the conformance program sees on a mount with a native
directory, case by case, as TAP.

    judge.py run KNOWN REFERENCE PROGRAM [PREFIX]
                                        on $MNT, with the host below $WORK
    judge.py record REFERENCE PROGRAM   what this host's file system does, as
                                        root (who also records for a user)
    judge.py check KNOWN DOCUMENT       whether the document has the table
    judge.py table KNOWN                prints that table

KNOWN lists differences that remain; a case may differ only in the words that an
entry names, and an entry that no longer differs fails. The native directory
decides if it lies on ext4. Elsewhere (overlayfs and tmpfs have ways of their
own) a case must agree with REFERENCE, recorded on ext4, or with the native
directory; either way the mount is never compared with itself."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile

TRUSTED = "ext2/ext3"  # what stat(1) calls ext4, too
LIMIT_S = 280


def file_system(path):
    done = subprocess.run(["stat", "-f", "-c", "%T", path],
                          capture_output=True, check=True, text=True)
    return done.stdout.strip()


def is_noatime(path):
    return bool(os.statvfs(path).f_flag & os.ST_NOATIME)


class Entry:
    """One known difference: who sees it, in which cases and words, and why."""

    def __init__(self, who, pattern, keys, reason):
        self.who = who
        self.pattern = pattern
        self.keys = keys.split(",")
        self.reason = reason
        self.seen = 0

    def covers(self, case):
        return fnmatch.fnmatchcase(case, self.pattern)

    def strip(self, line):
        if self.keys == ["*"]:
            return []
        return [word for word in line.split(" ")
                if word.split("=")[0] not in self.keys]


def read_known(path):
    entries = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 4 or fields[0] not in ("any", "root", "user",
                                                     "userns"):
                sys.exit(f"{path}:{number}: not WHO, CASES, WORDS, REASON")
            entries.append(Entry(*fields))
    return entries


def read_reference(path, who):
    lines = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#"):
                continue
            whose, case, rest = line.rstrip("\n").split("\t")
            if whose in ("any", who):
                lines[case] = rest
    return lines


def start(program, directory, prefix):
    os.mkdir(directory)
    return subprocess.Popen([program, directory] + prefix,
                            stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def finish(process):
    output, _ = process.communicate(timeout=LIMIT_S)
    lines = {}
    for line in output.splitlines():
        case, tab, rest = line.partition("\t")
        if not tab or case in lines:
            sys.exit(f"Bail out! not a case, or twice: {line}")
        lines[case] = rest
    if process.returncode != 0:
        sys.exit(f"Bail out! ended with {process.returncode}")
    return lines


class Report:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def point(self, good, name):
        self.count += 1
        self.failed += not good
        print(f"{'' if good else 'not '}ok {self.count} - {name}")

    def end(self):
        print(f"1..{self.count}")
        sys.exit(self.failed > 0)


def agrees(got, wanted, entries, case):
    """Whether the case is as wanted, or differs from ext4, which comes first,
    only as known."""
    good = got in wanted
    if not wanted or got == wanted[0]:
        return good
    for entry in entries:
        if entry.covers(case) and any(
                entry.strip(got) == entry.strip(line) for line in wanted):
            entry.seen += 1
            good = True
    return good


def judge_case(report, case, got, wanted, entries):
    good = agrees(got, wanted, entries, case)
    report.point(good, case)
    if good:
        return
    for line in wanted:
        print(f"# native: {line}")
    print(f"# mount:  {got}")


def who_runs():
    if os.geteuid() != 0:
        return "user"
    with open("/proc/self/uid_map", encoding="utf-8") as file:
        whole = file.read().split()[2] == "4294967295"
    return "root" if whole else "userns"


def place():
    """A directory on ext4 if this user has one, and what it lies on."""
    work = os.environ["WORK"]
    for candidate in (work, "/var/tmp", "/tmp", os.path.expanduser("~")):
        if file_system(candidate) == TRUSTED and os.access(candidate, os.W_OK):
            break
    else:
        candidate = work
    directory = tempfile.mkdtemp(prefix="flakey-native.", dir=candidate)
    os.chmod(directory, 0o755)
    return directory, file_system(candidate)


def wanted_lines(case, native, reference, trusted, noatime):
    if trusted and not (noatime and case.startswith("atime.")):
        return [native[case]] if case in native else []
    lines = [reference.get(case), native.get(case)]
    return [line for line in lines if line is not None]


def run(known, reference_path, program, prefix):
    who = who_runs()
    entries = [entry for entry in read_known(known)
               if entry.who in ("any", who)]
    reference = read_reference(reference_path, who)
    directory, kind = place()
    try:
        native_run = start(program, os.path.join(directory, "posix"), prefix)
        mount_run = start(program, os.path.join(os.environ["MNT"], "posix"),
                          prefix)
        native = finish(native_run)
        mount = finish(mount_run)
        noatime = is_noatime(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"# {who}, compared with {directory} on {kind}, {len(mount)} cases"
          + (", mounted noatime" if noatime else ""))
    report = Report()
    for case in sorted(set(native) | set(mount)):
        wanted = wanted_lines(case, native, reference, kind == TRUSTED,
                              noatime)
        judge_case(report, case, mount.get(case, "(did not run)"), wanted,
                   entries)
    for entry in entries:
        if not prefix:
            report.point(entry.seen > 0,
                         f"known: {entry.who} {entry.pattern} still differs")
    if kind == TRUSTED and not prefix and reference:
        judge_reference(report, native, reference)
    report.end()


def judge_reference(report, native, reference):
    """Kernels differ in small things, so a few lines may; but a reference that
    nobody has recorded again after cases were changed is none."""
    missing = [case for case in native if case not in reference]
    wrong = [case for case in native
             if case in reference and reference[case] != native[case]]
    for case in missing + wrong:
        print(f"# the reference has {case}: {reference.get(case)}")
    report.point(not missing and len(wrong) * 100 <= len(native),
                 "the recorded reference is what ext4 does here")


def record(reference_path, program):
    """Run by root; what an ordinary user sees is recorded along."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as top:
        os.chmod(top, 0o711)
        if file_system(top) != TRUSTED or os.geteuid() != 0:
            sys.exit("judge.py: to be recorded by root, on ext4")
        copy = shutil.copy(program, top)
        seen = {}
        for who, command in (("root", []), ("user", [
                "setpriv", "--reuid=65534", "--regid=65534",
                "--clear-groups"])):
            directory = os.path.join(top, who)
            os.mkdir(directory)
            if who == "user":
                os.chown(directory, 65534, 65534)
            done = subprocess.run(command + [copy, directory], check=True,
                                  capture_output=True, text=True)
            seen[who] = dict(line.split("\t")
                             for line in done.stdout.splitlines())
    with open(reference_path, "w", encoding="utf-8") as file:
        file.write("# What ext4 does: judge.py record, Linux "
                   + re.match(r"\d+\.\d+", os.uname().release).group(0) + "\n")
        for case in sorted(set(seen["root"]) | set(seen["user"])):
            root, user = seen["root"].get(case), seen["user"].get(case)
            if root == user:
                file.write(f"any\t{case}\t{root}\n")
                continue
            for who, line in (("root", root), ("user", user)):
                if line is not None:
                    file.write(f"{who}\t{case}\t{line}\n")


def table(known):
    names = {"any": "all", "root": "root", "user": "ordinary users",
             "userns": "root of a namespace"}
    lines = ["| who | cases | words | why |", "|---|---|---|---|"]
    for entry in read_known(known):
        words = ", ".join(f"`{key}`" for key in entry.keys)
        if entry.keys == ["*"]:
            words = "all"
        pattern = entry.pattern.replace("|", "\\|")
        lines.append(f"| {names[entry.who]} | `{pattern}` | {words} | "
                     f"{entry.reason} |")
    return "\n".join(lines) + "\n"


def check(known, document):
    with open(document, encoding="utf-8") as file:
        good = table(known) in file.read()
    report = Report()
    report.point(good, "the document has the table of known differences")
    if not good:
        print("# put the output of `tests/posix/judge.py table "
              "tests/posix/known.tsv` into it")
    report.end()


def main():
    command, arguments = sys.argv[1], sys.argv[2:]
    if command == "run":
        run(arguments[0], arguments[1], arguments[2], arguments[3:])
    elif command == "record":
        record(*arguments)
    elif command == "check":
        check(*arguments)
    elif command == "table":
        print(table(*arguments), end="")
    else:
        sys.exit(__doc__)


main()
