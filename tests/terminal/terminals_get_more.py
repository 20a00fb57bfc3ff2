#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""terminals_get_more.py, on a mount (see on-mount): if this fails, a log file gets
colours or half-drawn lines, or a user who waits sees nothing."""

import os
import pty
import subprocess
import sys

FLAKEY = os.environ["FLAKEY"]
MNT = os.environ["MNT"]
ESCAPE = "\033["
ERASE = "\r\033[K"
# Never fires, so the verb takes its time: enough to draw something, and enough to
# have drawn something, if that were done.
WAIT = (FLAKEY, "fault", "wait", "--timeout", "2s", MNT, "fs/read")
SHORT = (FLAKEY, "fault", "wait", "--timeout", "700ms", MNT, "fs/read")
WRONG = (FLAKEY, "nosuch")
RUN = (FLAKEY, "run", "--crash-after", "60s", "--check", "true", "--", "true")

count = 0
failed = 0


def point(name, passed, said):
    global count, failed
    count += 1
    failed += not passed
    print("ok" if passed else "not ok", count, "-", name)
    if not passed:
        print("#", repr(said))


def read_all(terminal):
    said = b""
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # all who had the other side are gone
            more = b""
        if not more:
            return said.decode()
        said += more


def on_terminal(command, **environment):
    """What a terminal gets; None takes a variable away."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.pop("NO_COLOR", None)
        os.environ["TERM"] = "xterm"
        for name, value in environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        os.execv(command[0], command)
    said = read_all(terminal)
    os.waitpid(pid, 0)
    os.close(terminal)
    return said


def in_pipes(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          env={**os.environ, "TERM": "xterm"})
    return done.stdout, done.stderr


def half_a_terminal(command):
    """stderr is a terminal, stdout is not: what stdout gets."""
    ours, theirs = pty.openpty()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs,
                          text=True, check=False,
                          env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    os.close(ours)
    return done.stdout


def test_progress():
    said = on_terminal(WAIT)
    point("what takes long says so on a terminal",
          f"{ERASE}flakey fault: wait: " in said, said)
    point("and takes it away in the end",
          said.rfind(ERASE) > said.rfind("wait: ")
          and "has fired 0 of 1" in said.rpartition(ERASE)[2], said)
    said = on_terminal(SHORT, TERM="dumb")
    point("a dumb terminal gets none", "wait: " not in said, said)
    said = on_terminal(WAIT, NO_COLOR="1")
    point("without colours it is still there", "wait: " in said, said)
    said = in_pipes(SHORT)
    point("a pipe gets the sentence alone", said[0] == ""
          and "\r" not in said[1] and said[1].count("\n") == 1, said)
    said = on_terminal((FLAKEY, "sync", MNT))
    point("what is quick draws nothing", ERASE not in said, said)


def test_colours():
    said = on_terminal(WRONG)
    point("an error begins with a colour on a terminal",
          f"{ESCAPE}1;31mflakey: {ESCAPE}0munknown verb" in said, said)
    for value in ("1", "0", "no"):
        said = on_terminal(WRONG, NO_COLOR=value)
        point(f"NO_COLOR={value}: none", ESCAPE not in said, said)
    said = on_terminal(WRONG, NO_COLOR="")
    point("an empty NO_COLOR says nothing", ESCAPE in said, said)
    for value in ("dumb", "", None):
        said = on_terminal(WRONG, TERM=value)
        point(f"TERM={value}: none", ESCAPE not in said, said)
    said = in_pipes(WRONG)
    point("none in a pipe", ESCAPE not in said[1], said)
    doctor = (FLAKEY, "doctor")
    said = on_terminal(doctor)
    point("findings have colours on a terminal", ESCAPE + "32mok" in said, said)
    said = half_a_terminal(doctor)
    point("but not in a pipe beside one", ESCAPE not in said
          and "  ok" in said, said)
    said = on_terminal(doctor + ("--json",))
    point("JSON has none anywhere", ESCAPE not in said, said)


def test_run():
    said = on_terminal(RUN)
    for word in ("running 'true'; power fails in 60.0 s",
                 "checking what survived: true"):
        point(f"run says '{word}' on a terminal", word in said, said)
    said = in_pipes(RUN)
    point("and in a pipe what the crash did, no more", said[0] == "" and
          said[1].startswith("flakey: crashed: ")
          and said[1].count("\n") == 1, said)


def main():
    # On, so that only the time ends the wait.
    subprocess.run([FLAKEY, "fault", "add", MNT, "fs/read=off"], check=True,
                   stdout=subprocess.DEVNULL)
    test_progress()
    test_colours()
    test_run()
    print(f"1..{count}")
    sys.exit(failed > 0)


main()
