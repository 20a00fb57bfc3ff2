#!/bin/sh
# SPDX-License-Identifier: MIT
#
# play_on_dm_flakey.sh PROGRAM ARG...: inside the guest, runs PROGRAM dm DIRECTORY
# ARG... on an ext4 over dm-flakey, which DISK_NAME and DISK_TABLE tell.
set -eu
export DM_DISABLE_UDEV=1
cd "$TMPDIR"
truncate -s 200M image
mkfs.ext4 -q -F -b 4096 -E lazy_itable_init=0,lazy_journal_init=0 image
device=$(losetup -f --show image)
DISK_NAME=flakey
DISK_TABLE="0 $(blockdev --getsz "$device") flakey $device 0"
export DISK_NAME DISK_TABLE
dmsetup create "$DISK_NAME" --table "$DISK_TABLE 1 0 0"
dmsetup mknodes
mkdir fs
mount -o commit=1000,noatime "/dev/mapper/$DISK_NAME" fs
program=$1
shift
"$program" dm "$TMPDIR/fs" "$@"
