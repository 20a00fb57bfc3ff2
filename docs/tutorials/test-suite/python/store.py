# SPDX-License-Identifier: MIT
import os


def put(directory, name, text):
    """Puts text into a file: all of it or nothing, and for good on return."""
    path = os.path.join(directory, name)
    with open(path + ".new", "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".new", path)
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
