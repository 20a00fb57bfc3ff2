# SPDX-License-Identifier: MIT
"""A simulated disk: a store, the mount on it, and its control files."""

import errno
import json
import os
import subprocess

COMMAND_S = 60


class Refused(RuntimeError):
    """A verb that did not do what was asked."""


class Disk:
    """Mounts directory/store on directory/mnt."""

    def __init__(self, flakey, directory, profile):
        self.flakey = flakey
        self.profile = profile
        self.store = os.path.join(directory, "store")
        self.place = os.path.join(directory, "mnt")
        self.mounted = False
        self.server = 0

    def command(self, *words):
        """Runs a verb; what it prints."""
        done = subprocess.run([self.flakey, *words], capture_output=True,
                              text=True, timeout=COMMAND_S, check=False)
        if done.returncode != 0:
            raise Refused(f"flakey {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def mount(self):
        """The power is on."""
        os.makedirs(self.store, exist_ok=True)
        os.makedirs(self.place, exist_ok=True)
        self.mounted = True  # as far as anybody knows who is interrupted here
        self.command("mount", "--profile", self.profile, self.store, self.place)
        status = json.loads(self.command("status", "--json", self.place))
        self.server = status["pid"]

    def unmount(self):
        """Everything is stored, and the mount is gone."""
        if self.mounted:
            self.command("umount", self.place)
            self.mounted = False
            self.server = 0

    def give_up(self):
        """Whatever happened, nothing stays mounted."""
        try:
            self.unmount()
        except (Refused, subprocess.TimeoutExpired) as why:
            print("#", why)
            if os.path.ismount(self.place):
                subprocess.run(["fusermount3", "-uz", self.place], check=False)
            self.mounted = False
            self.server = 0

    def control(self, line):
        """One line for the control file."""
        fd = os.open(os.path.join(self.place, ".flakey", "control"), os.O_WRONLY)
        try:
            os.write(fd, line.encode() + b"\n")
        finally:
            os.close(fd)

    def wait_for(self, rule, seconds):
        """True when the rule has fired; False when it was removed instead."""
        try:
            self.control(f"wait {rule} fired=1 timeout={seconds}s")
        except OSError as why:
            if why.errno in (errno.ETIMEDOUT, errno.EIO):
                raise
            return False
        return True

    def hits(self):
        """How many operations each rule has selected, in their order."""
        listed = json.loads(self.command("fault", "list", "--json", self.place))
        return [rule["hits"] for rule in listed["faults"]]

    def crash(self, plan):
        """The power fails."""
        self.command("crash", *plan, self.place)
