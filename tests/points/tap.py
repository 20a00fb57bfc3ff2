# SPDX-License-Identifier: MIT
"""Test points, numbered as they come, and waiting for events."""

import sys
import time

DEADLINE_S = 30
count = 0
failed = 0


def point(name, right, comment=""):
    """One test point."""
    global count, failed
    count += 1
    failed += not right
    print(f"{'' if right else 'not '}ok {count} - {name}")
    if not right and comment != "":
        print(f"# {comment}")
    sys.stdout.flush()


def same(name, want, got):
    """One test point: what was got is what was wanted."""
    point(name, want == got, f"want {want!r}, got {got!r}")


def wait_until(is_true):
    """Whether it came true in time."""
    deadline = time.monotonic() + DEADLINE_S
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def end():
    """The plan, and the exit status."""
    print(f"1..{count}")
    sys.exit(failed > 0)
