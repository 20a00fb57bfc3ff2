# SPDX-License-Identifier: MIT
"""A trial: a program works, loses power some times, and is asked what it has.
All of it follows from a seed."""

import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess

from . import child
from .disk import Disk
from .program import Loss

WORK_S = 120
CHECK_S = 120
# What a program does to its disk.
POINTS = ("fs/any-write", "fs/any-sync", "fs/any-meta")
# How often nobody looks between two failures of power, so that the second meets
# a program that has not recovered from the first.
UNSEEN = 0.3


@dataclasses.dataclass(frozen=True)
class Moment:
    """When and how power fails: before or after the so-manieth operation, or, if
    that is 0 or there are fewer, at the end of the work."""
    point: str
    when: str
    nth: int
    plan: tuple

    def rule(self, files):
        """Its name, and all of it."""
        name = f"{self.point}{{path={files},when={self.when}}}"
        if self.nth == 0:
            return name, f"{name}=off"
        skip = f"{self.nth - 1}*off->" if self.nth > 1 else ""
        return name, f"{name}={skip}1*pause"

    def __str__(self):
        where = f"{self.when} {self.point} {self.nth}" if self.nth else \
            "at the end"
        return f"{where}, {' '.join(self.plan)}"


def choose_plan(rng, kind):
    """The words for flakey crash."""
    if kind == "none":
        return ("--keep", "none")
    if kind == "zeros":
        return ("--keep", "50%", "--order", rng.choice(("prefix", "any")),
                "--torn", "page", "--fill", "zero",
                "--seed", str(rng.getrandbits(31)))
    return ("--keep", f"{rng.randint(1, 99)}%",
            "--order", rng.choice(("prefix", "any")),
            "--torn", rng.choice(("none", "sector", "page")),
            "--fill", rng.choice(("old", "zero")),
            "--seed", str(rng.getrandbits(31)))


def choose_moment(rng, counts, kind):
    """Each of the operations that were counted is as likely, and so is the moment
    after all of them, for one in ten."""
    total = sum(counts)
    at = rng.randrange(total + total // 10 + 1)
    when = rng.choice(("before", "after"))
    plan = choose_plan(rng, kind)
    for point, count in zip(POINTS, counts):
        if at < count:
            return Moment(point, when, at + 1, plan)
        at -= count
    return Moment(POINTS[0], when, 0, plan)


@dataclasses.dataclass
class Result:
    """What came of a trial."""
    seed: int
    crashes: dict
    promised: int = 0
    moment: Moment | None = None
    loss: Loss | None = None


class Bench:
    """Trials of one setting on one profile, in a directory of their own."""

    def __init__(self, flakey, directory, setting, profile):
        self.setting = setting
        self.directory = directory
        self.disk = Disk(flakey, directory, profile)
        self.template = os.path.join(directory, "template")
        self.promises = os.path.join(directory, "promises")
        self.errors = os.path.join(directory, "errors")
        self.verdict = os.path.join(directory, "verdict")
        self.counts = None

    def prepare(self):
        """Makes the store that each trial begins with, and counts what the
        program does to it when nothing happens."""
        os.makedirs(self.directory)
        try:
            self.disk.mount()
            self._in_child(lambda: self.setting.prepare(self.disk.place))
            child.end_all(self.disk.server)
            self.disk.unmount()
        finally:
            child.end_all(self.disk.server)
            self.disk.give_up()
        os.rename(self.disk.store, self.template)
        try:
            self._renew()
            self.disk.control("fault set " + "; ".join(
                f"{point}{{path={self.setting.files}}}=off" for point in POINTS))
            self._work(random.Random(0), None)
            self.counts = self.disk.hits()
            child.end_all(self.disk.server)
            loss = self._check()
        finally:
            child.end_all(self.disk.server)
            self.disk.give_up()
        if loss:
            raise RuntimeError(f"without any crash: {loss.text}")

    def _renew(self):
        shutil.rmtree(self.disk.store, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", "--sparse=always",
                        self.template, self.disk.store], check=True)
        for path in (self.promises, self.errors, self.verdict):
            with open(path, "wb"):
                pass
        self.disk.mount()

    def _in_child(self, function):
        pid = child.start(function, self.errors)
        signal.alarm(CHECK_S)
        status = child.status_text(os.waitpid(pid, 0)[1])
        signal.alarm(0)
        if status:
            raise RuntimeError(f"{status}: {child.last_line(self.errors)}")

    def _work(self, rng, rule):
        """Works until the rule fires, or the work is done. Why it failed, if it
        did."""
        fd = os.open(self.promises, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

        def promise(what):
            os.write(fd, f"{what}\n".encode())

        def work():
            self.setting.work(self.disk.place, rng, promise)
            if rule is None:
                return
            # All is done: whoever waits for the rule learns it by this.
            self.disk.control("fault clear")
            signal.pause()

        def keep():
            """Outlives the work, to say so."""
            pid = os.fork()
            if pid == 0:
                return work()
            status = child.status_text(os.waitpid(pid, 0)[1])
            if status is None:
                return None
            self.disk.control("fault clear")
            raise RuntimeError(status)

        os.truncate(self.errors, 0)
        pid = child.start(keep if rule else work, self.errors)
        os.close(fd)
        if rule is None:
            status = child.status_text(os.waitpid(pid, 0)[1])
            if status:
                raise RuntimeError(f"{status}: {child.last_line(self.errors)}")
            return None
        try:
            return None if self.disk.wait_for(rule, WORK_S) else \
                self._failure(pid)
        except TimeoutError:
            return f"it is still at work after {WORK_S} s"

    def _failure(self, pid):
        """Whether the work has ended otherwise than well."""
        if os.waitpid(pid, os.WNOHANG)[0] == 0 and \
                os.path.getsize(self.errors) == 0:
            return None
        return child.last_line(self.errors)

    def _promised(self):
        with open(self.promises, encoding="utf-8") as file:
            return file.read().splitlines()

    def _check(self):
        def check():
            loss = self.setting.check(self.disk.place, self._promised())
            with open(self.verdict, "w", encoding="utf-8") as file:
                json.dump(dataclasses.asdict(loss) if loss else None, file)

        os.truncate(self.errors, 0)
        try:
            self._in_child(check)
        except RuntimeError as why:
            return Loss(f"it does not recover: {why}")
        with open(self.verdict, encoding="utf-8") as file:
            loss = json.load(file)
        return Loss(**loss) if loss else None

    def _check_and_forgive(self):
        """The Loss that counts; what is forgiven was no promise."""
        loss = self._check()
        if loss is None or loss.last is None or \
                loss.last > self.setting.forgives:
            return loss
        kept = self._promised()[:-loss.last]
        with open(self.promises, "w", encoding="utf-8") as file:
            file.writelines(promise + "\n" for promise in kept)
        return None

    def _one_crash(self, rng, kind, result):
        """A Loss if the program did not even start."""
        moment = choose_moment(rng, self.counts, kind)
        name, rule = moment.rule(self.setting.files)
        result.moment = moment
        self.disk.control("fault set " + rule)
        failure = self._work(random.Random(rng.getrandbits(64)), name)
        # All die first: what is acknowledged after the failure is no promise.
        child.end_all(self.disk.server)
        if failure is None:
            self.disk.crash(moment.plan)
            result.crashes[kind] = result.crashes.get(kind, 0) + 1
        self.disk.control("fault clear")
        return Loss(f"it does not start: {failure}") if failure else None

    def trial(self, seed, crashes, plans):
        """So many failures of power, one after the other, unless one shows a
        loss."""
        rng = random.Random(seed)
        result = Result(seed, {})
        try:
            self._renew()
            for left in reversed(range(crashes)):
                kind = rng.choice(plans)
                result.loss = self._one_crash(rng, kind, result)
                unseen = rng.random() < UNSEEN and left > 0 and \
                    self.setting.forgives == 0
                if result.loss is None and not unseen:
                    result.loss = self._check_and_forgive()
                if result.loss:
                    break
            result.promised = len(self._promised())
        finally:
            child.end_all(self.disk.server)
            self.disk.give_up()
        return result
