# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# If this fails, a mount that is in use is torn from under its users, or they are
# not named, or --kill does not end them; or a switch or crash under load hangs, or
# loses more than the mode says.

mount_disk --size 64M new "$MNT"

says_who() {
	! "$@" >said 2>&1 && grep -q "in use by sleep (pid $user)" said
}

# The shell has become it.
sleeps() {
	grep -qsx sleep "/proc/$user/comm"
}

runs() {
	kill -0 "$user" 2>/dev/null
}

dies() {
	until_true 10 is_gone "$user"
}

# A working directory, an open file, a mapped program.
(cd "$MNT" && exec sleep 1000) &
user=$!
until_true 10 sleeps || :
ok "umount names who works there" says_who "$FLAKEY" umount "$MNT"
ok "so does crash" says_who "$FLAKEY" crash "$MNT"
ok "who goes on" runs
is "and so does the mount" allow-writes "$("$FLAKEY" mode "$MNT")"
ok "crash --kill ends it" "$FLAKEY" crash --kill "$MNT"
ok "it is dead" dies
sh -c 'exec 3<"$0"; exec sleep 1000' "$MNT" &
user=$!
until_true 10 sleeps || :
ok "umount names who has something open" says_who "$FLAKEY" umount "$MNT"
kill -9 $user
wait $user 2>/dev/null || :
cp /bin/sleep "$MNT/sleep"
"$MNT/sleep" 1000 &
user=$!
until_true 10 sleeps || :
ok "umount names who runs a program from there" \
	says_who "$FLAKEY" umount "$MNT"
ok "umount --kill ends it" "$FLAKEY" umount --kill "$MNT"
ok "it is dead, too" dies
ok "nothing is left" all_is_gone

# A bind mount elsewhere: after an unmount the disk is not free.
mount_disk --size 64M disk "$MNT"
mkdir own-bind
echo lost >"$MNT/unsynced"
mount --bind "$MNT" own-bind
crashing() {
	"$FLAKEY" crash "$MNT" >said 2>&1
}
crashing &
crash=$!
until_true 9 fails grep -qF " $MNT ext4" /proc/self/mounts || :
umount own-bind
ok "a crash waits for the last mount of a disk" wait $crash
ok "and then has lost what was not synced" test ! -e "$MNT/unsynced"
"$FLAKEY" umount "$MNT"

# A writer that never stops.
mount_disk --size 64M disk "$MNT"
cat >writer.sh <<'END'
exec 3>>"$1"
n=0
while n=$((n + 1)); do
	echo $n >&3
	sync "$1" || exit
	echo $n >"$2.new"
	mv "$2.new" "$2"
done
END
sh writer.sh "$MNT/a" "$WORK/acknowledged" &
user=$!
until_true 10 test -s acknowledged
ok "writes are dropped under load" "$FLAKEY" drop-writes "$MNT"
ok "and allowed" "$FLAKEY" allow-writes "$MNT"
ok "and fail and are allowed again, by themselves" \
	"$FLAKEY" drop-writes --for 300ms "$MNT"
ok "a crash under load says who is there" fails "$FLAKEY" crash "$MNT"
ok "and with --kill it works" "$FLAKEY" crash --kill "$MNT"
ok "the writer is dead" dies
touch "$MNT/b"
sync "$MNT"
sh writer.sh "$MNT/b" "$WORK/paid" &
user=$!
until_true 10 test -s paid
before=$(cat paid)
ok "power fails under load" "$FLAKEY" crash --kill "$MNT"
dies
ok "what was acknowledged before is there" \
	grep -qx "$before" "$MNT/b"
# What the log says of the crash itself: that of a verb has its own.
sed -n 's/.*"event":"\(crash\|mode\)".*/&/p' "$MNT/.flakey/log" |
	sed 's/^/# /'
ok "and it unmounts" "$FLAKEY" umount "$MNT"
ok "nothing is left in the end" all_is_gone
tap_done
