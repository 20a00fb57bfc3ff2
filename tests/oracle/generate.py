#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Random crash cases in the language of tests/litmus/oplang.h.

    generate.py SEED COUNT [FIRST [wild]]    prints cases FIRST, FIRST + 1, ...

The ops of a case are chosen with an eye on what exists by then, so that most of them
do something, and mostly to the same few files, since what one op does to the next is
what there is to find out. Case N of a seed is the same whatever else is printed.

Left out is what a FUSE mount cannot see or refuses: sync_file_range(2), collapsing
and inserting ranges, msync(2) of a part of a file. Cases that are not wild also
leave alone where docs/persistence.md names rare differences, so that they should
have none at all: a truncation or fallocate(2) within a page, to the same size or before the first sync,
an O_DIRECT write elsewhere than in a file of whole pages, an O_SYNC or O_DSYNC write
behind the end or through a descriptor that stays open, an fdatasync(2) of what was
truncated, a truncation to less, but not to nothing, of a file with unsynced data;
a new name for a file that had content and was synced with 0 bytes (emptied), and the
removal or replacement of a name that a rename or link gave to a file before a sync
(logged): there a real btrfs takes back what the sync had made durable.
Their setup has two files with a hole, which nothing touches: where only one piece of
free space is left, the allocator of xfs commits all before it takes again what an
unsynced file gave back."""

import random
import sys

SIZES = (0, 1, 5, 10, 100, 1000, 1024, 1500, 3000, 4095, 4096, 4097, 5000, 8192,
         9000, 12288, 20000)
ROUND_SIZES = (10, 4096, 4096, 8192, 12288)
OFFSETS = (0, 0, 0, 3, 1024, 2000, 4096, 4096, 6000, 8192, 12288)
ROUND_OFFSETS = (0, 0, 0, 4096, 4096, 8192)
LETTERS = "abcdefghijklmnopqrstuvwxyABCDEFGHIJKLMNOPQRSTUVWXY"
MODES = ("600", "640", "700", "755")
# fallocate(2): allocate, keep the size, punch, zero, zero and keep the size.
FALLOCATE = (0, 1, 3, 16, 17)
FILE_BYTES_MAX = 32768


class Inode:
    """As far as the choice of ops needs it."""

    def __init__(self, size=0):
        self.size = size
        # Of whole pages, all of which have blocks.
        self.whole = size > 0 and size % 4096 == 0
        self.cut = False
        self.unsynced = False
        self.durable_size = 0
        # Synced with 0 bytes, after a commit with more.
        self.emptied = False

    def note_sync(self):
        self.emptied = self.size == 0 and self.durable_size > 0

    def note_commit(self):
        self.durable_size = self.size
        self.emptied = False


class Case:
    def __init__(self, seed, number, wild):
        self.name = f"{'w' if wild else 's'}{seed}-{number}"
        self.chance = random.Random(f"{seed}/{number}")
        self.wild = wild
        self.round = self.chance.random() < 0.6
        self.directories = []
        self.files = {}     # path: Inode
        self.links = set()  # symbolic
        self.kept = []      # Inode, or None when closed
        self.given = set()  # paths that a rename or link made
        self.logged = set() # of those, which a sync came after
        self.ops = []

    # What to act upon.

    def size(self):
        return self.chance.choice(ROUND_SIZES if self.round else SIZES)

    def offset(self):
        return self.chance.choice(ROUND_OFFSETS if self.round else OFFSETS)

    def letter(self):
        return self.chance.choice(LETTERS)

    def taken(self, path):
        return (path in self.files or path in self.directories
                or path in self.links)

    def note_sync(self, inode=None):
        self.logged |= self.given
        if inode:
            inode.note_sync()

    def note_commit(self):
        for inode in (*self.files.values(), *self.kept):
            if inode:
                inode.note_commit()
        self.given, self.logged = set(), set()

    def loses(self, path):
        """Whether a real btrfs might lose more than the name: see above."""
        return path in self.logged and not self.wild

    def stays(self, path):
        return self.files[path].emptied and not self.wild

    def any_directory(self):
        return self.chance.choice(["."] + self.directories)

    def new_path(self, names="abcde"):
        for _ in range(20):
            where = self.any_directory()
            name = self.chance.choice(names)
            path = name if where == "." else f"{where}/{name}"
            if not self.taken(path):
                return path
        return f"n{len(self.ops)}"

    def file(self):
        """One that is there, mostly one of the first three: see above."""
        paths = sorted(self.files)
        if not paths:
            return None
        few = paths[:3] if self.chance.random() < 0.5 else paths
        return self.chance.choice(few)

    def file_or_new(self):
        path = self.file()
        if path is None or self.chance.random() < 0.25:
            path = self.new_path()
        return path

    def open_one(self):
        alive = [n for n, inode in enumerate(self.kept) if inode]
        return self.chance.choice(alive) if alive else None

    def inode(self, path):
        return self.files.setdefault(path, Inode())

    def add(self, *words):
        self.ops.append(" ".join(str(word) for word in words))

    # Ops on data.

    def pages(self, least=0):
        return self.chance.choice([n for n in (0, 4096, 8192, 12288)
                                   if n >= least])

    def write(self, word="w"):
        path = self.file_or_new()
        inode = self.inode(path)
        offset, length = self.offset(), max(1, self.size())
        if word != "w" and not self.wild:
            offset = min(offset, inode.size)
            word = "sw" if inode.cut else word
        self.add(word, path, offset, length, self.letter())
        inode.size = max(inode.size, offset + length)
        inode.unsynced = True
        if word != "w":
            self.note_sync(inode)

    def write_synced(self):
        self.write(self.chance.choice(("sw", "ds")))

    def write_direct(self):
        path = self.file_or_new()
        inode = self.inode(path)
        offset = self.chance.choice((0, 4096, 8192))
        length = self.chance.choice((4096, 4096, 8192))
        if not self.wild and (offset + length > inode.size
                              or not inode.whole):
            return
        self.add("dw", path, offset, length, self.letter())
        inode.size = max(inode.size, offset + length)

    def append(self):
        path = self.file_or_new()
        inode = self.inode(path)
        length = max(1, self.size())
        if inode.size + length > FILE_BYTES_MAX:
            return
        self.add("a", path, length, self.letter())
        inode.size += length
        inode.unsynced = True

    def rewrite(self):
        path = self.file_or_new()
        inode = self.inode(path)
        inode.size = max(1, self.size())
        inode.unsynced = True
        self.add("tw", path, inode.size, self.letter())

    def map(self):
        path = self.file()
        if path is None or self.files[path].size == 0:
            return
        size = self.files[path].size
        word = self.chance.choice(("mm", "mm", "ms", "ma"))
        offset = 0 if word == "ms" else min(self.offset(), size - 1)
        length = min(max(1, self.size()), size - offset)
        if word == "ms":
            length = size
        self.add(word, path, offset, length, self.letter())

    def truncate(self):
        path = self.file()
        if path is None:
            return
        inode = self.files[path]
        size = self.size() if self.wild else self.pages()
        size = self.chance.choice((0, size, inode.size))
        if not self.wild and (size == inode.size
                              or 0 < size < inode.size and inode.unsynced):
            return
        inode.size = size
        inode.whole, inode.cut = False, True
        self.add("t", path, inode.size)

    def allocate(self):
        path = self.file()
        if path is None:
            return
        inode = self.files[path]
        offset, length = self.offset(), max(1, self.size())
        if not self.wild:
            offset, length = self.pages(), self.pages(1)
        mode = self.chance.choice(FALLOCATE)
        if inode.size == 0 and not self.wild:
            mode = 0
        inode.whole = False
        self.add("fa", path, offset, length, mode)
        if mode in (0, 16):
            inode.size = max(inode.size, offset + length)

    # Ops on names.

    def create(self):
        path = self.new_path()
        self.files[path] = Inode()
        self.add("c", path)

    def rename(self):
        old = self.file()
        if old is None:
            return
        new = self.file_or_new()
        if self.stays(old) or self.loses(new):
            return
        if self.chance.random() < 0.15:
            self.add("rn", old, new)
            if self.taken(new):
                return
        else:
            self.add("r", old, new)
        if new == old or self.files.get(new) is self.files[old]:
            return
        self.files[new] = self.files.pop(old)
        self.given.add(new)

    def exchange(self):
        one, two = self.file(), self.file()
        if one is None or one == two or self.stays(one) or self.stays(two):
            return
        self.add("rx", one, two)
        self.files[one], self.files[two] = self.files[two], self.files[one]
        self.given |= {one, two}

    def link(self):
        old = self.file()
        if old is None or self.stays(old):
            return
        new = self.new_path()
        self.add("l", old, new)
        self.files[new] = self.files[old]
        self.given.add(new)

    def symlink(self):
        path = self.new_path("lmn")
        self.add("s", self.chance.choice(("tgt", "a", "p/x")), path)
        self.links.add(path)

    def unlink(self):
        path = self.file()
        if self.links and self.chance.random() < 0.2:
            path = self.chance.choice(sorted(self.links))
            self.links.remove(path)
        elif path is not None and not self.loses(path):
            del self.files[path]
        else:
            return
        self.add("u", path)

    def make_directory(self):
        path = self.new_path("pqrs")
        self.add("m", path)
        self.directories.append(path)

    def below(self, directory):
        inside = directory + "/"
        return [path for path in (*self.files, *self.directories, *self.links)
                if path.startswith(inside)]

    def remove_directory(self):
        if not self.directories:
            return
        path = self.chance.choice(self.directories)
        self.add("rd", path)
        if not self.below(path):
            self.directories.remove(path)

    def moved(self, path, old, new):
        if path == old or path.startswith(old + "/"):
            return new + path[len(old):]
        return path

    def rename_directory(self):
        if not self.directories:
            return
        old = self.chance.choice(self.directories)
        new = self.new_path("pqrs")
        if self.chance.random() < 0.3:
            new = self.chance.choice(self.directories)
        self.add("r", old, new)
        if new == old or new.startswith(old + "/") or self.below(new):
            return
        if new in self.directories:
            if old.startswith(new + "/"):
                return
            self.directories.remove(new)
        self.directories = [self.moved(path, old, new)
                            for path in self.directories]
        self.files = {self.moved(path, old, new): inode
                      for path, inode in self.files.items()}
        self.links = {self.moved(path, old, new) for path in self.links}

    # Ops on attributes.

    def attribute(self):
        path = self.file()
        if path is None:
            return
        what = self.chance.random()
        if what < 0.5:
            self.add("ch", path, self.chance.choice(MODES))
        elif what < 0.9:
            self.add("x", path, f"v{self.chance.randint(1, 9)}")
        else:
            self.add("xr", path)

    # Syncs.

    def sync(self):
        path = self.file()
        if path is None or self.chance.random() < 0.25:
            path = self.any_directory()
        inode = self.files.get(path)
        word = self.chance.choice(("f", "f", "fd"))
        if inode and inode.cut and not self.wild:
            word = "f"
        if inode:
            inode.unsynced = False
        self.add(word, path)
        self.note_sync(inode)

    def sync_all(self):
        self.add("y", ".")
        self.note_commit()

    # Ops on descriptors that stay open.

    def open(self):
        if len(self.kept) > 5:
            return
        word = self.chance.choice(("o", "o", "od" if self.wild else "o", "ot"))
        path = self.file_or_new() if word == "ot" else self.file()
        if path is None:
            return
        inode = self.inode(path)
        if word == "ot":
            inode.size = 0
        self.add(word, path)
        self.kept.append(inode)

    def act_on_open(self):
        number = self.open_one()
        if number is None:
            self.open()
            return
        inode = self.kept[number]
        what = self.chance.random()
        if what < 0.5:
            offset, length = self.offset(), max(1, self.size())
            self.add("wo", number, offset, length, self.letter())
            inode.size = max(inode.size, offset + length)
            inode.unsynced = True
        elif what < 0.62:
            size = self.size() if self.wild else self.pages()
            if not self.wild and 0 < size < inode.size and inode.unsynced:
                size = 0
            inode.size = size
            inode.whole, inode.cut = False, True
            self.add("to", number, inode.size)
        elif what < 0.85:
            word = self.chance.choice(("fo", "fo", "fdo"))
            if inode.cut and not self.wild:
                word = "fo"
            self.add(word, number)
            self.note_sync(inode)
        elif what < 0.9:
            self.add("du", number)
            self.kept.append(inode)
        else:
            self.add("co", number)
            self.kept[number] = None

    WEIGHTS = (
        (write, 16), (append, 8), (rewrite, 6), (write_synced, 4),
        (write_direct, 3), (map, 3), (truncate, 9), (allocate, 6),
        (create, 3), (rename, 9), (exchange, 3), (link, 5), (symlink, 1),
        (unlink, 5), (make_directory, 3), (remove_directory, 2),
        (rename_directory, 3), (attribute, 6), (sync, 12), (sync_all, 1),
        (open, 4), (act_on_open, 12),
    )

    def set_up(self):
        for path in ("p", "q"):
            self.add("m", path)
            self.directories.append(path)
        if not self.wild:
            # xfs has the space of p beside that of the root, q's elsewhere.
            for path in ("F", "q/F"):
                self.add("w", path, 0, 65536, "F")
                self.add("f", path)
                self.add("fa", path, 4096, 57344, 3)
            self.add("r", "q/F", "G")
        for path in self.chance.sample(("a", "b", "c", "p/a", "p/b", "q/a"), 4):
            self.add("w", path, 0, max(1, self.size()), self.letter())
            self.files[path] = Inode(int(self.ops[-1].split(" ")[3]))
        for act, share in ((self.link, 0.25), (self.attribute, 0.2),
                           (self.symlink, 0.1), (self.make_directory, 0.2),
                           (self.truncate, 0.15), (self.allocate, 0.15)):
            if self.chance.random() < share and (self.wild
                                                 or act != self.allocate):
                act()
        self.sync_all()

    def end(self):
        """The sync of something else shows what goes along with it."""
        what = self.chance.random()
        if what < 0.4:
            self.add("w", "z", 0, 1, "Z")
            self.add("f", "z")
        elif what < 0.55:
            self.add("f", self.any_directory())
        elif what < 0.75:
            self.sync()

    def line(self):
        self.set_up()
        setup, self.ops = self.ops, []
        acts = [act for act, _ in self.WEIGHTS]
        weights = [weight for _, weight in self.WEIGHTS]
        wanted = self.chance.randint(2, 12)
        while len(self.ops) < wanted:
            self.chance.choices(acts, weights)[0](self)
        self.end()
        return f"{self.name}\t{';'.join(setup)}\t{';'.join(self.ops)}"


def cases(seed, count, first=0, wild=False):
    return [Case(seed, number, wild).line()
            for number in range(first, first + count)]


def main():
    if len(sys.argv) not in (3, 4, 5):
        sys.exit(__doc__)
    wild = sys.argv[4:] == ["wild"]
    for line in cases(*(int(word) for word in sys.argv[1:4]), wild=wild):
        print(line)


if __name__ == "__main__":
    main()
