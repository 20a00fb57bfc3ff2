#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a program's handling of a failed fsync is tested against a disk
# that does not fail as a real one does.
set -eu
CRASHLIT=$1
# shellcheck source=../harness/tap.sh
. "$TAP_SH"
eio='Input/output error'

ops 'w a 0 8192 o;w b 0 10 o;y .' >"$WORK/setup"
verb sync
verb error-writes
is "write succeeds; fsync fails" "[fdo 0: $eio]" \
	"$(ops 'o a;wo 0 0 4096 n;fdo 0')"
is "the program sees the page that failed" \
	"a[8192:n*4096 o*4096] b[10:o*10]" "$(tree "$MNT")"
is "the store has the old one" "a[8192:o*8192] b[10:o*10]" "$(tree "$STORE")"
is "an O_DSYNC write fails" "[ds b 0 10 n: $eio]" "$(ops 'ds b 0 10 n')"
is "a retry fails: the disk does not even flush" "[fd a: $eio]" "$(ops 'fd a')"
verb allow-writes
is "and so it does when the disk is well" "" "$(ops 'fd a')"
is "the failed page is not stored" "a[8192:o*8192] b[10:o*10]" \
	"$(tree "$STORE")"
verb evict
is "without its cache the program sees the truth" \
	"a[8192:o*8192] b[10:o*10]" "$(tree "$MNT")"
is "a new write goes through" "" "$(ops 'w a 4096 4096 m;f a')"
is "and only that" "a[8192:o*4096 m*4096] b[10:o*10]" "$(tree "$STORE")"

verb error-writes
is "a failed journal commit is reported" "[f .: $eio]" "$(ops 'm d;f .')"
verb allow-writes
is "and leaves the file system read-only" \
	"[m e: Read-only file system]" "$(ops 'm e')"
ok "which the status says" grep -q read-only "$MNT/.flakey/status"
verb crash
is "until it is mounted anew" "a[8192:o*4096 m*4096] b[10:o*10]" \
	"$(tree "$MNT")"
is "then it works" "" "$(ops 'm e;f .')"
is "and stores" "a[8192:o*4096 m*4096] b[10:o*10] e/" "$(tree "$STORE")"
tap_done
