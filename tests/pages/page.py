#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""page.py [--paste] OPTION... PAGE

Types what a page of the manual shows into a shell, and compares what is printed. If
this fails, a reader who does what the page says does not get what it shows.

Of a page's blocks

    ```LANGUAGE NAME         is a file, there when the reader has come to it
    ```LANGUAGE from=NAME    is a part of a file of the folder PAGE/
    ```console [needs=X,Y]   is typed in, where the commands X and Y are there:
                             `$ COMMAND`, `> ITS NEXT LINE`, and what is printed
    ```LANGUAGE by-hand      is looked at by nobody

and there are no others. The shell of a page begins in an empty directory, or in a
copy of the folder that has the page's name, and goes on from block to block. Times
and seeds are not compared; `...` stands for anything within a line, and alone for
any lines. --paste puts what is printed into the page instead. --tools, --libraries
and --pkg-config name folders of what is installed, --command go=/usr/bin/go-12 what a
command is called here that is there under no such name."""

import argparse
import difflib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```(\S*)([^\n]*)\n(.*?)^```$", re.M | re.S)
INDENTED = re.compile(r"^(?:\t| {4})[^\n]*", re.M)
LIST = re.compile(r"^([-*]|\d+\.) ")
MARK = "@@flakey-page@@"
NUMBERS = re.compile(r"\b\d+(?:\.\d+)? ?(?:ns|us|ms|s)\b|\bseed[ =]\d+")
DEADLINE_S = 150


class Block:
    """A fenced block. commands are pairs of a text and the lines it prints."""

    def __init__(self, match, line):
        self.language, self.info, self.text = match.groups()
        self.info = self.info.split()
        self.span, self.line = match.span(3), line
        self.needs, self.commands = [], []

    def parse_console(self):
        for word in self.info:
            self.needs += word.removeprefix("needs=").split(",")
        for line in self.text.splitlines():
            if line.startswith("$ "):
                self.commands.append((line[2:], []))
            elif line.startswith("> ") and not self.commands[-1][1]:
                text, printed = self.commands[-1]
                self.commands[-1] = (text + "\n" + line[2:], printed)
            else:
                self.commands[-1][1].append(line)

    def is_part(self):
        return self.info[0].startswith("from=")

    def is_file(self):
        return len(self.info) == 1 and self.info != ["by-hand"]

    def lacks(self):
        return [name for name in self.needs if not shutil.which(name)]


def read_blocks(text):
    for match in BLOCK.finditer(text):
        block = Block(match, text.count("\n", 0, match.start()) + 1)
        if block.language == "console":
            block.parse_console()
        yield block


def page_complaints(text, blocks, folder):
    """What is wrong with the page itself."""
    for block in blocks:
        if block.language == "console":
            continue
        if len(block.info) != 1:
            yield f"line {block.line}: a block that is neither a file nor typed in"
        elif block.is_part():
            path = os.path.join(folder or "", block.info[0].removeprefix("from="))
            with open(path, encoding="utf-8") as file:
                if block.text not in file.read():
                    yield f"line {block.line}: not a part of {path}"
    prose = BLOCK.sub("", text)
    for match in INDENTED.finditer(prose):
        before = prose[:match.start()].rstrip("\n").rsplit("\n", 1)[-1]
        if prose[:match.start()].endswith("\n\n") and not LIST.match(before):
            yield f"a block without a fence: {match.group()}"


def script_of(blocks, files):
    """All that is typed in, as one script. After each command is a mark."""
    lines = [f"cd '{files}/begin'"]
    for number, block in enumerate(blocks):
        if block.language != "console":
            if not block.is_file() or block.is_part():
                continue
            path = os.path.join(files, str(number))
            with open(path, "w", encoding="utf-8") as file:
                file.write(block.text)
            target = f"{files}/begin/{block.info[0]}"
            lines.append(f"mkdir -p '{os.path.dirname(target)}'")
            lines.append(f"cp '{path}' '{target}'")
        elif not block.lacks():
            for command, _ in block.commands:
                lines.append(command)
                lines.append(f"page_status=$?; printf '\\n{MARK}\\n'; "
                             "(exit $page_status)")
    return "\n".join(lines) + "\n"


def environment(options, work):
    """That of somebody who has installed flakey, and nothing else of it."""
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(("FLAKEY_", "GOFAIL_"))}
    for name in "CFLAGS", "LDFLAGS", "MAKEFLAGS", "NO_COLOR", "ENV":
        env.pop(name, None)
    path = env.get("PATH", "/usr/bin:/bin")
    commands = os.path.join(work, "bin")
    os.mkdir(commands)
    for name, target in (command.split("=") for command in options.command):
        if not shutil.which(name):
            os.symlink(target, os.path.join(commands, name))
    env["PATH"] = ":".join([*map(os.path.abspath, options.tools), path, commands])
    os.environ["PATH"] = env["PATH"]
    env["LD_LIBRARY_PATH"] = ":".join(map(os.path.abspath, options.libraries))
    env["PKG_CONFIG_PATH"] = os.path.abspath(options.pkg_config)
    env["LC_ALL"] = "C.UTF-8"
    env["TMPDIR"] = os.path.join(work, "tmp")
    env["GOCACHE"] = os.path.join(work, "tmp", "go")
    return env


def play(script, work, env):
    """What each of the commands has printed."""
    path = os.path.join(work, "printed")
    with open(os.path.join(work, "script"), "w", encoding="utf-8") as file:
        file.write(script)
    # Not by a pipe: a daemon that has it open would keep us waiting.
    with open(path, "wb") as out:
        shell = subprocess.Popen(["sh", os.path.join(work, "script")], env=env,
                                 stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=subprocess.STDOUT, start_new_session=True)
        try:
            shell.wait(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
    with open(path, encoding="utf-8", errors="replace") as file:
        texts = file.read().split(f"\n{MARK}\n")
    texts[-1] += "" if shell.returncode >= 0 else f"(killed: {-shell.returncode})"
    return [text.splitlines() for text in texts]


def is_like(want, got):
    """Whether lines are what the page says."""
    pattern = ""
    for line in want:
        if line == "...":
            pattern += "(?:.*\n)*?"
            continue
        parts = NUMBERS.sub("TIME", line).split("...")
        pattern += ".*".join(map(re.escape, parts)) + "\n"
    text = "".join(NUMBERS.sub("TIME", line) + "\n" for line in got)
    return re.fullmatch(pattern, text) is not None


def paste(text, blocks, printed):
    """The page with what was printed."""
    position, result = 0, ""
    for block in blocks:
        if block.language != "console" or block.lacks():
            continue
        result += text[position:block.span[0]]
        for command, want in block.commands:
            got = printed.pop(0)
            lines = want if is_like(want, got) else got
            result += "\n> ".join(f"$ {command}".split("\n")) + "\n"
            result += "".join(line + "\n" for line in lines)
        position = block.span[1]
    return result + text[position:]


def report(page, blocks, printed):
    """The points of TAP; returns how many were not as the page says."""
    count = failed = 0
    for block in blocks:
        if block.language != "console":
            continue
        count += 1
        name = f"{os.path.basename(page)} {block.commands[0][0].splitlines()[0]}"
        name = name.replace("#", "")
        if block.lacks():
            print(f"ok {count} - {name} # SKIP no {' '.join(block.lacks())}")
            continue
        wrong = []
        for command, want in block.commands:
            got = printed.pop(0) if printed else ["(never came to this)"]
            if not is_like(want, got):
                wrong += [f"line {block.line}: $ {command}"]
                wrong += difflib.ndiff(want, got)
        failed += len(wrong) > 0
        print("not ok" if wrong else "ok", count, "-", name)
        for line in wrong:
            print("#", line.rstrip("\n"))
    return count, failed


def clean_up(work):
    """Nothing is removed through a mount that a failed page has left."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = [line.split()[4] for line in file]
    for mount in reversed([m for m in mounts if m.startswith(work + "/")]):
        if subprocess.run(["fusermount3", "-uz", mount], check=False,
                          stderr=subprocess.DEVNULL).returncode != 0:
            subprocess.run(["umount", "-l", mount], check=False)
    subprocess.run(["rm", "-rf", "--one-file-system", work], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paste", action="store_true")
    parser.add_argument("--tools", nargs="+", required=True)
    parser.add_argument("--libraries", nargs="+", default=[])
    parser.add_argument("--pkg-config", default="")
    parser.add_argument("--command", action="append", default=[])
    parser.add_argument("page")
    options = parser.parse_args()
    with open(options.page, encoding="utf-8") as file:
        text = file.read()
    blocks = list(read_blocks(text))
    folder = options.page.removesuffix(".md")
    folder = folder if os.path.isdir(folder) else None
    work = os.path.realpath(tempfile.mkdtemp(
        prefix="flakey-test.", dir=os.environ.get("TMPDIR", "/var/tmp")))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        os.mkdir(os.path.join(work, "tmp"))
        if folder:
            shutil.copytree(folder, os.path.join(work, "begin"))
        else:
            os.mkdir(os.path.join(work, "begin"))
        printed = play(script_of(blocks, work), work, environment(options, work))
    finally:
        clean_up(work)
    if options.paste:
        with open(options.page, "w", encoding="utf-8") as file:
            file.write(paste(text, blocks, printed))
        return
    count, failed = report(options.page, blocks, printed)
    wrong = list(page_complaints(text, blocks, folder))
    print("not ok" if wrong else "ok", count + 1, "- all of the page is looked at")
    for line in wrong:
        print("#", line)
    print(f"1..{count + 1}")
    sys.exit(failed > 0 or len(wrong) > 0)


main()
