# SPDX-License-Identifier: MIT
"""sed -i: a file that is edited in place, as people do with settings."""

import subprocess

from .program import Loss, Setting

EDITS = 8
LINES = 400


def text_of(number):
    """The whole file."""
    return f"version={number}\n" + "other=setting\n" * LINES


class Sed(Setting):
    """It acknowledges nothing as durable; but the file should be the one before
    an edit or the one after."""
    program = "sed"
    package = "sed"
    name = "-i"
    plans = ("partial",)

    def __init__(self, profiles, unsafe=None):
        self.profiles = profiles
        self.unsafe = unsafe

    def prepare(self, place):
        with open(place + "/settings", "w", encoding="ascii") as file:
            file.write(text_of(0))

    def work(self, place, rng, promise):
        for number in range(1, EDITS + 1):
            subprocess.run(["sed", "-i", f"s/^version=.*/version={number}/",
                            place + "/settings"], check=True)
            promise(number)

    def check(self, place, promises):
        with open(place + "/settings", encoding="latin-1") as file:
            text = file.read()
        if not text.strip("\0"):
            return Loss(f"the file is {len(text)} zeros" if text else
                        "the file is empty")
        number = int(text.split("\n", 1)[0].partition("=")[2])
        return None if text == text_of(number) else Loss("the file is torn")


SETTINGS = (
    Sed(("ext4", "xfs"), "the file's content"),
    Sed(("btrfs",)),
)
