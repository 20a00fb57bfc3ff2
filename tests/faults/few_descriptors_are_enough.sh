#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a host that gives a process few descriptors cannot run programs that
# open many files on the mount.
#
# few_descriptors_are_enough.sh MANYOPEN LIMIT FILES UNLINKED
set -eu
MANYOPEN=$1
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

# shellcheck disable=SC2317 # called by ok
has_few() {
	set -- "$2" "/proc/$1/fd/"*
	[ "$#" -le "$(($1 + 1))" ]
}

"$FLAKEY" umount "$MNT"
# Of the daemon only, and for good.
prlimit --nofile="$2:$2" "$FLAKEY" mount "$STORE" "$MNT"
status_number pid >"$WORK/pid"
tap_include timeout 200 "$MANYOPEN" "$MNT" "$3" "$4"
if [ "$tap_count" -eq 0 ]; then
	cat "$WORK/tap.out"
	exit 0
fi
ok "the daemon is the same" [ "$(cat "$WORK/pid")" = "$(status_number pid)" ]
ok "with few descriptors" has_few "$(cat "$WORK/pid")" "$2"
verb sync
ok "all is stored" diff -r "$MNT" "$STORE"
tap_done
