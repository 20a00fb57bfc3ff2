# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# If this fails, a mount that could not be made leaves a device, a loop, a mount
# or a file behind, or something was overwritten that should not have been.

# What can be refused by looking.
refused "use ext4, xfs or btrfs" mount_disk --fstype ntfs disk "$MNT"
refused "xfs needs 300 MiB" mount_disk --fstype xfs --size 100M disk "$MNT"
refused "a multiple of 4096" mount_disk --size 67108865 disk "$MNT"
refused "cannot name a device" mount_disk --name a/b disk "$MNT"
refused "does not exist" mount_disk --size 64M disk "$WORK/nowhere"
refused "not supported by the dm backend: --cache" \
	mount_disk --size 64M --cache back disk "$MNT"
refused "'nonsense' is not one of ext4" \
	mount_disk --size 64M -o nonsense disk "$MNT"
ok "no image was made" test ! -e disk

# What holds something is not formatted.
truncate -s 64M holding
echo data | dd of=holding conv=notrunc status=none bs=1 seek=9999
refused "data of an unknown kind" mount_disk holding "$MNT"
mkfs.ext4 -q -F holding
refused "holds ext4 and not btrfs" mount_disk --fstype btrfs holding "$MNT"
refused "is not resized" mount_disk --size 128M holding "$MNT"
refused "leave out --mkfs-options" \
	mount_disk --mkfs-options "-m 1" holding "$MNT"
cp holding own-image
loop=$(losetup -f --show own-image)
refused "is in use as $loop" mount_disk --format own-image "$MNT"
mkdir own-mnt
mount "$loop" own-mnt
refused "is in use" mount_disk --format "$loop" "$MNT"
umount own-mnt
mount_disk "$loop" "$MNT"
ok "a device that is free is taken as it is" test -d "$MNT/lost+found"
"$FLAKEY" umount "$MNT"
losetup -d "$loop"
ok "and left" all_is_gone
ok "content is as it was" cmp holding own-image -n 1024
mount_disk --format --fstype btrfs --size 64M holding "$MNT" 2>said || :
ok "btrfs does not fit there" grep -q 'btrfs needs' said
mount_disk --format holding "$MNT"
echo kept >"$MNT/file"
"$FLAKEY" umount "$MNT"
ok "--format makes it anew" all_is_gone
mount_disk holding "$MNT"
is "which then holds a file system" kept "$(cat "$MNT/file")"
refused_again() {
	! mount_disk --size 64M other "$MNT" 2>said &&
		grep -q 'is a flakey mount already' said
}
ok "a mountpoint is taken once" refused_again
"$FLAKEY" umount "$MNT"
ok "that is gone, too" all_is_gone

# Each step in turn.
mv /dev/loop-control "$WORK/loop-control"
refused "modprobe loop" mount_disk --size 64M disk "$MNT"
mv "$WORK/loop-control" /dev/loop-control
dmsetup create own-device --notable
refused "a device 'own-device' exists already" \
	mount_disk --size 64M --name own-device disk "$MNT"
ok "the other's device is still there" dmsetup info own-device
dmsetup remove own-device
refused "there is no mkfs.ext4: install e2fsprogs" \
	env PATH=/nowhere "$FLAKEY" mount --backend dm --size 64M disk "$MNT"
refused "mkfs.ext4 failed" \
	mount_disk --size 64M --mkfs-options "-O nonsense" disk "$MNT"
mkdir own-full
mount -t tmpfs -o size=1m tmpfs own-full
refused "mkfs.ext4 failed" mount_disk --size 512M own-full/disk "$MNT"
ok "no image is left on the full disk" test ! -e own-full/disk
umount own-full
refused "cannot mount" \
	mount_disk --size 64M -o sb=5 disk "$MNT"
mv /dev/fuse "$WORK/fuse"
refused "modprobe fuse" mount_disk --size 64M disk "$MNT"
mv "$WORK/fuse" /dev/fuse
ok "no image was made by any of them" test ! -e disk
# Where holes can be told from data.
mkdir own-holes
mount -t tmpfs tmpfs own-holes
blank=own-holes/blank
truncate -s 64M $blank
refused "mkfs.ext4 failed" mount_disk --mkfs-options "-O nonsense" $blank "$MNT"
mount_disk $blank "$MNT"
ok "what was blank is blank after a failure" test -d "$MNT/lost+found"
"$FLAKEY" umount "$MNT"
ok "which leaves it free" until_true 10 umount own-holes
ok "nothing is left in the end" all_is_gone
refused "no flakey mount" "$FLAKEY" umount "$MNT"
tap_done
