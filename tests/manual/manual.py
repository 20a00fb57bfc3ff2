# SPDX-License-Identifier: MIT
"""What the manual says, and what the programs, headers and tables say, as far as
both are lists: verbs, options, functions, control files, profiles, operations.
findings() has a sentence for each difference, whichever side lacks something."""

import os
import re
import subprocess

PAGE_FOLDERS = ("man", "failpoints", "tools/failpoint")
# An option of --help: "  -h, --help VALUE   text", or with the text below.
HELP_OPTION = re.compile(
    r"^  (?:(-\w), |    )--([a-z-]+)(?: (\S+))?(?:  .*)?$", re.M)
HELP_VERB = re.compile(r"^  ([a-z-]+)  +(\S.*)$", re.M)
PAGE_OPTION = re.compile(
    r"^(?:\*(-\w)\*, )?\*--([a-z-]+)\*(?: (\S.*))?$", re.M)
PAGE_FUNCTION = re.compile(r"\b((?:flakey|failpoint)_\w+)\*?\(")


class Tree:
    """The sources, and the programs that were built of them."""

    def __init__(self, root, flakey, failpoint, helps=None):
        self.root = root
        self.programs = {"flakey": flakey, "failpoint": failpoint}
        # What was printed already; those of the same programs are the same.
        self.helps = {} if helps is None else helps

    def text(self, name):
        with open(os.path.join(self.root, name), encoding="utf-8") as file:
            return file.read()

    def pages(self):
        """Name without .scd, to the path of the source."""
        return {name[:-4]: os.path.join(folder, name)
                for folder in PAGE_FOLDERS
                for name in sorted(os.listdir(os.path.join(self.root, folder)))
                if name.endswith(".scd")}

    def help(self, *words):
        if words not in self.helps:
            self.helps[words] = subprocess.run(
                [self.programs[words[0]], *words[1:], "--help"], check=True,
                capture_output=True, text=True).stdout
        return self.helps[words]

    def verbs(self, *words):
        """Of a help that lists verbs: name to summary, else nothing."""
        text = self.help(*words)
        if "\nVerbs (" not in text:
            return {}
        text = text[text.index("\nVerbs ("):text.rindex("\nOptions:\n")]
        return dict(HELP_VERB.findall(text))

    def options(self, *words):
        """Of a help: --name to (letter, value)."""
        text = self.help(*words)
        text = text[text.rindex("\nOptions:\n"):]
        return {name: (letter, value)
                for letter, name, value in HELP_OPTION.findall(text)}


def section(page, title):
    """The text of a section, without its title."""
    match = re.search(rf"^# {title}\n(.*?)(?=^# |\Z)", page, re.M | re.S)
    return match.group(1) if match else ""


def plain(text):
    return re.sub(r"\\(.)", r"\1", re.sub(r"(?<!\\)\*|\b_|_\b", "", text))


def page_options(page):
    return {name: (letter, plain(value).strip())
            for letter, name, value
            in PAGE_OPTION.findall(section(page, "OPTIONS"))}


def differ(where, what, left, right):
    """left and right are (side, things): sets or dicts."""
    (left_side, ours), (right_side, theirs) = left, right
    for name in sorted(set(ours) - set(theirs)):
        yield f"{where}: {what} '{name}' is in {left_side} and not in " \
              f"{right_side}"
    for name in sorted(set(theirs) - set(ours)):
        yield f"{where}: {what} '{name}' is in {right_side} and not in " \
              f"{left_side}"
    if isinstance(ours, dict):
        for name in sorted(set(ours) & set(theirs)):
            if ours[name] != theirs[name]:
                yield f"{where}: {what} '{name}' is {ours[name]} in " \
                      f"{left_side} and {theirs[name]} in {right_side}"


def commands(tree):
    """Every command line that has a page of its own, to its summary."""
    found = {("flakey",): "turns a directory into a disk that can lose power"}
    for verb, summary in tree.verbs("flakey").items():
        found["flakey", verb] = summary
        for inner, inner_summary in tree.verbs("flakey", verb).items():
            found["flakey", verb, inner] = inner_summary
    return found


def check_commands(tree):
    known = {"-".join(words) + ".1": words for words in commands(tree)}
    pages = {name: path for name, path in tree.pages().items()
             if name.startswith("flakey") and name.endswith(".1")}
    yield from differ("man", "page", ("--help", set(known)),
                      ("the manual", set(pages)))
    for name in sorted(set(known) & set(pages)):
        yield from check_command(tree, name, tree.text(pages[name]),
                                 known[name], commands(tree)[known[name]])


def check_command(tree, name, page, words, summary):
    title = name[:-2]
    if not page.startswith(f"{title}(1)\n"):
        yield f"{name}: does not begin with its name"
    if section(page, "NAME").strip() != f"{title} - {summary}":
        yield f"{name}: NAME is not '{title} - {summary}'"
    usage = tree.help(*words).split("\n", 1)[0].replace("Usage: ", "")
    if plain(section(page, "SYNOPSIS")).strip() != usage:
        yield f"{name}: SYNOPSIS is not '{usage}'"
    yield from differ(name, "option", ("--help", tree.options(*words)),
                      ("OPTIONS", page_options(page)))
    listed = {verb: text for verb, text in re.findall(
        rf"^\*{title}-([a-z-]+)\*\(1\)\n\t(.*)$", section(page, "VERBS"),
        re.M)}
    yield from differ(name, "verb", ("--help", tree.verbs(*words)),
                      ("VERBS", listed))


def check_failpoint(tree):
    """One page for the translator and its verbs."""
    page = tree.text(tree.pages()["failpoint.1"])
    verbs = tree.verbs("failpoint")
    yield from differ("failpoint.1", "verb", ("--help", set(verbs)),
                      ("VERBS", set(re.findall(r"^\*(\w+)\*$", section(
                          page, "VERBS"), re.M))))
    helped = set(tree.options("failpoint"))
    for verb in verbs:
        helped |= set(tree.options("failpoint", verb))
    told = set(re.findall(r"\*--([a-z-]+)\*",
                          re.sub(r"^\t.*$", "", section(page, "OPTIONS"),
                                 flags=re.M)))
    yield from differ("failpoint.1", "option", ("--help", helped),
                      ("OPTIONS", told))


def check_library(tree, header, page_name):
    prefix = os.path.basename(header)[:-2]
    declared = set(re.findall(
        rf"^(?:\w+_API|static inline)\s[^;{{(]*?\b({prefix}_\w+)\(",
        tree.text(header), re.M))
    told = set(PAGE_FUNCTION.findall(tree.text(tree.pages()[page_name])))
    yield from differ(page_name, "function", (header, declared),
                      ("the page", {name for name in told
                                    if name.startswith(prefix + "_")}))


def check_control(tree):
    page = tree.text(tree.pages()["flakey-control.7"])
    table = re.search(r"\} files\[\] = \{(.*?)^\};",
                      tree.text("common/control.c"), re.M | re.S).group(1)
    files = {name: "" if writable == "true" else "Read only."
             for name, writable
             in re.findall(r'\{"(\w+)", (true|false)\}', table)}
    told = {name: "Read only." if "Read only." in re.sub(r"\s+", " ", text)
            else "" for name, text in re.findall(
                r"^\*(\w+)\*\n((?:\t.*\n)+)", section(page, "FILES"), re.M)}
    yield from differ("flakey-control.7", "file", ("control.c", files),
                      ("FILES", told))
    table = re.search(r"\} verbs\[\] = \{(.*?)^\};",
                      tree.text("common/verb.c"), re.M | re.S).group(1)
    verbs = dict(re.findall(r'\{"([a-z-]+)", "([^"]*)"', table))
    told = dict(re.findall(r"^\*([a-z-]+)\*(?: (.*))?$",
                           section(page, "VERBS"), re.M))
    yield from differ("flakey-control.7", "verb", ("verb.c", verbs),
                      ("VERBS", told))


def check_profiles(tree):
    body = re.search(r"profile_names\(void\)\n\{(.*?)^\}",
                     tree.text("fusefs/profile.c"), re.M | re.S).group(1)
    page = tree.text(tree.pages()["flakey-profiles.7"])
    yield from differ(
        "flakey-profiles.7", "profile",
        ("profile.c", set(re.findall(r"'([^']+)'", body))),
        ("PROFILES", set(re.findall(r"^\*(\S+)\*$",
                                    section(page, "PROFILES"), re.M))))


def check_operations(tree):
    source = tree.text("rules/rule_points.c")
    points = set(re.findall(r'\{"((?:fs|store)/[a-z*-]+)"', source))
    page = section(tree.text(tree.pages()["flakey-fault.1"]), "OPERATIONS")
    told = set(re.findall(r"\b(?:fs|store)/[a-z*-]+", page.replace("\\", "")))
    # *fs/\** has one asterisk of its own and two of the markup.
    told = {re.sub(r"\*+$", "*" if name.endswith("**") else "", name)
            for name in told}
    yield from differ("flakey-fault.1", "operation", ("the table", points),
                      ("OPERATIONS", told))


def check_references(tree):
    pages = tree.pages()
    for name, path in pages.items():
        for other, number in re.findall(
                r"\*((?:flakey|libflakey|failpoint)[a-z-]*)\*\((\d)\)",
                tree.text(path)):
            if f"{other}.{number}" not in pages:
                yield f"{name}: there is no page {other}({number})"


def checks():
    """Name to a function of a tree."""
    return {
        "verbs and options": check_commands,
        "the command failpoint": check_failpoint,
        "functions of flakey.h": lambda tree: check_library(
            tree, "common/flakey.h", "libflakey.3"),
        "functions of failpoint.h": lambda tree: check_library(
            tree, "failpoints/failpoint.h", "failpoint.3"),
        "control files and their verbs": check_control,
        "profiles": check_profiles,
        "operations of fault rules": check_operations,
        "pages that are referred to": check_references,
    }


def findings(tree):
    for check in checks().values():
        yield from check(tree)
