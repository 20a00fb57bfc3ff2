#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, who has no root, no module or no container with rights is not told
# what to do about it.
set -eu
# shellcheck source=cli.sh
. "$CLI_SH"

f=$FLAKEY
mkdir mnt

gives 0 "fuse: works" "$f" doctor
gives 0 "/dev/fuse" "$f" doctor --backend fuse
gives 0 '"backend":"fuse"' "$f" doctor --json
refused 2 "no backend 'vnd'" "$f" doctor --backend vnd
gives 0 "make the sparse file $WORK/disk, 67108864 bytes" \
	"$f" mount --backend dm --dry-run --size 64M disk mnt
ok "which makes nothing" test ! -e disk
gives 0 "run mkfs.xfs" env FLAKEY_BACKEND=dm \
	"$f" mount --dry-run --profile xfs disk mnt
refused 1 "xfs needs 300 MiB" \
	"$f" mount --backend dm --dry-run --fstype xfs --size 64M disk mnt
refused 2 "no kernel's file system behaves as the profile posix" \
	"$f" mount --backend dm --profile posix disk mnt
refused 2 "not supported by the dm backend: --cache" \
	"$f" mount --backend dm --cache back disk mnt
if [ "$(id -u)" -ne 0 ]; then
	refused 1 "the dm backend needs root" "$f" mount --backend dm disk mnt
	refused 1 "the dm backend needs root" \
		env FLAKEY_BACKEND=dm "$f" mount disk mnt
elif ! grep -q ' device-mapper$' /proc/misc; then
	refused 1 "--backend fuse" "$f" mount --backend dm disk mnt
	gives 1 "dm: does not work here" "$f" doctor --backend dm
fi
ok "nothing was made" test ! -e disk
tap_done
