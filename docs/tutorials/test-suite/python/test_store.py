# SPDX-License-Identifier: MIT
import errno
import os
import unittest

import store

DISK = os.environ.get("FLAKEY_DIR")


def tell(command):
    """Gives a command to the disk, and waits until it is done."""
    with open(os.path.join(DISK, ".flakey", "control"), "w") as control:
        control.write(command)


def color():
    with open(os.path.join(DISK, "color")) as file:
        return file.read()


@unittest.skipUnless(DISK, "use 'flakey run -- python3 -m unittest'")
class StoreTest(unittest.TestCase):
    def setUp(self):
        tell("fault clear")
        if os.path.exists(os.path.join(DISK, "color")):
            os.unlink(os.path.join(DISK, "color"))
        tell("sync")

    def test_what_was_put_survives_a_power_failure(self):
        store.put(DISK, "color", "red")
        tell("crash")
        self.assertEqual(color(), "red")

    def test_a_failed_sync_is_told_and_harms_nothing(self):
        store.put(DISK, "color", "red")
        tell("fault add fs/fsync=1*return(EIO)")
        with self.assertRaises(OSError) as caught:
            store.put(DISK, "color", "green")
        self.assertEqual(caught.exception.errno, errno.EIO)
        tell("crash")
        self.assertEqual(color(), "red")


if __name__ == "__main__":
    unittest.main()
