# SPDX-License-Identifier: MIT
"""git: commits on one branch."""

import os
import shutil
import subprocess

from .program import Loss, Setting, missing_of

COMMITS = 4
WHO = {"NAME": "a", "EMAIL": "a@example.org", "DATE": "2001-02-03T04:05:06Z"}
ENVIRONMENT = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
               for what, value in WHO.items()}


class Git(Setting):
    """With what core.fsync says."""
    program = "git"
    package = "git"
    exact = False  # it reads a file again that is as young as its index

    def __init__(self, name, options, unsafe=None, **more):
        self.name = name
        self.options = options
        self.unsafe = unsafe
        vars(self).update(more)

    def missing(self):
        return None if shutil.which("git") else "no git"

    def _git(self, place, *words):
        environment = {**os.environ, **ENVIRONMENT, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(["git", *self.options, "-C", place + "/repository",
                               *words], capture_output=True, text=True,
                              env=environment, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"git {words[0]}: " +
                               (done.stderr + done.stdout).strip())
        return done.stdout

    def _commit(self, place, number):
        directory = f"{place}/repository/d{number % 3}"
        os.makedirs(directory, exist_ok=True)
        with open(f"{directory}/f{number}", "w", encoding="ascii") as file:
            file.write(f"content {number}\n" * (number * 37 % 300 + 1))
        self._git(place, "add", ".")
        self._git(place, "commit", "-qm", f"commit {number}")

    def prepare(self, place):
        os.mkdir(place + "/repository")
        self._git(place, "init", "-q", "-b", "main")
        self._git(place, "config", "gc.auto", "0")
        for number in range(3):
            self._commit(place, number)

    def _recover(self, place):
        """What git tells its users to do after a crash."""
        for directory, _, names in os.walk(place + "/repository/.git"):
            for name in names:
                if name.endswith(".lock"):
                    os.unlink(os.path.join(directory, name))

    def work(self, place, rng, promise):
        self._recover(place)
        begin = int(self._git(place, "rev-list", "--count", "HEAD"))
        for number in range(begin, begin + COMMITS):
            self._commit(place, number)
            promise(number)

    def check(self, place, promises):
        self._recover(place)
        try:
            self._git(place, "fsck", "--full", "--strict", "--no-dangling")
            subjects = self._git(place, "log", "--format=%s").splitlines()
            self._git(place, "diff", "--quiet", "HEAD~1", "HEAD", "--")
        except RuntimeError as why:
            if not str(why).startswith("git diff"):
                return Loss(str(why).splitlines()[0])
        found = [int(subject.split()[1]) for subject in subjects]
        return missing_of(list(map(int, promises)), found, "commits")


SETTINGS = (
    Git("defaults", (), "commits", plans=("none",)),
    Git("defaults", (), "the repository", plans=("partial",), breaks=True),
    Git("core.fsync=all", ("-c", "core.fsync=all"), "the last commit", worst=1),
    Git("core.fsync=all, but for the last commit", ("-c", "core.fsync=all"),
        forgives=1),
)
