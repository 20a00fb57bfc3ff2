#!/bin/bash
# SPDX-License-Identifier: MIT
# If this fails, one of the ways to use the kernel's cache keeps data that a power
# failure loses, or loses what was synced.
set -eu
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

# fill FILE LETTER FIRST COUNT: blocks of 4 KiB, as a program writes them.
fill()
{
	head -c $(($4 * 4096)) /dev/zero | tr '\0' "$2" |
		dd of="$1" bs=4096 seek="$3" conv=notrunc status=none
}

# What a file is: runs of letters with their lengths.
content()
{
	fold -w 1 "$1" | uniq -c | awk '{ printf "%s%s", $2, $1 }'
}

sizes()
{
	stat -c %s "$@" | paste -sd ' ' -
}

a=$MNT/a
ok "write and sync" fill "$a" o 0 2
sync "$a" "$MNT"
fill "$MNT/new" n 0 1
verb crash
is "what was synced is kept" "o8192" "$(content "$a")"
is "with its size" 8192 "$(sizes "$a")"
ok "what was not is gone" test ! -e "$MNT/new"

# A descriptor stays open, so that nothing is written back by a close.
exec 3<>"$a"
fill /dev/fd/3 l 0 1
fill "$a" l 2 1
head -c 100 /dev/zero >&3
verb crash
is "an unsynced overwrite and growth are lost" "o8192" "$(content "$a")"
is "and the size is the old one" 8192 "$(sizes "$a")"
# The kernel may still have pages of the past, and tell only at the sync.
head -c 4096 /dev/zero >&3 2>/dev/null || true
ok "the descriptor of the past cannot sync" fails sync /dev/fd/3
exec 3>&- || true
verb sync
is "pages of the past are thrown away" "o8192" "$(content "$a")"
is "in the store, too" "o8192" "$(content "$STORE/a")"

exec 3<>"$a"
truncate -s 100 "$a"
verb crash
exec 3>&- || true
is "an unsynced truncation is lost" "8192 o8192" "$(sizes "$a") $(content "$a")"

exec 3<>"$a"
fill /dev/fd/3 s 1 2
ok "a sync of everything" verb sync
is "takes all of it" "o4096s8192" "$(content "$STORE/a")"
fill /dev/fd/3 k 0 1
verb crash keep=all
is "and so does a crash that keeps all" "k4096s8192" "$(content "$STORE/a")"
is "which is seen" "k4096s8192" "$(content "$a")"
exec 3>&- || true

exec 3<>"$a"
fill /dev/fd/3 e 3 1
sync /dev/fd/3
exec 3>&-
exec 3<>"$a"
fill /dev/fd/3 u 0 1
exec 3>&-
ok "umount" "$FLAKEY" umount "$MNT"
is "keeps everything" "u4096s8192e4096" "$(content "$STORE/a")"
tap_done
