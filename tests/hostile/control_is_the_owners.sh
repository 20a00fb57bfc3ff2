#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, another user of the host can crash, read or change somebody's
# mount by its control files.
set -eu
INTRUDER=$1
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

as_other() {
	setpriv --reuid 65533 --regid 65533 --clear-groups "$@"
}

chmod 1777 "$STORE"
"$FLAKEY" umount "$MNT"
mount_again -o allow_other
before=$(status_number incarnation)
exec 9>"$MNT/.flakey/control"
tap_include as_other "$INTRUDER" "$MNT" "$$" 9
exec 9>&-
is "nothing was crashed" "$before" "$(status_number incarnation)"
is "the files are as they were" 600 "$(stat -c %a "$MNT/.flakey/control")"
is "and the directory" "700 $(id -u)" "$(stat -c '%a %u' "$MNT/.flakey")"

# The owner may, but it changes nothing and breaks nothing.
ok "the owner cannot make a file there" fails touch "$MNT/.flakey/x"
chmod 666 "$MNT/.flakey/control" 2>/dev/null || true
chown 65533 "$MNT/.flakey/control" 2>/dev/null || true
is "nor give the files away" "600 $(id -u)" \
	"$(stat -c '%a %u' "$MNT/.flakey/control")"
ok "nor lend them" fails as_other cat "$MNT/.flakey/status"
verb crash
is "verbs work" $((before + 1)) "$(status_number incarnation)"

# The daemon is root and serves others: what they make is theirs, and what is not
# theirs stays closed to them, in the store as well.
make_all() {
	as_other sh -c 'cd "$1" && umask 0 && : >theirs/f && mkdir theirs/d &&
		ln -s x theirs/l && mkfifo theirs/p && ln theirs/f theirs/h &&
		chmod 6755 theirs/f && chmod 2770 theirs/d && : >theirs/d/g' \
		sh "$MNT"
}
owners() {
	find "$STORE/theirs" -printf '%P %u:%g %m\n' | sort | tr '\n' ' '
}
ok "another user has a directory" as_other mkdir "$MNT/theirs"
ok "and makes things of all kinds" make_all
verb sync
is "all of them theirs in the store" " 65533:65533 755 d 65533:65533 2770 \
d/g 65533:65533 666 f 65533:65533 6755 h 65533:65533 6755 \
l 65533:65533 777 p 65533:65533 666 " "$(owners)"
ok "they cannot give it to root" fails as_other chown 0 "$MNT/theirs/f"
ok "nor to a group of others" fails as_other chgrp 0 "$MNT/theirs/f"
echo secret >"$MNT/secret"
chmod 600 "$MNT/secret"
ln "$MNT/secret" "$MNT/theirs/secret"
ok "nor read what is root's" fails as_other cat "$MNT/theirs/secret"
ok "nor write to it" fails as_other tee "$MNT/theirs/secret"
ok "nor change its mode" fails as_other chmod 666 "$MNT/theirs/secret"
ok "nor make a device" fails as_other mknod "$MNT/theirs/n" c 1 3
is "root's file is as it was" "secret 600" \
	"$(cat "$MNT/secret") $(stat -c %a "$MNT/secret")"
tap_done
