# SPDX-License-Identifier: MIT
"""Servers: started, waited for, killed. They are children of whoever works or
checks, and die with it."""

import contextlib
import os
import socket
import subprocess
import tempfile
import time

START_S = 60
# Behind it, the reason.
FATAL = ("FATAL", "PANIC", "panic:", "fatal error", "Bad file format")


class Server:
    """A process; answers(its number) says when it is ready."""

    def __init__(self, command, answers, log=None):
        self.log = log or tempfile.NamedTemporaryFile("a+", prefix="server.")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + START_S
        while not answers(self.process.pid):
            if self.process.poll() is not None:
                raise ServerRefused(f"{os.path.basename(command[0])}: "
                                    f"{self.last_words()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerRefused(f"no answer in {START_S} s: "
                                    f"{self.last_words()}")
            time.sleep(0.01)

    def last_words(self):
        """Why it ended: the last line that says so, or the last one."""
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            lines = [line for line in file.read().splitlines() if line.strip()]
        for line in reversed(lines):
            for word in FATAL:
                if word in line:
                    return line[line.index(word):][:160]
        return lines[-1][:160] if lines else "no reason given"

    def kill(self):
        """As when it is killed by the system."""
        self.process.kill()
        self.process.wait()


class ServerRefused(RuntimeError):
    """It did not start."""


def connects(path):
    """Somebody listens on this socket."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as end:
        try:
            end.connect(path)
        except OSError:
            return False
        return True


def free_port():
    """A port of this host that nobody uses; somebody else may be quicker."""
    with contextlib.closing(socket.socket()) as end:
        end.bind(("127.0.0.1", 0))
        return end.getsockname()[1]
