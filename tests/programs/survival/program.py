# SPDX-License-Identifier: MIT
"""What a program under test has to say for itself."""

import dataclasses
import subprocess

REAL = ("ext4", "xfs", "btrfs")


@dataclasses.dataclass(frozen=True)
class Loss:
    """What is wrong after a power failure: promises that were not kept, or a
    store that its own checker finds broken."""
    text: str
    # How many promises, all of them the last ones; None: it is worse than that.
    last: int | None = None


class Setting:
    """A program as it is configured in one way. The place is a directory on the
    mount; promises are numbers or lines without a newline."""
    program = ""	# as the table names it
    package = ""	# Debian's, for the version
    name = ""
    # None: nothing may be lost. Else what is documented to be lost, in words;
    # the test then fails when no seed shows it.
    unsafe = None
    # What an unsafe setting may lose: so many of the last promises, or, as None,
    # anything at all.
    worst = None
    # How many of the last promises each crash may cost a safe setting.
    forgives = 0
    # Whether only a store that is broken shows it, and not promises that are
    # forgotten.
    breaks = False
    profiles = REAL
    plans = ("none", "partial")
    # The files whose operations are counted, as a pattern of fault rules: of other
    # files the kernel may write mappings back whenever it likes.
    files = "**"
    # Whether the same seed gives the same operations in the same order.
    exact = True

    def missing(self):
        """Why it cannot run here; None if it can."""
        return None

    def version(self):
        """Of the package."""
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}",
                               self.package], capture_output=True, text=True,
                              check=False)
        upstream = done.stdout.split(":")[-1].split("-")[0]
        return upstream.split("+")[0] or "?"

    def prepare(self, place):
        """Makes what is there before the first trial; all of it gets stored."""
        raise NotImplementedError

    def work(self, place, rng, promise):
        """Recovers, then works, and calls promise(what) whenever something was
        acknowledged as durable. Runs in a process of its own, which is killed in
        the midst of it, and whose children are; what it leaves running when it
        returns runs on until the power fails."""
        raise NotImplementedError

    def check(self, place, promises):
        """Recovers, and compares with the promises: a Loss, or None. Runs in a
        process of its own and leaves nothing running."""
        raise NotImplementedError


def missing_of(promised, found, what):
    """The Loss if not all that was promised is found; both are in order."""
    found = set(found)
    lost = [number for number in promised if number not in found]
    if not lost:
        return None
    tail = promised[len(promised) - len(lost):]
    names = " ".join(map(str, lost[:8])) + (" ..." if len(lost) > 8 else "")
    return Loss(f"{len(lost)} of {len(promised)} acknowledged {what} are gone: "
                f"{names}", len(lost) if lost == tail else None)
