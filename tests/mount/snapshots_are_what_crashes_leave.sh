#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a snapshot is not what a crash would have left, a digest tells equal
# trees apart or takes as long as holes are large, or --kill kills the wrong ones.
set -eu
CRASHLIT=$1
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

# crash|snapshot with the plan: the digest
digest_of() {
	"$FLAKEY" "$@" | sed -n 's/.*digest \([0-9a-f]*\).*/\1/p'
}

# Everything of a tree but its data.
listing() {
	(cd "$1" && find . -path './.flakey*' -prune -o \
		-printf '%p %y %m %U:%G %n %T@ %l\n' | sort)
}

same() {
	diff -r --no-dereference --exclude=.flakey --exclude=fifo "$1" "$2" ||
		return
	[ "$(listing "$1")" = "$(listing "$2")" ]
}

ops 'w a 0 8192 o;m d;w d/in 0 10 i;l a d/hard;y .' >"$WORK/setup"
mkfifo "$MNT/fifo"
ln -s nowhere "$MNT/link"
verb crash keep=all
ops 'w a 4096 9000 n;w new 0 5000 x;r d/in moved;l a b;m e;w e/z 0 3 z' >"$WORK/setup"
chmod 2750 "$MNT/d"
touch -d '1999-01-02 03:04:05.123456789' "$MNT/moved"
for plan in 'none' 'all' '30% --order any --torn sector' '70% --fill zero'; do
	# shellcheck disable=SC2086 # words
	first=$(digest_of snapshot --digest --seed 7 --keep $plan "$MNT" \
		"$WORK/first")
	# shellcheck disable=SC2086
	is "the same plan leaves the same ($plan)" "$first" \
		"$(digest_of snapshot --digest --seed 7 --keep $plan "$MNT" \
			"$WORK/second")"
	ok "to the last time" same "$WORK/first" "$WORK/second"
	rm -rf "$WORK/first" "$WORK/second"
done
first=$(digest_of snapshot --digest --seed 9 --keep 60% "$MNT" "$WORK/first")
is "a crash leaves what the snapshot has" "$first" \
	"$(digest_of crash --digest --seed 9 --keep 60% "$MNT")"
ok "in the store" same "$WORK/first" "$STORE"
ok "and in the mount" same "$WORK/first" "$MNT"

# Rules act in neither.
echo x >"$MNT/unsynced"
"$FLAKEY" fault set "$MNT" 'store/write=drop'
rm -rf "$WORK/first"
first=$(digest_of snapshot --digest --keep 100% "$MNT" "$WORK/first")
is "rules for the store act in neither" "$first" \
	"$(digest_of crash --digest --keep 100% "$MNT")"
"$FLAKEY" fault clear "$MNT"

# What is dropped is lost.
echo y >"$MNT/dropped"
verb drop-writes
report=$("$FLAKEY" crash --keep all --json "$MNT")
is "what the disk drops is lost, and not kept, too" '2 0' \
	"$(echo "$report" | sed 's/.*"lost_bytes":\([0-9]*\).*"kept_bytes":\([0-9]*\).*/\1 \2/')"

# Holes take no time, and are zeros.
if truncate -s 4T "$MNT/holes" 2>/dev/null; then
	ok "a digest does not read holes" \
		timeout 20 "$FLAKEY" crash --keep all --digest "$MNT"
	rm "$MNT/holes"
fi
truncate -s 3000000 "$MNT/zeros"
hole=$(digest_of crash --keep all --digest "$MNT")
head -c 3000000 /dev/zero | dd of="$MNT/zeros" conv=notrunc 2>/dev/null
is "zeros are zeros" "$hole" "$(digest_of crash --keep all --digest "$MNT")"
printf 1 | dd of="$MNT/zeros" seek=2999999 bs=1 conv=notrunc 2>/dev/null
one=$(digest_of crash --keep all --digest "$MNT")
ok "and others are not" test "$one" != "$hole"

# Who has the mount open is killed, and nobody else.
mkdir "$MNT/in"
echo x >"$MNT/in/open"
(cd "$MNT/in" && exec sleep 60) &
inside=$!
tail -f "$MNT/in/open" >/dev/null &
reader=$!
sh -c 'exec sleep 60 <"$1"' - "$MNT/.flakey/status" &
watcher=$!
until_true 10 grep -qx sleep "/proc/$inside/comm"
until_true 10 test -e "/proc/$reader/fd/3"
until_true 10 grep -qx sleep "/proc/$watcher/comm"
ok "crash --kill, from a directory of the mount" \
	sh -c 'cd "$2" && exec "$0" crash --kill "$1"' "$FLAKEY" "$MNT" "$MNT/in"
ok "kills who is in a directory" until_true 5 is_gone "$inside"
ok "kills who has a file" until_true 5 is_gone "$reader"
ok "and nobody who only looks at the status" fails is_gone "$watcher"
kill "$watcher"
tap_done
