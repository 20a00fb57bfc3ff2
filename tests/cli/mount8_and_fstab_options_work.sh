#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, mount(8) and fstab(5) cannot make a flakey mount.
set -eu
# shellcheck source=cli.sh
. "$CLI_SH"

command -v mount.fuse3 >/dev/null || tap_skip_all "no mount.fuse3"
# mount(8) looks for programs in the usual places only: be there, but only in a
# mount namespace of our own.
if [ -z "${IN_NAMESPACE-}" ]; then
	unshare -m true || tap_skip_all "no mount namespaces"
	IN_NAMESPACE=1 exec unshare -m sh "$0"
fi
mount -t tmpfs none /usr/local/sbin
cp "$FLAKEY" /usr/local/sbin/
mkdir store mnt

ok "mount -t fuse.flakey" mount -t fuse.flakey "$WORK/store" "$WORK/mnt"
is "the type is ours" fuse.flakey "$(findmnt -no FSTYPE "$WORK/mnt")"
is "the source, too" "$WORK/store" "$(findmnt -no SOURCE "$WORK/mnt")"
gives 0 '"profile":"ext4"' cat mnt/.flakey/status
pid=$(server mnt)
touch mnt/a
ok "umount(8)" umount mnt
ok "the server ends" until_true 10 is_gone "$pid"
is "having committed everything" "a" "$(ls store)"
ok "with options of fstab" mount -t fuse.flakey -o \
	profile=ext4,cache=back,allow_other,scratch_limit=64M,noatime,nofail,x-a=b \
	"$WORK/store" "$WORK/mnt"
gives 0 '"scratch_limit_bytes":67108864' cat mnt/.flakey/status
ok "flakey umount" "$FLAKEY" umount mnt
ok "an unknown option is refused" fails \
	mount -t fuse.flakey -o profle=ext4 "$WORK/store" "$WORK/mnt"
echo "$WORK/store $WORK/mnt fuse.flakey noauto,profile=ext4 0 0" >fstab
ok "a line of fstab" mount --fstab "$WORK/fstab" "$WORK/mnt"
ok "flakey umount" "$FLAKEY" umount mnt
ok "by hand as mount.fuse3 calls it" flakey "$WORK/store" "$WORK/mnt" \
	-o rw,dev,suid
ok "flakey umount" "$FLAKEY" umount mnt
ln -s flakey bin/mount.fuse.flakey
ok "as the helper of mount(8)" bin/mount.fuse.flakey "$WORK/store" "$WORK/mnt" \
	-sn -o rw,noatime -t fuse.flakey
is "it is mounted" 1 "$(mounts)"
ok "flakey umount" "$FLAKEY" umount mnt
ok "a rehearsal does nothing" bin/mount.fuse.flakey "$WORK/store" "$WORK/mnt" -f
is "nothing is mounted" 0 "$(mounts)"
tap_done
