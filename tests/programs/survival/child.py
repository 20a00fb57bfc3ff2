# SPDX-License-Identifier: MIT
"""Functions that run in a process of their own, and its end with all that it
started."""

import ctypes
import glob
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
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
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


def _children(pid):
    found = set()
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path, "rb") as file:
                found.update(map(int, file.read().split()))
        except OSError:
            pass  # it has ended meanwhile
    return found


def _signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _stop(pid, stopped):
    """A process with all that it started, and starts until it is stopped."""
    _signal(pid, signal.SIGSTOP)
    stopped.add(pid)
    while young := _children(pid) - stopped:
        for each in young:
            _stop(each, stopped)


def end_all(spared=0):
    """Kills all that was started here, at one moment: nobody sees others die, as
    in a failure of power. Not the server of the mount, which is one of them."""
    stopped = set()
    for pid in _children(os.getpid()) - {spared}:
        _stop(pid, stopped)
    for pid in stopped:
        _signal(pid, signal.SIGKILL)
    deadline = time.monotonic() + END_S
    while children := list(_children(os.getpid()) - {spared}):
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {children} do not end")
        for pid in children:
            _signal(pid, signal.SIGKILL)
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
