#!/bin/sh
# SPDX-License-Identifier: MIT
#
# By hand, in a guest with a kernel of its own, a minute:
#
#	tests/guest/run --module dm-delay --limit 200 -- \
#		sh tests/programs/sed_on_a_late_disk.sh
#
# A real ext4 whose journal is on a quick disk, and whose data is written four
# seconds late. `sed -i`, a sync of the directory, and the power fails: what is on
# both disks at that moment is copied, and mounted. Prints what the file is then.
set -eu

cd "$TMPDIR"
truncate -s 100M data
truncate -s 16M journal
disk=$(losetup -f --show data)
quick=$(losetup -f --show journal)
mke2fs -q -O journal_dev -b 4096 "$quick"
mkfs.ext4 -q -b 4096 -J device="$quick" "$disk"
echo "0 $(blockdev --getsz "$disk") delay $disk 0 0 $disk 0 4000" |
	dmsetup create late
mkdir mnt after
mount -o journal_path="$quick" /dev/mapper/late mnt
{
	echo version=1
	yes other=setting | head -n 400
} >mnt/settings
# Everything is stored, and nothing is under way.
sync
sleep 9
sed -i s/version=1/version=2/ mnt/settings
sync mnt
cp data data.after
cp journal journal.after
disk=$(losetup -f --show data.after)
quick=$(losetup -f --show journal.after)
mount -o journal_path="$quick" "$disk" after
uname -sr
echo "$(stat -c %s after/settings) bytes:"
od -c after/settings | head -n 4
umount after
umount mnt
