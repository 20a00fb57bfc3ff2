#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""recipes_do_what_they_print.py PAGE: runs each recipe of docs/recipes.md as it is
printed there. If this fails, what users copy from the page does not do what it
says.

A block with a name is a file. NAME.sh is run by `sh -eu`, after begin.sh, in a
directory that has all files of the page, and has to print NAME.out, in which `...`
stands for anything within a line. With --show, what is printed is shown instead."""

import os
import re
import shutil
import subprocess
import sys

NAMED = re.compile(r"^```[a-z]+ (\S+)\n(.*?)^```$", re.M | re.S)
DEADLINE_S = 60


def run(directory, script):
    """What a script prints, by whatever way, and whether it did well."""
    # Not by a pipe: a daemon that has it open would keep us waiting.
    path = os.path.join(directory, "printed")
    with open(path, "wb") as out:
        done = subprocess.run(["sh", "-eu", script], cwd=directory, stdout=out,
                              stderr=out, stdin=subprocess.DEVNULL,
                              timeout=DEADLINE_S, check=False)
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().splitlines(), done.returncode


def is_like(want, got):
    """Whether a line is what the page says."""
    pattern = ".*".join(map(re.escape, want.split("...")))
    return re.fullmatch(pattern, got) is not None


def complaints(want, got, status):
    """What is wrong, line by line."""
    if status != 0:
        yield f"exit status {status}"
    for index in range(max(len(want), len(got))):
        line = want[index] if index < len(want) else None
        said = got[index] if index < len(got) else None
        if line is None or said is None or not is_like(line, said):
            yield f"line {index + 1}: want {line!r}, got {said!r}"


def play(work, files, name):
    """One recipe: what is wrong with it."""
    directory = os.path.join(work, name)
    os.mkdir(directory)
    for path, content in files.items():
        with open(os.path.join(directory, path), "w", encoding="utf-8") as file:
            file.write(content)
    begun, status = run(directory, "begin.sh")
    if status != 0:
        return [], [f"begin.sh: {begun}"]
    try:
        got, status = run(directory, name + ".sh")
        want = files[name + ".out"].splitlines()
        wrong = list(complaints(want, got, status))
    finally:
        ended = subprocess.run(["flakey", "umount", "mnt"], cwd=directory,
                               capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            subprocess.run(["fusermount3", "-uz", "mnt"], cwd=directory,
                           check=False)
    if ended.returncode != 0:
        wrong.append(f"flakey umount mnt: {ended.stderr}")
    return got, wrong


def main():
    """All of the page."""
    work = os.environ["WORK"]
    command = os.path.dirname(os.environ["FLAKEY"])
    os.environ["PATH"] = f"{command}:/usr/local/bin:/usr/bin:/bin"
    os.environ["LC_ALL"] = "C"
    with open(sys.argv[1], encoding="utf-8") as file:
        files = dict(NAMED.findall(file.read()))
    recipes = [name[:-4] for name in files if name.endswith(".out")]
    scripts = {name[:-3] for name in files if name.endswith(".sh")} - {"begin"}
    failed = 0
    for number, name in enumerate(recipes, 1):
        got, wrong = play(work, files, name)
        failed += len(wrong) > 0
        print("not ok" if wrong else "ok", number, "-", name)
        for line in got if "--show" in sys.argv else wrong:
            print("#", line)
        shutil.rmtree(os.path.join(work, name))
    orphans = sorted(scripts - set(recipes))
    print("not ok" if orphans else "ok", len(recipes) + 1, "- all are run", *orphans)
    print(f"1..{len(recipes) + 1}")
    sys.exit(failed > 0 or len(orphans) > 0)


main()
