#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a clean end loses data, or leaves something behind.
set -eu
CRASHLIT=$1
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

all='a[10:a*10] d/ d/b[10:b*10] l@'
ops 'w a 0 10 a;m d;w d/b 0 10 b;s t l' >/dev/null
is "nothing is durable before" "" "$(tree "$STORE")"
pid=$(cat "$WORK/pid")
ok "umount succeeds" "$FLAKEY" umount "$MNT"
is "the store has everything" "$all" "$(tree "$STORE")"
is "and nothing of ours" "a d l" \
	"$(find "$STORE" -mindepth 1 -maxdepth 1 -printf '%f\n' | LC_ALL=C sort |
		paste -sd ' ' -)"
ok "the mount is gone" fails is_mounted
ok "the daemon is gone" until_true 10 is_gone "$pid"
is "the mount point is empty" "" "$(ls -A "$MNT")"

ok "it can be mounted again" mount_again
ops 'w c 0 10 c;u a' >/dev/null
pid=$(cat "$WORK/pid")
kill -TERM "$pid"
ok "SIGTERM ends the daemon" until_true 20 is_gone "$pid"
is "and commits everything" 'c[10:c*10] d/ d/b[10:b*10] l@' "$(tree "$STORE")"
ok "and unmounts" fails is_mounted

ok "and again" mount_again
is "with everything there" 'c[10:c*10] d/ d/b[10:b*10] l@' "$(tree "$MNT")"
ops 'w e 0 10 e' >/dev/null
exec 3<"$MNT/c"
ok "a busy mount is not unmounted" fails "$FLAKEY" umount "$MNT"
ok "and goes on working" cat "$MNT/e"
exec 3<&-
verb drop-writes
ops 'w f 0 10 f' >/dev/null
ok "a mount that drops its writes can be unmounted" "$FLAKEY" umount "$MNT"
ok "and f is lost" test ! -e "$STORE/f"
tap_done
