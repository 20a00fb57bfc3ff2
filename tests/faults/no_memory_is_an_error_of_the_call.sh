#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a host that is short of memory takes the mount down, or the mount
# does half of what it was asked for.
set -eu
STARVED=$1
PRELOAD=$2
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

"$FLAKEY" umount "$MNT"
FLAKEY_TEST_PLAN=$WORK/plan
export FLAKEY_TEST_PLAN
head -c 4096 /dev/zero >"$FLAKEY_TEST_PLAN"
LD_PRELOAD=$PRELOAD mount_again --profile ext4
pid=$(cat "$WORK/pid")

tap_include timeout 100 "$STARVED" "$MNT" "$STORE" "$FLAKEY_TEST_PLAN"
is "the daemon is the same" "$pid" "$(status_number pid)"
ok "it works on" sh -c "echo last >'$MNT/last'"
verb sync
ok "and stores all" diff -r "$MNT" "$STORE"
tap_done
