#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, somebody who watches the log misses events, or keeps the mount
# busy.
set -eu
# shellcheck source=cli.sh
. "$CLI_SH"

has() {
	grep -q "$1" followed
}

ended() {
	! kill -0 "$follower" 2>/dev/null
}

mkdir store mnt
"$FLAKEY" mount store mnt
echo "mark first" >mnt/.flakey/control
gives 0 '"text":"first"' "$FLAKEY" log mnt
"$FLAKEY" log -f mnt >followed &
follower=$!
ok "what was there is printed" until_true 10 has '"text":"first"'
echo "mark second" >mnt/.flakey/control
ok "what comes is printed" until_true 10 has '"text":"second"'
ok "the mount is not kept busy" "$FLAKEY" umount mnt
ok "the end of the mount is the end" until_true 10 ended
status=0
wait "$follower" || status=$?
is "and no failure" 0 "$status"
is "each line came once" "$(sort -u followed)" "$(sort followed)"
tap_done
