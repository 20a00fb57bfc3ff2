#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, one program with much unsynced data takes all others down, or the
# mount stays full for ever.
#
# full_scratch_harms_only_who_needs_it.sh FULLSCRATCH [tmpfs|back]: at the limit of
# the mount (--scratch-limit, given by on-mount), on a file system that is full, or
# with the kernel's cache in between, which takes more than fits.
set -eu
FULLSCRATCH=$1
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

# shellcheck disable=SC2317 # called by the trap
unmount_small() {
	status=$?
	! is_mounted || "$FLAKEY" umount "$MNT" || umount -l "$MNT" || true
	umount "$small" || umount -l "$small" || true
	exit "$status"
}

# shellcheck disable=SC2317 # called by ok
is_refused() {
	! head -c 80000000 /dev/zero >"$MNT/big"
}

# shellcheck disable=SC2317 # called by ok
is_told_of_no_space() {
	{ head -c 12000000 /dev/zero >"$MNT/big" && sync "$MNT/big"; } 2>&1 |
		grep 'No space left on device'
}

if [ "${2-}" = tmpfs ]; then
	small=$WORK/small
	mkdir "$small"
	mount -t tmpfs -o size=4m,mode=777 small "$small" 2>"$WORK/said" ||
		tap_skip_all "no tmpfs may be mounted"
	trap unmount_small EXIT
	"$FLAKEY" umount "$MNT"
	mount_again --scratch "$small"
fi
if [ "${2-}" = back ]; then
	ok "the writer is told, then or at the fsync" is_told_of_no_space
	ok "it is removed" rm "$MNT/big"
	verb sync
	ok "and there is space" \
		sh -c "head -c 4000000 /dev/zero >'$MNT/x' && sync '$MNT/x'"
else
	tap_include timeout 100 "$FULLSCRATCH" "$MNT"
fi
if [ "${2-}" = tmpfs ]; then
	ok "there is too little space" is_refused
	mount --options-mode ignore -o remount,size=100m "$small"
	ok "and enough when the disk has grown" \
		cp /dev/null "$MNT/big"
	ok "it is written" sh -c "head -c 80000000 /dev/zero >'$MNT/big'"
fi
verb sync
ok "the daemon is the same" [ "$(cat "$WORK/pid")" = "$(status_number pid)" ]
ok "all is stored" diff -r "$MNT" "$STORE"
is "no space is held" 0 "$(status_number scratch_bytes)"
tap_done
