#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, tar, cp or rsync cannot copy a tree to the mount with all that
# belongs to it, or a sync does not keep all of it.
set -eu
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

make_tree() {
	mkdir -p "$1/a/b/c" "$1/empty"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		seq 1 $((i * 500)) >"$1/a/f$i"
		ln "$1/a/f$i" "$1/a/b/hard$i"
		ln -s "../f$i" "$1/a/b/soft$i"
	done
	truncate -s 10M "$1/a/sparse"
	echo data | dd of="$1/a/sparse" bs=1 seek=5000000 conv=notrunc 2>&1
	mkfifo "$1/a/fifo"
	chmod 751 "$1/a/b" && chmod 600 "$1/a/f3" && chmod 1777 "$1/empty"
	# Not of today, so that nobody takes a time of now for a copied one.
	find "$1" -exec touch -hd '2020-01-01 12:00:00.25' {} +
	touch -d '1999-12-31 23:59:59.123456789' "$1/a/f5" "$1/a/b"
	touch -hd '2001-02-03 04:05:06.5' "$1/a/b/soft1"
	setfattr -n user.note -v value "$1/a/f7" 2>&1 || true
}

# Everything but directories' sizes, which belong to the file system.
listing() {
	(
		cd "$1" || exit
		find . ! -type d -printf '%p %y %m %n %T@ %s %l\n'
		find . -type d -printf '%p %y %m %T@\n'
		find . -type f -exec cksum {} +
		getfattr -Rhd -m user . 2>/dev/null || true
	) | LC_ALL=C sort
}

same() {
	listing "$1" >"$WORK/l1"
	listing "$2" >"$WORK/l2"
	diff "$WORK/l1" "$WORK/l2"
}

rsync_finds_nothing() {
	difference=$(rsync -aHAX --checksum --delete -n -i "$1/" "$2/")
	[ -z "$difference" ] || {
		echo "$difference"
		return 1
	}
}

tree=$WORK/tree
make_tree "$tree" >"$WORK/made"
if command -v tar >/dev/null; then
	ok "tar c" tar -C "$tree" --xattrs -cf "$WORK/tree.tar" .
	ok "tar x" sh -c "mkdir $MNT/tar &&
		tar -C $MNT/tar --xattrs -xpf $WORK/tree.tar"
	ok "tar's tree is the same" same "$tree" "$MNT/tar"
	ok "tar c of the mount" tar -C "$MNT/tar" --xattrs -cf "$MNT/t.tar" .
	ok "tar d finds no difference" tar -C "$tree" --xattrs -df "$MNT/t.tar"
fi
ok "cp -a" cp -a "$tree" "$MNT/cp"
ok "cp's tree is the same" same "$tree" "$MNT/cp"
ok "cp -a within the mount" cp -a "$MNT/cp" "$MNT/again"
ok "is the same" same "$tree" "$MNT/again"
ok "mv of it" mv "$MNT/again" "$MNT/moved"
ok "is the same, moved" same "$tree" "$MNT/moved"
if command -v rsync >/dev/null; then
	ok "rsync" rsync -aHAX "$tree/" "$MNT/rsync/"
	ok "rsync's tree is the same" same "$tree" "$MNT/rsync"
	ok "rsync finds nothing to do" rsync_finds_nothing "$tree" "$MNT/cp"
	ok "nor from the mount" rsync_finds_nothing "$MNT/cp" "$tree"
fi
is "nothing was stored so far" "" "$(ls -A "$STORE")"
verb sync
verb crash
ok "after a sync and a crash all is there" same "$tree" "$MNT/cp"
ok "and in the store" same "$tree" "$STORE/cp"
ok "the moved one, too" same "$tree" "$STORE/moved"
ok "rm -r" rm -rf "$MNT/cp" "$MNT/moved"
verb crash
ok "an unsynced rm -r comes back" same "$tree" "$MNT/cp"
command -v tar >/dev/null || tap_skip_rest "no tar"
command -v rsync >/dev/null || tap_skip_rest "no rsync"
tap_done
