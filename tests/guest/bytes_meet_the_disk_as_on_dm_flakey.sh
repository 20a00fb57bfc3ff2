#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bytes_meet_the_disk_as_on_dm_flakey.sh RUN PLAY CASES, on a mount: if this fails,
# the modes that corrupt or fail do it elsewhere than a real dm-flakey below a real
# ext4 would.
set -eu
# shellcheck source=../harness/tap.sh
. "$TAP_SH"
run=$1
play=$2
cases=$3
count=10
seed=${FLAKEY_TEST_SEED:-$(($(date +%s) % 1000000))}

command -v "${FLAKEY_GUEST_KERNEL:-linux.uml}" >/dev/null || tap_skip_all "no user-mode-linux"
echo "# FLAKEY_TEST_SEED=$seed"
"$run" -- "$play" "$cases" "$seed" "$count" >"$WORK/real" 2>"$WORK/said" ||
	sed 's/^/# /' "$WORK/said"
"$cases" mount "$MNT" "$seed" "$count" >"$WORK/ours"
is "all cases were played" $((count + 7)) "$(wc -l <"$WORK/real")"
while IFS= read -r want <&3 && IFS= read -r got <&4; do
	is "${want%%:*}" "$want" "$got"
done 3<"$WORK/real" 4<"$WORK/ours"
tap_done
