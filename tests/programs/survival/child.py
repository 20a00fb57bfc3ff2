# SPDX-License-Identifier: MIT
"""Functions that run in a process of their own, and its end with all that it
started."""

import ctypes
import os
import signal
import sys
import time
import traceback

PR_SET_CHILD_SUBREAPER = 36
END_S = 20


def adopt_orphans():
    """From now on, what our children leave behind is ours."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def start(function, errors):
    """Forks; the child's complaints go to the file errors."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.setsid()
        fd = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(fd, 1)
        os.dup2(fd, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        function()
        status = 0
    except BaseException:  # also what only means to end
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _children():
    pid = os.getpid()
    with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
        return set(map(int, file.read().split()))


def end_all(spared=0):
    """Kills what is left, with children and children's children; not the server
    of a mount, which is one of them."""
    deadline = time.monotonic() + END_S
    while children := list(_children() - {spared}):
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {children} do not end")
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(children[0], 0)


def status_text(status):
    """None if it ended well."""
    if os.WIFSIGNALED(status):
        return "killed by " + signal.Signals(os.WTERMSIG(status)).name
    return f"status {os.WEXITSTATUS(status)}" if status else None


def last_line(path):
    """Why something failed, in a line."""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = file.read().strip().splitlines()
    return lines[-1] if lines else "no reason given"
