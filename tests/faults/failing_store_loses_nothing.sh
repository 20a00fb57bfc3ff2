#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a real failure of the store passes for a success, or costs data that
# a later sync could have stored.
#
# failing_store_loses_nothing.sh CRASHLIT [ARM PRELOAD]: with real causes on a tmpfs;
# or, with what preload.c can refuse, those that a test cannot have.
set -eu
CRASHLIT=$1
ARM=${2-}
PRELOAD=${3-}
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

FLAKEY_TEST_PLAN=$WORK/plan
export FLAKEY_TEST_PLAN
small=$WORK/small

mount_anew() {
	! is_mounted || "$FLAKEY" umount "$MNT"
	LD_PRELOAD=$PRELOAD mount_again --profile ext4
}

# cause NAME WORDS BREAK HEAL: what the cause is called, what a program is told of
# it, and the commands that make it come and go.
cause() {
	name=$1
	words=$2
	break=$3
	heal=$4
	! is_mounted || "$FLAKEY" umount "$MNT"
	rm -rf "${STORE:?}"/*
	mkdir "$STORE/d"
	head -c 8192 /dev/zero | tr '\0' o | tee "$STORE/a" >"$STORE/d/old"
	mount_anew
	$break
	is "$name: the fsync says so" "[f new: $words]" \
		"$(ops 'w new 0 200000 n;m d/sub;w d/old 0 4096 p;f new')"
	is "$name: and the next one" "[f new: $words]" "$(ops 'f new')"
	live="a[8192:o*8192] d/ d/old[8192:p*4096 o*4096] d/sub/"
	live="$live new[200000:n*200000]"
	is "$name: programs see their changes" "$live" "$(tree "$MNT")"
	ok "$name: unsynced lists them" grep -q /d/old "$MNT/.flakey/unsynced"
	ok "$name: the log has the error" \
		grep -q '"event":"store-error".*"reason"' "$MNT/.flakey/log"
	ok "$name: a sync of all fails" fails verb sync
	ok "$name: and so does the unmount" fails "$FLAKEY" umount "$MNT"
	ok "$name: which leaves the mount" is_mounted
	is "$name: nothing was lost" 0 "$(status_number lost_commits)"
	$heal
	is "$name: the retry succeeds" "" "$(ops 'f new')"
	verb sync
	is "$name: all is stored" "$live" "$(tree "$STORE")"
	mount_anew # nothing is open for writing, or it could not be forbidden
	$break
	ops 'w new 0 100 x;u a;r d/old b;f d' >"$WORK/said"
	verb crash
	$heal
	is "$name: a crash meanwhile is one" "$(tree "$STORE")" "$(tree "$MNT")"
	is "$name: and work goes on" "" "$(ops 'w last 0 10 l;f last')"
	verb sync
	is "$name: and is stored" "$(tree "$MNT")" "$(tree "$STORE")"
}

# shellcheck disable=SC2317 # called by cause
fill_space() {
	cat /dev/zero >"$small/filler" 2>"$WORK/said" || true
}

# shellcheck disable=SC2317 # called by cause
fill_inodes() {
	while touch "$small/filler$count" 2>"$WORK/said"; do
		count=$((count + 1))
	done
}

# Without the options that it has: a user namespace may not say the uid again.
# shellcheck disable=SC2317 # called by cause
forbid() {
	mount --options-mode ignore -o remount,ro "$small"
}

# shellcheck disable=SC2317 # called by cause
permit() {
	mount --options-mode ignore -o remount,rw "$small"
}

# shellcheck disable=SC2317 # called by cause
free_space() {
	rm -f "$small"/filler*
}

# shellcheck disable=SC2317 # called by cause
refuse() {
	"$ARM" "$FLAKEY_TEST_PLAN" store 1 lasting "$error"
}

# shellcheck disable=SC2317 # called by cause
allow() {
	"$ARM" "$FLAKEY_TEST_PLAN" off >"$WORK/fired"
}

# shellcheck disable=SC2317 # called by the trap
unmount_small() {
	status=$?
	! is_mounted || "$FLAKEY" umount "$MNT" || umount -l "$MNT" || true
	umount "$small" || umount -l "$small" || true
	exit "$status"
}

full='No space left on device'
if [ -n "$ARM" ]; then
	"$FLAKEY" umount "$MNT"
	"$ARM" "$FLAKEY_TEST_PLAN" off >"$WORK/fired"
	while read -r error words; do
		cause "$error" "$words" refuse allow
	done <<-END
		EDQUOT Disk quota exceeded
		EIO Input/output error
		EACCES Permission denied
		EROFS Read-only file system
		EMFILE Too many open files
		ENOTCONN Input/output error
	END
else
	mkdir "$small"
	mount -t tmpfs -o size=1m,nr_inodes=60,mode=755 small "$small" \
		2>"$WORK/said" || tap_skip_all "no tmpfs may be mounted"
	trap unmount_small EXIT
	"$FLAKEY" umount "$MNT"
	STORE=$small/store
	mkdir "$STORE"
	count=0
	cause "full store" "$full" fill_space free_space
	cause "store without inodes" "$full" fill_inodes free_space
	cause "read-only store" "Read-only file system" forbid permit
fi
tap_done
