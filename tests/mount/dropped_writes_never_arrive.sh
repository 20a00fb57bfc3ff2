#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a disk that lies about its flushes keeps what it threw away, or
# a store is left that no file system would mount.
set -eu
CRASHLIT=$1
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

ops 'w a 0 8192 o;w gone 0 10 g;m d;w d/in 0 10 i;m e;y .' >"$WORK/setup"
verb sync
verb drop-writes
is "every call succeeds while writes are dropped" "" \
	"$(ops 'w a 0 4096 n;f a;w b 0 10 b;f b;u gone;m new;f .;r d f;f f')"
verb sync
live='a[8192:n*4096 o*4096] b[10:b*10] e/ f/ f/in[10:i*10] new/'
frozen='a[8192:o*8192] d/ d/in[10:i*10] e/ gone[10:g*10]'
is "the program sees its changes" "$live" "$(tree "$MNT")"
is "the store is as it was" "$frozen" "$(tree "$STORE")"

verb allow-writes
verb sync
is "a switch back loses nothing of the live image" "$live" "$(tree "$MNT")"
is "what was dropped is not caught up" "$frozen" "$(tree "$STORE")"

ops 'w a 4096 4096 m;f a;w late 0 10 l;f late' >"$WORK/late"
is "later commits succeed" "" "$(cat "$WORK/late")"
is "later commits arrive, beside the old" \
	"a[8192:o*4096 m*4096] d/ d/in[10:i*10] e/ gone[10:g*10] late[10:l*10]" \
	"$(tree "$STORE")"

is "a commit below a dropped directory succeeds" "" \
	"$(ops 'w new/x 0 10 x;f new/x')"
is "and does not arrive" "" "$(ls "$STORE/new" 2>/dev/null || true)"
ok "and is counted" test "$(status_number lost_commits)" -gt 0
ok "and is in the log" grep -q lost "$MNT/.flakey/log"
verb crash
is "after the crash the mount is the store" "$(tree "$STORE")" "$(tree "$MNT")"
is "which is what arrived" \
	"a[8192:o*4096 m*4096] d/ d/in[10:i*10] e/ gone[10:g*10] late[10:l*10]" \
	"$(tree "$MNT")"
is "and it can be changed again" "" \
	"$(ops 'm new;w new/x 0 10 y;f new/x;u gone;r d f;f .')"
is "with everything arriving" \
	"a[8192:o*4096 m*4096] e/ f/ f/in[10:i*10] late[10:l*10] new/ new/x[10:y*10]" \
	"$(tree "$STORE")"
tap_done
