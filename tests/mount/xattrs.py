#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""xattrs.py, with MNT and WORK in the environment

Everything that can be asked of xattrs, on a directory of the host and on the
mount: the answers must be the same. Namespaces, kinds of files, flags, sizes up to
where the file has no room, and what a change of a file takes away."""

import errno
import mmap
import os
import sys

NAMES = ["user.a", "user.", "user", "user.\xe9", "trusted.a", "trusted.",
         "security.a", "security.capability", "system.posix_acl_access",
         "system.posix_acl_default", "system.foo", "system.", "foo.bar", "foo",
         "btrfs.x", "os2.x", "", "user." + "n" * 250, "user." + "n" * 251]
SIZES = [0, 1, 500, 1000, 2000, 3000, 3500, 3900, 4000, 4050, 4090, 4100, 5000,
         10000, 65535, 65536, 65537]
CAPABILITY = "security.capability"
VALUE = bytes.fromhex("0100000200040000000000000000000000000000")
ALL_IDS = "4294967295" in open("/proc/self/uid_map", encoding="ascii").read()


def result(call, *arguments, **named):
    try:
        return call(*arguments, **named)
    except OSError as error:
        return errno.errorcode.get(error.errno, error.errno)


def change(path, name, flags):
    value = VALUE if name == CAPABILITY else b"v"
    return result(os.setxattr, path, name, value, flags, follow_symlinks=False)


def names_of(path):
    return result(lambda: sorted(os.listxattr(path, follow_symlinks=False)))


def make(path, content="data"):
    with open(path, "w", encoding="ascii") as file:
        file.write(content)


def names_on(path):
    answers = []
    for name in NAMES:
        # Without rights over the host, who is told what first differs.
        if name.startswith("security.") and not ALL_IDS:
            continue
        for flags in (0, os.XATTR_CREATE, os.XATTR_REPLACE):
            answers.append((name, flags, change(path, name, flags)))
        answers.append((name, "get", result(os.getxattr, path, name,
                                            follow_symlinks=False)))
    answers.append(names_of(path))
    for name in NAMES:
        if name.startswith("security.") and not ALL_IDS:
            continue
        for _ in range(2):
            answers.append((name, "remove",
                            result(os.removexattr, path, name,
                                   follow_symlinks=False)))
    answers.append(names_of(path))
    return answers


def on_file():
    make("file")
    return names_on("file")


def on_directory():
    os.mkdir("directory")
    return names_on("directory")


def on_sticky_directory():
    os.mkdir("sticky")
    os.chmod("sticky", 0o1777)
    return names_on("sticky")


def on_fifo():
    os.mkfifo("fifo")
    return names_on("fifo")


def on_link():
    os.symlink("file", "link")
    return names_on("link")


def on_dangling_link():
    os.symlink("nowhere", "dangling")
    return names_on("dangling")


def one_of_each_size():
    answers = []
    for size in SIZES:
        make("f")
        answers.append((size, result(os.setxattr, "f", "user.big", b"b" * size),
                        result(os.getxattr, "f", "user.big")))
        os.unlink("f")
    return answers


def as_many_as_there_is_room_for():
    make("many")
    answers = [result(os.setxattr, "many", f"user.n{i}", b"v" * 50)
               for i in range(200)]
    return answers + [names_of("many")]


def room_that_lists_take():
    os.mkdir("lists")
    answers = []
    for count in range(50, 500, 50):
        value = b"\2\0\0\0" + entry(1, 7)
        value += b"".join(entry(2, 7, i if ALL_IDS else 0)
                          for i in range(count))
        value += entry(4, 7) + entry(16, 7) + entry(32, 7)
        answers.append((count, result(os.setxattr, "lists",
                                      "system.posix_acl_default", value)))
        answers.append(result(os.mkdir, f"lists/{count}"))
        answers.append(names_of(f"lists/{count}")
                       if os.path.isdir(f"lists/{count}") else None)
    return answers


def entry(tag, bits, number=0xffffffff):
    return (tag.to_bytes(2, "little") + bits.to_bytes(2, "little")
            + number.to_bytes(4, "little"))


def flags_that_are_none():
    make("flags")
    return [result(os.setxattr, "flags", "user.z", b"1", flags)
            for flags in (3, 4, 8)]


def modes_bind_user_names():
    make("mode")
    answers = []
    for mode in (0o444, 0o222, 0):
        os.chmod("mode", mode)
        answers.append((mode, result(os.setxattr, "mode", "user.q", b"1"),
                        result(os.getxattr, "mode", "user.q"),
                        names_of("mode")))
    return answers


def write(path):
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, b"y")
    os.close(fd)


def allocate(path):
    fd = os.open(path, os.O_WRONLY)
    os.posix_fallocate(fd, 0, 10000)
    os.close(fd)


def store_by_mapping(path):
    fd = os.open(path, os.O_RDWR)
    with mmap.mmap(fd, 4) as memory:
        memory[0] = 65
        memory.flush()
    os.close(fd)


def cut_off(path):
    os.close(os.open(path, os.O_WRONLY | os.O_TRUNC))


def what_takes_capabilities():
    answers = []
    for call in (write, cut_off, allocate, store_by_mapping, os.utime,
                 lambda path: os.truncate(path, 2),
                 lambda path: os.chmod(path, 0o755),
                 lambda path: os.chown(path, os.getuid(), os.getgid()),
                 lambda path: os.link(path, "other")):
        make("able")
        answers.append(result(os.setxattr, "able", CAPABILITY, VALUE))
        os.sync()
        answers.append(result(call, "able"))
        answers.append(result(os.getxattr, "able", CAPABILITY))
        answers.append(names_of("able"))
        os.unlink("able")
    return answers


def as_user(uid, gid, call):
    """The result of the call, made with another user's ids and no groups."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        return result(call)
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def what_outsiders_take():
    """Set-group-ID of files whose group the caller is not in, or is."""
    if os.geteuid() != 0 or not ALL_IDS:
        return []
    value = (b"\2\0\0\0" + entry(1, 7) + entry(2, 7, 1) + entry(4, 5)
             + entry(16, 7) + entry(32, 7))
    answers = []
    for call in (lambda: os.setxattr("group", NAMES_OF_LISTS[0], value),
                 lambda: os.removexattr("group", NAMES_OF_LISTS[0]),
                 lambda: write("group"), lambda: cut_off("group"),
                 lambda: os.truncate("group", 1),
                 lambda: os.chmod("group", 0o2767),
                 lambda: os.chown("group", -1, 65533)):
        for mode in (0o2767, 0o2777, 0o6767):
            for gid in (1, 65533):
                for uid in (0, 1, 65533):
                    make("group")
                    os.chown("group", 65533, 1)
                    os.chmod("group", mode)
                    answers.append((oct(mode), uid, gid,
                                    as_user(uid, gid, call),
                                    oct(os.stat("group").st_mode)))
                    os.unlink("group")
    return answers


NAMES_OF_LISTS = ("system.posix_acl_access", "system.posix_acl_default")
PARTS = [on_file, on_directory, on_sticky_directory, on_fifo, on_link,
         on_dangling_link, one_of_each_size, as_many_as_there_is_room_for,
         room_that_lists_take, flags_that_are_none, modes_bind_user_names,
         what_takes_capabilities, what_outsiders_take]


def play(top, part):
    os.chdir(top)
    return part()


def main():
    failed = False
    tops = [os.path.join(os.environ[place], "xattrs")
            for place in ("WORK", "MNT")]
    for top in tops:
        os.mkdir(top)
        os.chmod(top, 0o755)
    for number, part in enumerate(PARTS, 1):
        native, live = (play(top, part) for top in tops)
        same = native == live
        failed = failed or not same
        print("%sok %d - %s" % ("" if same else "not ", number,
                                part.__name__.replace("_", " ")))
        for one, other in zip(native, live):
            if one != other:
                print(f"# native {one}\n# mount  {other}")
    print(f"1..{len(PARTS)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
