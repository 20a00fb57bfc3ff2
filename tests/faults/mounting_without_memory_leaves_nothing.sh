#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a mount that could not be made leaves a dead one behind, says
# nothing, or works without what was asked for.
set -eu
ARM=$1
PRELOAD=$2
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

"$FLAKEY" umount "$MNT"
FLAKEY_TEST_PLAN=$WORK/plan
export FLAKEY_TEST_PLAN
"$ARM" "$FLAKEY_TEST_PLAN" off >"$WORK/fired"

# Whether a mount that was made has all that a mount has.
is_whole() {
	grep -q '"pid"' "$MNT/.flakey/status" && echo new >"$MNT/new" &&
		rm "$MNT/new" && echo sync >"$MNT/.flakey/control"
}

# One sentence of ours, for a person; libfuse may have printed something, too.
is_sentence() {
	[ "$(grep -c ^flakey: "$1")" -eq 1 ] &&
		grep -q '^flakey: [^ ]* [^ ]* ' "$1" &&
		! LC_ALL=C grep -q '[^ -~]' "$1"
}

mount_preloaded() {
	LD_PRELOAD=$PRELOAD "$FLAKEY" mount "$STORE" "$MNT" 2>"$WORK/said"
}

# The daemon of the try before may still be at its end.
is_free() {
	! is_mounted && flock -n "$STORE" true
}

# try NTH: "done" if no allocation failed, "right", or what was wrong.
try() {
	status=0
	until_true 10 is_free || echo "a daemon that does not end"
	"$ARM" "$FLAKEY_TEST_PLAN" memory "$1" once ENOMEM
	mount_preloaded || status=$?
	fired=$("$ARM" "$FLAKEY_TEST_PLAN" off)
	if [ "$status" -eq 0 ]; then
		is_whole || echo "a mount that does not work"
		"$FLAKEY" umount "$MNT" || echo "a mount that stays"
		[ "$fired" -gt 0 ] || echo finished
	elif [ "$status" -ne 1 ]; then
		echo "status $status"
	elif is_mounted; then
		echo "a mount is left"
	elif ! is_sentence "$WORK/said"; then
		echo "no sentence"
		cat "$WORK/said"
	fi
}

nth=0
said=
while [ -z "$said" ] && [ "$nth" -lt 500 ]; do
	nth=$((nth + 1))
	said=$(try "$nth")
done
is "whichever allocation fails" finished "$said"
echo "# $((nth - 1)) failures"
mount_again --profile ext4
tap_done
