#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a store whose file system keeps no access lists makes the mount
# pretend to, or keeps people out whom the modes let in.
set -eu
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

as_other() {
	setpriv --reuid 65533 --regid 65533 --clear-groups "$@"
}

# The errno of setfacl, in words.
refusal() {
	LC_ALL=C setfacl "$@" 2>&1 | sed 's/.*: //'
}

ok "umount" "$FLAKEY" umount "$MNT"
mount -t ramfs none "$STORE" 2>/dev/null || tap_skip_all "no ramfs"
# shellcheck disable=SC2064 # as it is now
trap "umount -l '$MNT' '$STORE' 2>/dev/null" EXIT
chmod 755 "$STORE"
: >"$STORE/there"
ok "a store on ramfs is taken" mount_again -o allow_other
native=$(refusal -m u:1:r "$STORE/there")
is "no list can be set there" "Operation not supported" "$native"
is "nor here" "$native" "$(refusal -m u:1:r "$MNT/there")"
is "nor a default one" "$native" "$(refusal -d -m u:1:r "$MNT")"
is "getfacl shows the mode" "$(getfacl -cnp "$STORE/there")" \
	"$(getfacl -cnp "$MNT/there")"
(umask 027 && mkdir "$MNT/d" && : >"$MNT/d/f")
is "the umask counts" "750 640" \
	"$(stat -c %a "$MNT/d" "$MNT/d/f" | paste -sd ' ')"
chmod 755 "$MNT/d" && chmod 644 "$MNT/d/f" && echo text >"$MNT/d/f"
is "others are let in by the mode" text "$(as_other cat "$MNT/d/f")"
ok "and kept out by it" fails as_other touch "$MNT/d/theirs"
verb sync
is "all of that is stored" "text 644" \
	"$(cat "$STORE/d/f") $(stat -c %a "$STORE/d/f")"
ok "umount of it" "$FLAKEY" umount "$MNT"
umount "$STORE"
trap - EXIT
ok "and back to the other store" mount_again
tap_done
