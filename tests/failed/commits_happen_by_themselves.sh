#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a program that relies on the kernel's own commits and write-back,
# or is surprised by them, cannot be tested.
set -eu
CRASHLIT=$1
# shellcheck source=../harness/tap.sh
. "$TAP_SH"
eio='Input/output error'

# An event of this kind since the last mark.
has() {
	sed -n '/"event":"mark"/h;/"event":"mark"/!H;${x;p}' \
		"$MNT/.flakey/log" | grep -q "\"event\":\"$1\""
}

comes() {
	until_true 20 has "$1"
}

anew() {
	"$FLAKEY" umount "$MNT"
	mount_again "$@"
}

stored() {
	test "$(tree "$STORE")" = "$1"
}

# The mount has --commit-interval.
ops 'm d;w d/a 0 4096 x'
ok "names are committed" until_true 20 stored "d/ d/a[0:]"
ok "which the log says" comes background-commit
ok "data is not" grep -q 'data .*/d/a' "$MNT/.flakey/unsynced"
verb crash
is "so a crash keeps the names" "d/ d/a[0:]" "$(tree "$MNT")"

verb mark drop
verb drop-writes
ops 'm e'
comes background-commit
verb allow-writes
verb crash
is "dropped ones do not arrive" "d/ d/a[0:]" "$(tree "$MNT")"

verb mark abort
verb error-writes
ops 'm e'
ok "one that fails aborts the journal" comes journal-aborted
verb allow-writes
is "and is seen by who changes something" "[m f: Read-only file system]" \
	"$(ops 'm f')"
verb crash
is "until a crash" "" "$(ops 'm f;f .')"

MOUNT_OPTIONS='--profile ext4'
anew -o writeback-after=100ms
verb mark write
ops 'tw d/a 8192 y;f d/a'
ops 'w d/a 0 4096 z'
ok "data is written" comes background-writeback
ok "where its blocks are at once" stored "d/ d/a[8192:z*4096 y*4096] f/"
verb mark more
ops 'w d/a 8192 4096 n'
ok "new blocks" comes background-writeback
is "wait for a commit of names" "d/ d/a[8192:z*4096 y*4096] f/" \
	"$(tree "$STORE")"
is "of which any will do" "" "$(ops 'f .')"
is "then it is there" "d/ d/a[12288:z*4096 y*4096 n*4096] f/" \
	"$(tree "$STORE")"

verb mark fail
verb error-writes
# A descriptor is kept over the failure by the shell.
exec 3<"$MNT/d/a"
ops 'w d/a 0 4096 e'
ok "what fails is recorded" comes write-error
verb allow-writes
is "and told at the next fsync, once" "[fdo 0: $eio]" \
	"$(ops 'o d/a;fdo 0;fdo 0')"
exec 3<&-
verb evict
is "the write was lost" "d/ d/a[12288:z*4096 y*4096 n*4096] f/" \
	"$(tree "$MNT")"

threads=$(find "/proc/$(cat "$WORK/pid")/task" -maxdepth 1 -mindepth 1 | wc -l)
anew
ok "without the options there is no such thread" test \
	"$(find "/proc/$(cat "$WORK/pid")/task" -maxdepth 1 -mindepth 1 |
		wc -l)" -lt "$threads"
said=$("$FLAKEY" mount -o commit-interval=soon "$STORE" "$MNT" 2>&1) ||
	status=$?
is "a time must be one" "2 flakey: time 'soon' is not a number" \
	"${status-0} ${said%% with*}"
tap_done
