# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# killed_at_any_step.sh KILLER FSTYPE: if this fails, a server that was killed while it
# set up, crashed or took down leaves something that the next umount, or the next
# mount, does not clean up.
#
# A third of the steps on ext4 and an eighth on the others, chosen by
# FLAKEY_TEST_SEED; all with KILL_STRIDE=1.
killer=$1
fstype=$2
stride=8
size=320M
if [ "$fstype" = ext4 ]; then
	stride=3
	size=16M
fi
stride=${KILL_STRIDE:-$stride}
first=$((${FLAKEY_TEST_SEED:-1} % stride))
echo "# FLAKEY_TEST_SEED=${FLAKEY_TEST_SEED:-1} KILL_STRIDE=$stride"

# Killed at the Nth of the calls that change something, until it gets through.
step=$((first + 1 - stride))
through=false
while ! $through && [ $step -lt 200 ]; do
	step=$((step + stride))
	rm -f disk
	if LD_PRELOAD=$killer KILL_AT=$step \
		"$FLAKEY" mount --backend dm --fstype "$fstype" --size "$size" disk "$MNT" 2>said; then
		through=true
	fi
	if [ $((step / stride % 2)) -eq 0 ]; then
		if ! mount_disk --fstype "$fstype" --size "$size" disk "$MNT" 2>said && ! $through; then
			ok "step $step: mounted again" cat said
			false
		fi
	fi
	if ! "$FLAKEY" umount "$MNT" 2>said; then
		grep -q 'no flakey mount' said || ok "step $step: umount" \
			sh -c 'cat said; false'
	fi
	# A server that is killed while it ends is found the next time.
	if $through && ! nothing_is_left >left; then
		"$FLAKEY" umount "$MNT" 2>said || :
	fi
	all_is_gone >left || ok "step $step leaves nothing" \
		sh -c 'cat left said; false'
done
ok "it got through after $step steps" $through
ok "which are all there are" test $step -gt 15

# The same while power fails.
step=$((first + 1 - stride))
through=false
while ! $through && [ $step -lt 200 ]; do
	step=$((step + stride))
	rm -f disk
	LD_PRELOAD=$killer "$FLAKEY" mount --backend dm --fstype "$fstype" --size "$size" disk "$MNT"
	echo synced >"$MNT/file"
	sync "$MNT/file" "$MNT"
	kill -USR1 "$(status_number pid)" # it counts from here
	echo $step >kill-at
	if "$FLAKEY" crash "$MNT" >said 2>&1; then
		through=true
	fi
	rm kill-at
	if [ $((step / stride % 2)) -eq 0 ] || $through; then
		"$FLAKEY" umount "$MNT" 2>said || ok "crash $step: umount" \
			sh -c 'cat said; false'
		nothing_is_left >left || "$FLAKEY" umount "$MNT" 2>said || :
		all_is_gone >left || ok "crash $step leaves nothing" \
			sh -c 'cat left said; false'
	fi
	mount_disk disk "$MNT" 2>said || ok "crash $step: mounted again" \
		sh -c 'cat said; false'
	[ "$(cat "$MNT/file")" = synced ] ||
		ok "crash $step: what was synced is there" false
	"$FLAKEY" umount "$MNT"
done
ok "a crash got through after $step steps" $through
ok "which are all there are" test $step -gt 8
ok "nothing is left" all_is_gone
tap_done
