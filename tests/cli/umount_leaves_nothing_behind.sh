#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, data, a mount or a server stays behind, or umount lies.
set -eu
# shellcheck source=cli.sh
. "$CLI_SH"

mkdir store mnt
# Ten times: a server that is not waited for often ends in time by chance.
for round in 1 2 3 4 5 6 7 8 9 10; do
	"$FLAKEY" mount store mnt
	pid=$(server mnt)
	echo "$round" >mnt/a
	ok "umount" "$FLAKEY" umount mnt
	ok "the server has ended when it returns" is_gone "$pid"
	is "everything is stored" "$round" "$(cat store/a)"
done
is "nothing is mounted" 0 "$(mounts)"

"$FLAKEY" mount store mnt
pid=$(server mnt)
exec 9<mnt/a
refused 1 "is in use" "$FLAKEY" umount mnt
is "a mount in use stays" 1 "$(mounts)"
echo y >mnt/b
ok "and works" "$FLAKEY" sync mnt
ok "--lazy takes it away" "$FLAKEY" umount --lazy mnt
is "nothing is mounted" 0 "$(mounts)"
is "its users go on" "10" "$(cat <&9)"
exec 9<&-
ok "and with the last, the server ends" until_true 10 is_gone "$pid"
is "everything is stored" "y" "$(cat store/b)"

# From below, by other names, and with another control directory.
"$FLAKEY" mount --control .power store mnt
ok "another name is found when told" "$FLAKEY" sync --control .power mnt
ok "and unmounted without" "$FLAKEY" umount "mnt/../mnt/"
"$FLAKEY" mount --control none store mnt
echo z >mnt/c
ok "even a mount without control files" "$FLAKEY" umount mnt
stored() {
	[ "$(cat store/c 2>/dev/null)" = z ]
}
ok "is stored in the end" until_true 10 stored
mkdir "with space"
# Who unmounts by other means does not wait for the server, and mounts again.
(
	exec 8<store
	flock 8
	exec tail -f /dev/null
) &
holder=$!
locked() {
	! flock -n store true
}
waits() {
	find /proc/[0-9]*/fd -lname "$WORK/store" 2>/dev/null |
		grep -vq "/proc/$holder/"
}
ok "the store is in use" until_true 10 locked
"$FLAKEY" mount store mnt 2>refusal &
mounting=$!
ok "a mount looks at it" until_true 10 waits
kill "$holder"
ok "and waits until it is free" wait "$mounting"
refused 1 "is in use" "$FLAKEY" mount store "with space"
ok "umount" "$FLAKEY" umount mnt
ok "a name with a space" "$FLAKEY" mount store "with space"
gives 0 '"unmounted":"'"$WORK/with space"'"' "$FLAKEY" umount --json \
	"with space"
is "nothing is mounted" 0 "$(mounts)"

# A store that is full: nothing is lost by unmounting too early.
if [ "$(id -u)" -eq 0 ]; then
	mkdir small
	mount -t tmpfs -o size=64k none small
	"$FLAKEY" mount small mnt
	dd if=/dev/zero of=mnt/big bs=1k count=200 2>/dev/null
	refused 1 "" "$FLAKEY" umount mnt
	is "a store that is full keeps its mount" 2 "$(mounts)"
	mount -o remount,size=1m small
	ok "when there is room, it ends" "$FLAKEY" umount mnt
	is "with everything" 204800 "$(stat -c %s small/big)"
	umount small
fi
tap_done
