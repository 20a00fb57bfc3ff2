#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""answers_are_as_documented.py ROOT FAILPOINT, on a mount (see on-mount): asks every
verb with --json and compares the answers with docs/json.md both ways: a member that
is not there, is not documented or has another type is found, and so is one that is
documented and never seen, or a verb without a section. If this fails, a script that
was written by that page breaks."""

import copy
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(sys.argv[1], "tests/manual"))
import manual  # noqa: E402

FLAKEY = os.environ["FLAKEY"]
MNT = os.environ["MNT"]
WORK = os.environ["WORK"]
TYPES = {str: "string", bool: "boolean", int: "number", float: "number",
         list: "array", dict: "object", type(None): "null"}
SOURCE = "#include <stdio.h>\n\nint f(void)\n{\n\t// gofail: var x int\n" \
         "\treturn 1;\n}\n"


class Member:
    def __init__(self, kind, when):
        self.kind = kind
        self.never = when.startswith("dm")
        self.always = when in ("", "fuse")
        self.seen = False


def read_page(text):
    """Command to {member: Member}; of commands with one section, the same."""
    found = {}
    for title, body in re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", text,
                                  re.M | re.S):
        members = {name: Member(kind, when) for name, kind, when in
                   re.findall(r"^\| ([\w.\[\]]+) \| (\w+) \| (.*?) ?\| .*\|$",
                              body, re.M) if name != "member"}
        first, *others = title.split(", ")
        stem = first.rsplit(" ", 1)[0]
        for command in [first] + [f"{stem} {other}" for other in others]:
            found[command] = members
    return found


def members_of(value, stem=""):
    """Every member of an object, by its name in the page, with its type."""
    for name, inner in value.items():
        if isinstance(inner, list):
            yield f"{stem}{name}[]", "array"
            for item in inner:
                yield from members_of(item, f"{stem}{name}[].")
        else:
            yield stem + name, TYPES[type(inner)]


def check_answer(members, answer):
    seen = set()
    for name, kind in members_of(answer):
        seen.add(name)
        if name not in members:
            yield f"'{name}' is not documented"
        elif members[name].kind != kind:
            yield f"'{name}' is a {kind}, documented is {members[name].kind}"
        else:
            members[name].seen = True
    for name, member in members.items():
        stem = name.rpartition(".")[0]
        if member.always and name not in seen and \
                (not stem or answer.get(stem.removesuffix("[]"))):
            yield f"'{name}' is not there"


def check_unseen(members):
    for name, member in members.items():
        if not member.seen and not member.never:
            yield f"'{name}' was never there"


class Run:
    """Asks, and keeps what was answered by command."""

    def __init__(self, page, failpoint):
        self.page = page
        self.programs = {"flakey": FLAKEY, "failpoint": failpoint}
        self.answers = {}
        self.problems = {command: [] for command in page}

    def keep(self, command, text, lines=False):
        """An answer in the page's words, a line each or as a whole."""
        try:
            answers = [json.loads(line) for line in
                       (text.splitlines() if lines else [text])]
        except ValueError as error:
            self.problems[command].append(f"no JSON: {error}: {text[:200]!r}")
            return
        if isinstance(answers[0], list):
            answers = answers[0]
        self.answers.setdefault(command, []).extend(answers)

    def ask(self, command, *words, stderr=False, lines=False):
        """command is the page's, words are what follows."""
        program, *verb = command.split(" ")
        done = subprocess.run([self.programs[program], *verb, "--json",
                               *words], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0 and not stderr:
            self.problems[command].append(f"failed: {done.stderr}")
            return
        self.keep(command, done.stderr if stderr else done.stdout, lines)


def make_losses():
    os.makedirs(os.path.join(MNT, "d"))
    with open(os.path.join(MNT, "d/a"), "w", encoding="utf-8") as file:
        file.write("some data\n")
    os.rename(os.path.join(MNT, "d/a"), os.path.join(MNT, "d/b"))
    os.link(os.path.join(MNT, "d/b"), os.path.join(MNT, "d/c"))


def sync_one(name):
    """Errors are what is wanted."""
    try:
        fd = os.open(os.path.join(MNT, name), os.O_RDWR | os.O_CREAT)
        try:
            os.write(fd, b"x" * 5000)
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError:
        pass


def sync_names():
    os.mkdir(os.path.join(MNT, "fails"))
    fd = os.open(MNT, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError:
        pass
    finally:
        os.close(fd)


def ask_modes(run):
    run.ask("flakey drop-writes", "--for", "1h", MNT)
    run.ask("flakey mode", MNT)
    run.ask("flakey error-writes", MNT)
    sync_names()  # the journal is aborted
    run.ask("flakey crash", MNT)
    run.ask("flakey error-reads", MNT)
    run.ask("flakey corrupt-bio-byte", MNT, "1", "w", "0")
    sync_one("harmed")
    run.ask("flakey random-read-corrupt", MNT, "0")
    run.ask("flakey random-write-corrupt", MNT, "0")
    run.ask("flakey allow-writes", MNT)


def ask_rules(run):
    run.ask("flakey fault set", MNT, "fs/rename{when=after}=print",
            "fs/write{path=rotten}=corrupt(bitflip)", "fs/read=off")
    with open(os.path.join(MNT, "rotten"), "w", encoding="utf-8") as file:
        file.write("sound")
    os.rename(os.path.join(MNT, "rotten"), os.path.join(MNT, "moved"))
    run.ask("flakey fault add", MNT, "fs/fsync=off")
    run.ask("flakey fault list", MNT)
    run.ask("flakey fault wait", MNT, "fs/read", "--fired", "0")
    run.ask("flakey fault remove", MNT, "fs/read")
    run.ask("flakey fault clear", MNT)


def ask_disk(run):
    make_losses()
    run.ask("flakey status", MNT)
    with open(os.path.join(MNT, ".flakey/status"), encoding="utf-8") as file:
        run.keep("flakey status", file.read())
    run.ask("flakey unsynced", MNT)
    run.ask("flakey snapshot", "--keep", "50%", "--digest", MNT,
            os.path.join(WORK, "image"))
    run.ask("flakey crash", "--keep", "50%", "--digest", "--kill", MNT)
    run.ask("flakey sync", MNT)
    run.ask("flakey evict", MNT)
    with open(os.path.join(MNT, ".flakey/control"), "w",
              encoding="utf-8") as file:
        file.write("mark here\n")


def ask_others(run):
    """Mounts of their own."""
    store, mnt = (os.path.join(WORK, name) for name in ("store2", "mnt2"))
    os.makedirs(store)
    os.makedirs(mnt)
    run.ask("flakey mount", "--commit-interval", "100ms", "--writeback-after",
            "100ms", store, mnt)
    with open(os.path.join(mnt, "late"), "w", encoding="utf-8") as file:
        file.write("x")
    log = open(os.path.join(mnt, ".flakey/log"), encoding="utf-8")
    with log:
        # The server's timer, no clock of ours: the test has a deadline.
        seen = ""
        while "background-commit" not in seen or \
                "background-writeback" not in seen:
            seen += log.read()
    run.ask("flakey log", mnt, lines=True)
    run.ask("flakey umount", mnt)
    done = subprocess.run([FLAKEY, "mount", "--backend", "dm", "--dry-run",
                           "--json", "new", mnt], capture_output=True,
                          text=True, check=False)
    if "built without" in done.stderr:
        for name, member in run.page["flakey mount"].items():
            member.never = member.never or name.startswith("steps")
    else:
        run.keep("flakey mount", done.stdout)
    run.ask("flakey doctor")
    run.ask("flakey run", "--check", "true", "--", "true", stderr=True)


def ask_points(run):
    with open(os.path.join(MNT, ".flakey/status"), encoding="utf-8") as file:
        os.environ["GOFAIL_HTTP"] = json.load(file)["http"]
    run.ask("flakey failpoint parse", "3*off->return(5)")
    if os.environ["GOFAIL_HTTP"]:
        run.ask("flakey failpoint set", "fs/read", "off")
        run.ask("flakey failpoint list")
        run.ask("flakey failpoint list", "--long")
        run.ask("flakey failpoint status", "fs/read")
        run.ask("flakey failpoint wait", "fs/read", "--fired", "0")
        run.ask("flakey failpoint clear")
    source = os.path.join(WORK, "source.c")
    with open(source, "w", encoding="utf-8") as file:
        file.write(SOURCE)
    for verb in ("list", "enable", "disable"):
        run.ask("failpoint " + verb, source)


def compare(page, run):
    """Command to problems. The members that one section has for several
    commands are seen if one of them answers so."""
    found = {}
    for command, members in page.items():
        found[command] = list(run.problems[command])
        if command not in run.answers:
            found[command].append("was never asked")
        for answer in run.answers.get(command, []):
            # The first member of a mount says which of two answers it is.
            if command == "flakey mount" and "steps" in answer:
                answer = {**dict.fromkeys(("source", "mountpoint"), ""),
                          "pid": 0, **answer}
            found[command] += check_answer(members, answer)
    for command, members in page.items():
        found[command] += check_unseen(members)
    return found


def plant(text, run, old, new, word):
    """The page says something else: is it found?"""
    page = read_page(text.replace(old, new, 1))
    other = copy.copy(run)
    other.page = page
    other.problems = {command: [] for command in page}
    found = [line for lines in compare(page, other).values() for line in lines]
    return [] if old in text and any(word in line for line in found) else found


PLANTED = (
    ("| pid | number |", "| process | number |", "'pid' is not documented"),
    ("| pid | number |", "| pid | string |", "'pid' is a number"),
    ("| count | number | | |\n", "", "'count' is not documented"),
    ("| count | number | | |", "| count | number | | |\n| more | number | | |",
     "'more' is not there"),
    ("| text | string | mark |", "| text | string | mark | |\n"
     "| word | string | mark |", "'word' was never there"),
    ("| faults[].hits |", "| faults[].asked |", "'faults[].hits' is not doc"),
    ("## flakey evict", "## flakey expel", "was never asked"),
)


def main():
    root = os.path.abspath(sys.argv[1])
    with open(os.path.join(root, "docs/json.md"), encoding="utf-8") as file:
        text = file.read()
    page = read_page(text)
    failpoint = os.path.abspath(sys.argv[2])
    tree = manual.Tree(root, FLAKEY, failpoint)
    verbs = {" ".join(words) for words in manual.commands(tree)
             if len(words) > 1 and not tree.verbs(*words)}
    verbs |= {"failpoint " + verb for verb in tree.verbs("failpoint")}
    # It answers with what its command says.
    verbs.remove("flakey run")
    page["flakey run"] = page["flakey crash"]
    run = Run(page, failpoint)
    ask_points(run)
    ask_disk(run)
    ask_rules(run)
    ask_modes(run)
    run.ask("flakey log", MNT, lines=True)
    ask_others(run)
    if not os.environ["GOFAIL_HTTP"]:
        for command in [name for name in page if "flakey failpoint" in name
                        and "parse" not in name]:
            del page[command]
            verbs.discard(command)
    found = compare(page, run)
    found["a section for each verb, and nothing else"] = list(manual.differ(
        "docs/json.md", "verb", ("--help", verbs),
        ("the page", set(page) - {"flakey run"})))
    for old, new, word in PLANTED:
        found[f"planted: {new!r} in place of {old!r} is found"] = plant(
            text, run, old, new, word)
    for count, (name, problems) in enumerate(found.items(), 1):
        print("not ok" if problems else "ok", count, "-", name)
        for problem in sorted(set(problems)):
            print("#", problem)
    print(f"1..{len(found)}")
    sys.exit(any(found.values()))


main()
