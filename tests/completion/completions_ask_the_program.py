#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""completions_ask_the_program.py COMPLETIONS FAILPOINT, on a mount (see on-mount):
types lines with tabs into real shells, and looks at what the program is called with.
If this fails, a tab gives nothing, or something that the program would not take."""

import json
import os
import pty
import select
import shutil
import stat
import subprocess
import sys
import time

DEADLINE_S = 30
MNT = os.environ["MNT"]
WORK = os.environ["WORK"]
BIN = os.path.join(WORK, "completion")
CALLED = os.path.join(WORK, "called")

# What is typed up to the tab, and what the last word has to become.
LINES = (
    ("flakey cra", "crash"),
    ("flakey crash --torn pa", "page"),
    ("flakey crash --keep=no", "--keep=none"),
    ("flakey crash --dig", "--digest"),
    ("flakey mount --profile xf", "xfs"),
    ("flakey mount --profile=bt", "--profile=btrfs"),
    ("flakey mount --backend d", "dm"),
    ("flakey mode x random-w", "random-write-corrupt"),
    ("flakey fault rem", "remove"),
    ("flakey fault add x fs/fsyncd", "fs/fsyncdir"),
    ("flakey fault add x store/commit=fai", "store/commit=fail-after"),
    ("flakey fault wait MNT store/co", "store/commit"),
    ("flakey failpoint status -a ADDRESS fs/listx", "fs/listxattr"),
    ("flakey failpoint parse pau", "pause"),
    ("flakey umount MN", "MNT"),
    ("flakey snapshot MNT WORK/direc", "WORK/directory"),
    ("flakey run -- unsh", "unshare"),
    ("failpoint ena", "enable"),
    ("failpoint enable --no-i", "--no-include"),
    ("failpoint list WORK/fil", "WORK/file.c"),
)
# What is offered when there is no choice, as the program says it.
NOTHING = ("flakey nonsense ", "flakey crash --seed ", "flakey sync x y")


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def point(self, name, expected, got):
        """zsh takes the slash behind a directory away when the line ends."""
        self.count += 1
        if isinstance(got, list):
            got = [word.rstrip("/") for word in got]
        print("ok" if expected == got else "not ok", self.count, "-", name)
        if expected != got:
            self.failed += 1
            print(f"# expected {expected!r}\n# got      {got!r}")

    def skip(self, name, why):
        self.count += 1
        print("ok", self.count, "-", name, "# SKIP", why)

    def finish(self):
        print(f"1..{self.count}")
        sys.exit(self.failed > 0)


def prepare(programs):
    """Programs that answer the shells as the real ones, and tell how they are
    called otherwise."""
    os.makedirs(os.path.join(WORK, "directory"))
    with open(os.path.join(WORK, "file.c"), "w", encoding="utf-8"):
        pass
    os.makedirs(BIN)
    for name, real in programs.items():
        path = os.path.join(BIN, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n"
                       f"[ \"$1\" != --complete ] || exec '{real}' \"$@\"\n"
                       f"{{ echo {name}; printf '%s\\n' \"$@\"; }}"
                       f" >'{CALLED}.new'\n"
                       f"mv '{CALLED}.new' '{CALLED}'\n")
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
    os.environ["PATH"] = BIN + ":" + os.environ["PATH"]


class Shell:
    """An interactive one at a terminal of its own."""

    def __init__(self, command, setup):
        self.said = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="dumb", PS1="> ", HOME=WORK,
                              HISTFILE="/dev/null")
            os.execvp(command[0], command)
        self.type(setup + "; flakey ready\r")
        self.called()

    def type(self, text):
        data = text.encode()
        while data:
            data = data[os.write(self.terminal, data):]

    def called(self):
        """The words of the next call. What the shell says has to be read, or it
        would wait."""
        end = time.monotonic() + DEADLINE_S
        while not os.path.exists(CALLED):
            if time.monotonic() > end:
                text = self.said.decode(errors="replace")[-500:]
                return ["(nothing was called; the shell said)", text]
            if select.select([self.terminal], [], [], 0.05)[0]:
                try:
                    self.said += os.read(self.terminal, 65536)
                except OSError:
                    end = 0
        with open(CALLED, encoding="utf-8") as file:
            words = file.read().splitlines()
        os.remove(CALLED)
        return words

    def complete(self, line):
        self.type(line + "\t\r")
        return self.called()

    def close(self):
        self.type("\rexit\r")
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


def test_shell(tap, name, command, setup, lines):
    if shutil.which(name) is None:
        tap.skip(name, f"no {name}")
        return
    shell = Shell(command, setup)
    for line, expected in lines:
        words = line.split(" ")
        words[-1] = expected
        tap.point(f"{name}: {line}", words, shell.complete(line))
    tap.point(f"{name}: a blank stands behind what is complete",
              ["flakey", "crash", "x"], shell_blank(shell))
    shell.close()


def shell_blank(shell):
    shell.type("flakey cra\tx\r")
    return shell.called()


def test_fish(tap, folder, lines):
    """Asked as it asks itself; it has a terminal of its own ideas."""
    if shutil.which("fish") is None:
        tap.skip("fish", "no fish")
        return
    for line, expected in lines:
        command = line.split(" ", 1)[0]
        done = subprocess.run(
            ["fish", "--no-config", "-c",
             f"source {folder}/fish-{command}; complete -C $argv[1]", line],
            capture_output=True, text=True, check=False)
        tap.point(f"fish: {line}", [expected],
                  [word.split("\t")[0] for word in done.stdout.splitlines()]
                  or [done.stderr])


def main():
    folder = os.path.abspath(sys.argv[1])
    flakey = os.environ["FLAKEY"]
    prepare({"flakey": flakey, "failpoint": os.path.abspath(sys.argv[2])})
    subprocess.run([flakey, "fault", "add", MNT, "store/commit=off"],
                   check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(MNT, ".flakey/status"), encoding="utf-8") as file:
        address = json.load(file)["http"]
    lines = []
    for line, expected in LINES:
        for word, value in (("MNT", MNT), ("MN", MNT[:-1]), ("WORK", WORK),
                            ("ADDRESS", address)):
            line = line.replace(word, value)
            expected = expected.replace(word, value)
        # Without a server of fault rules there are no points to ask for.
        if address or " -a " not in line:
            lines.append((line, expected))
    tap = Tap()
    for line in NOTHING:
        done = subprocess.run([flakey, "--complete", *line.split(" ")[1:]],
                              capture_output=True, text=True, check=False)
        tap.point(f"nothing to offer: {line}", ("", "", 0),
                  (done.stdout, done.stderr, done.returncode))
    sources = "; ".join(f"source '{folder}/bash-{name}'"
                        for name in ("flakey", "failpoint"))
    test_shell(tap, "bash", ["bash", "--norc", "--noprofile", "-i"], sources,
               lines)
    functions = os.path.join(WORK, "functions")
    os.makedirs(functions)
    for name in ("flakey", "failpoint"):
        shutil.copy(os.path.join(folder, "zsh-" + name),
                    os.path.join(functions, "_" + name))
    test_shell(tap, "zsh", ["zsh", "-f", "-i"],
               f"fpath=('{functions}' $fpath); autoload -Uz compinit; "
               "compinit -u -D", lines)
    test_fish(tap, folder, lines)
    tap.finish()


main()
