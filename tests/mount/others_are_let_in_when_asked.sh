#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, another user sees a mount that is not theirs, or a service that
# runs as its own user cannot use one that is.
set -eu
CRASHLIT=$1
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

as_other() {
	setpriv --reuid 65533 --regid 65533 --clear-groups "$@"
}

other_writes() {
	echo theirs | as_other tee "$MNT/theirs"
}

other_crashes() {
	echo crash | as_other tee "$MNT/.flakey/control"
}

chmod 1777 "$STORE"
ok "another user is kept out" fails as_other ls "$MNT"
ok "umount" "$FLAKEY" umount "$MNT"
ok "-o allow_other is taken" mount_again -o allow_other
ok "then another user may look" as_other ls "$MNT"
ok "and write" other_writes
is "under their own name" 65533 "$(stat -c %u "$MNT/theirs")"
verb sync
is "in the store as well" 65533 "$(stat -c %u "$STORE/theirs")"
ok "but not use the control files" fails as_other ls "$MNT/.flakey"
ok "nor crash it" fails other_crashes
ops 'w mine 0 10 m' >/dev/null
chmod 600 "$MNT/mine"
ok "nor read what is not theirs" fails as_other cat "$MNT/mine"
ok "nor remove it from a sticky directory" fails as_other rm -f "$MNT/mine"
tap_done
