#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a killed server leaves a mountpoint that has to be mended by
# hand.
set -eu
# shellcheck source=cli.sh
. "$CLI_SH"

kill_server() {
	pid=$(server mnt)
	kill -9 "$pid"
	until_true 10 is_gone "$pid"
}

mkdir store mnt
"$FLAKEY" mount store mnt
echo x >mnt/kept
sync mnt/kept
echo y >mnt/lost
ls mnt >/dev/null
kill_server
refused 1 "is dead; clean up with" "$FLAKEY" status mnt
refused 1 "is dead" "$FLAKEY" crash mnt
gives 0 "left by a dead flakey, taking it over" "$FLAKEY" mount store mnt
is "only one mount is there" 1 "$(mounts)"
is "what was synced is there" "kept" "$(ls mnt)"
kill_server
refused 1 "the source 'nothing' does not exist" "$FLAKEY" mount nothing mnt
is "a refused mount leaves the dead one" 1 "$(mounts)"
ok "umount cleans a dead mount up" "$FLAKEY" umount mnt
is "nothing is mounted" 0 "$(mounts)"
tap_done
