#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, an operation that programs need is missing or wrong on the
# mount, or what it made does not survive as it was.
set -eu
OPERATIONS=$1
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

# Type, mode, links, owner, size, mtime and content of everything.
listing() {
	(
		cd "$1" || exit
		find . -mindepth 1 ! -type d \
			-printf '%p %y %m %n %U %G %s %T@ %l\n'
		find . -mindepth 1 -type d -printf '%p %y %m %U %G %T@\n'
		find . -type f -size -10M -readable -exec cksum {} +
		getfattr -Rhd -m user . 2>/dev/null || true
	) | LC_ALL=C sort
}

mkdir "$MNT/ops"
tap_include "$OPERATIONS" "$MNT/ops"

verb sync
listing "$MNT" >"$WORK/list.live"
listing "$STORE" >"$WORK/list.store"
ok "after a sync the store is the live image" diff "$WORK/list.live" "$WORK/list.store"
verb crash
listing "$MNT" >"$WORK/list.after"
ok "a crash then changes nothing" diff "$WORK/list.live" "$WORK/list.after"
ok "all can be removed" rm -rf "$MNT/ops"
is "and then nothing is left" "" "$(ls -A "$MNT")"
is "while the store still has it" ops "$(ls -A "$STORE")"
verb sync
is "until the next commit" "" "$(ls -A "$STORE")"
tap_done
