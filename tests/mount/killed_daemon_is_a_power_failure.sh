#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, the store is not always what survives, or a mount point that a
# dead daemon left must be mended by hand.
set -eu
CRASHLIT=$1
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

ops 'm d;w d/a 0 4096 a;f d/a;w d/b 0 10 b;w c 0 10 c;r d/a d/z;m e' >/dev/null
is "the store has what was paid for" "d/ d/a[4096:a*4096]" "$(tree "$STORE")"
ok "the daemon can be killed" kill_daemon
is "the store is the same, with nothing to repair" "d/ d/a[4096:a*4096]" \
	"$(tree "$STORE")"
is "and has no file of ours" d "$(ls -A "$STORE")"
ok "the mount point is dead" fails ls "$MNT"
ok "the next mount takes it over" mount_again
is "and shows what survived" "d/ d/a[4096:a*4096]" "$(tree "$MNT")"
is "there is one mount, not two" 1 \
	"$(grep -cF " $MNT " /proc/self/mountinfo)"
is "it works" "" "$(ops 'w d/b 0 10 n;f d/b')"
is "and stores" "d/ d/a[4096:a*4096] d/b[10:n*10]" "$(tree "$STORE")"

# Now in the middle of work, with commits under way.
(
	i=0
	while "$CRASHLIT" run "$MNT" "w w$i 0 100 w;f w$i"; do
		[ -e "$STORE/w$i" ] || break
		i=$((i + 1))
	done
) >/dev/null 2>&1 &
writer=$!
has_some() {
	[ -e "$STORE/w20" ]
}
ok "a writer works" until_true 20 has_some
ok "the daemon is killed under it" kill_daemon
wait "$writer" || true
before=$(tree "$STORE")
ok "the mount point is taken over again" mount_again
is "the mount is the store" "$before" "$(tree "$MNT")"
is "every acknowledged file is whole" "" \
	"$(find "$STORE" -name 'w[0-9]' ! -size 100c)"
tap_done
