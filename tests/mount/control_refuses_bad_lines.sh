#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a typing error in a script crashes, loses or hangs something
# instead of being told.
set -eu
CRASHLIT=$1
BADLINES=$2
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

is_listed() {
	find "$MNT" -mindepth 1 -maxdepth 1 -name .flakey | grep -q .
}

write_status() {
	echo x >"$MNT/.flakey/status"
}

ops 'w a 0 10 a;f a;w b 0 10 b' >/dev/null
tap_include "$BADLINES" "$MNT" "$STORE"

ok "the directory is not listed" fails is_listed
is "it is for its owner only" "700" "$(stat -c %a "$MNT/.flakey")"
is "so are its files" "600" "$(stat -c %a "$MNT/.flakey/control")"
ok "nothing can be made in it" fails touch "$MNT/.flakey/new"
ok "nothing can be removed from it" fails rm -f "$MNT/.flakey/status"
ok "it cannot be removed" fails rmdir "$MNT/.flakey"
ok "it cannot be renamed" fails mv "$MNT/.flakey" "$MNT/x"
ok "nothing can take its place" fails mkdir "$MNT/.flakey"
ok "nothing can be renamed into it" fails mv "$MNT/a" "$MNT/.flakey/a"
ok "nothing can be linked out of it" fails ln "$MNT/.flakey/status" "$MNT/s"
ok "status cannot be written" fails write_status
is "and a is still there" "a[10:a*10] b[10:b*10]" "$(tree "$MNT")"
tap_done
