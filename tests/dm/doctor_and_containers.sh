# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# doctor_and_containers.sh KILLER: if this fails, a doctor that was killed leaves a
# device for ever, or who asks for a real disk where that cannot be is not told why.
killer=$1
doctor="$FLAKEY doctor --backend dm"

says() {
	grep -qF -- "$1" said || {
		cat said
		return 1
	}
}

ok "this host will do" sh -c "$doctor >said"
ok "which it says" says "dm: works"
ok "with what the kernel has" says "ok      drop_writes"
ok "nothing is left" nothing_is_left

# Killed somewhere, until it gets through; the next one cleans up.
stride=${KILL_STRIDE:-6}
step=$((${FLAKEY_TEST_SEED:-1} % stride + 1 - stride))
leaving=0
through=false
echo "# FLAKEY_TEST_SEED=${FLAKEY_TEST_SEED:-1} KILL_STRIDE=$stride"
while ! $through && [ $step -lt 300 ]; do
	step=$((step + stride))
	if LD_PRELOAD=$killer KILL_AT=$step $doctor >/dev/null 2>&1; then
		through=true
	fi
	nothing_is_left >left || leaving=$step
	$doctor >said
	all_is_gone >left || ok "killed at step $step, it leaves something" \
		sh -c 'cat left; false'
done
ok "a doctor got through after $step steps" $through
ok "some left a device behind, which the next one removed" \
	test $leaving -gt 0
LD_PRELOAD=$killer KILL_AT=$leaving $doctor >/dev/null 2>&1 || :
ok "here is one" fails nothing_is_left
mount_disk --size 16M new "$MNT"
ok "a mount removes it, too" \
	fails ls /dev/mapper/flakey-scratch-* 2>/dev/null
"$FLAKEY" umount "$MNT"
ok "nothing is left of both" all_is_gone

# One that lives is left alone, in whatever container.
truncate -s 64K own-disk
loop=$(losetup -f --show own-disk)
dmsetup create flakey-scratch-999999 -u FLAKEY-SCRATCH-999999 \
	--table "0 128 flakey $loop 0 1 0 0"
exec 4</dev/mapper/flakey-scratch-999999
$doctor >said
ok "another's that is in use stays" test -e /dev/mapper/flakey-scratch-999999
exec 4<&-
$doctor >said
ok "and goes with its user" all_is_gone
losetup -d "$loop"

# Where it cannot be. A command, and what both have to say.
cannot() {
	part=$1
	shift
	refused "$part" "$@" "$FLAKEY" mount --backend dm --size 16M new "$MNT"
	status=0
	"$@" "$FLAKEY" doctor --backend dm >said || status=$?
	is "doctor's status is 1" 1 $status
	ok "and it says the same" says "$part"
}

# own_dev COMMAND...: in a container whose /dev has but the usual.
cat >own-dev <<'END'
mount -t tmpfs tmpfs /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/fuse c 10 229
exec "$@"
END
# closed_dev COMMAND...: in one that may not open devices.
cat >closed-dev <<'END'
mount --bind /dev /dev
mount -o remount,bind,nodev /dev
exec "$@" 2>&1
END
cannot "the dm backend needs CAP_SYS_ADMIN" setpriv --bounding-set=-sys_admin
cannot "'/dev/mapper/control' may not be opened" unshare -m sh closed-dev
cannot "give it the host's /dev" unshare -m sh own-dev
ok "nothing is left in the end" all_is_gone
tap_done
