#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a typing error changes something, or does not say what to do.
set -eu
# shellcheck source=cli.sh
. "$CLI_SH"

f=$FLAKEY
mkdir store mnt store/in mnt/in other sealed
touch file
long=$(printf '%05000d' 0)

refused 2 "a verb is missing" "$f"
refused 2 "did you mean 'mount'" "$f" mont store mnt
refused 2 "unknown verb 'melt'" "$f" melt
refused 2 "did you mean '--version'" "$f" --verison
refused 2 "unknown option '-x'" "$f" -x
refused 2 "needs SOURCE MOUNTPOINT" "$f" mount
refused 2 "needs SOURCE MOUNTPOINT" "$f" mount store
refused 2 "'x' is one operand too many" "$f" mount store mnt x
refused 2 "did you mean 'profile'" "$f" mount --profle ext4 store mnt
refused 2 "unknown option '-x'" "$f" mount -x store mnt
refused 2 "'--profile' needs a value" "$f" mount store mnt --profile
refused 2 "'-o' needs a value" "$f" mount store mnt -o
refused 2 "takes no value" "$f" mount --json=yes store mnt
refused 2 "no cache 'sideways'" "$f" mount --cache sideways store mnt
refused 2 "no backend 'vnd'" "$f" mount --backend vnd store mnt
refused 2 "no size" "$f" mount --scratch-limit lots store mnt
refused 2 "no size" "$f" mount --scratch-limit -1 store mnt
refused 2 "no size" "$f" mount --scratch-limit 99999999T store mnt
refused 2 "no name for the control directory" "$f" mount --control a/b store mnt
refused 2 "no name for the control directory" "$f" mount --control .. store mnt
refused 2 "did you mean 'profile'" "$f" mount -o profle=ext4 store mnt
refused 2 "unknown mount option 'melt'" "$f" mount -o rw,melt store mnt
refused 2 "'ro' is not possible" "$f" mount -o ro store mnt
refused 2 "'cache' needs a value" "$f" mount -o cache store mnt
refused 2 "'allow_other' takes no value" "$f" mount -o allow_other=1 store mnt
refused 1 "fat" "$f" mount --profile fat store mnt
refused 1 "the source 'nothing' does not exist" "$f" mount nothing mnt
refused 1 "the mountpoint 'nothing' does not exist" "$f" mount store nothing
refused 1 "the source '' does not exist" "$f" mount "" mnt
refused 1 "cannot be used: File name too long" "$f" mount "$long" mnt
refused 1 "is not a directory" "$f" mount file mnt
refused 1 "is not a directory" "$f" mount store file
refused 1 "is inside the source" "$f" mount store store/in
refused 1 "is inside the mountpoint" "$f" mount mnt/in mnt
refused 1 "both the source and the mountpoint" "$f" mount store store
refused 1 "both the source and the mountpoint" "$f" mount store mnt/../store
refused 1 "has another file system (proc)" "$f" mount store /proc
if [ "$(id -u)" -ne 0 ]; then
	chmod 500 sealed
	refused 1 "is not writable for you" "$f" mount sealed mnt
	refused 1 "is not writable for you" "$f" mount store sealed
	chmod 700 sealed
fi
refused 1 "scratch" "$f" mount --scratch "$WORK/nothing" store mnt
refused 1 "is on no flakey mount" "$f" crash store
refused 1 "is on no flakey mount" "$f" status /proc/self
refused 1 "'nothing'" "$f" sync nothing
refused 1 "is no flakey mount" "$f" umount store
refused 1 "'nothing'" "$f" umount nothing
refused 2 "run needs" "$f" run
refused 2 "multiple of 100 ms" "$f" run --crash-after 0.01s -- true
refused 2 "leave out --keep-store" "$f" run --keep-store --store store -- true
refused 1 "the source 'nothing' does not exist" "$f" run --store nothing -- true
is "nothing is mounted" 0 "$(mounts)"
is "nothing was left by run" "" "$(find . -name 'flakey-run*')"

ok "a good mount works" "$f" mount store mnt
touch mnt/unsynced
was=$(cat mnt/.flakey/mode; grep -o '"incarnation":[0-9]*' mnt/.flakey/status)
refused 1 "is a flakey mount of '$WORK/store' already" "$f" mount other mnt
refused 1 "" "$f" mount store other
refused 1 "cannot keep 'some'" "$f" crash --keep some mnt
refused 1 "flakey: a crash cannot keep '150%'" "$f" crash --keep 150% mnt
refused 1 "flakey: what is lost is not filled with 'no'" \
	"$f" snapshot --fill no mnt image
refused 2 "has a blank" "$f" crash --keep "all format=json" mnt
refused 2 "unknown mode 'melt'" "$f" mode mnt melt
refused 2 "did you mean 'drop-writes'" "$f" mode mnt drop-write
refused 2 "a mode is missing" "$f" mode mnt ""
refused 2 "unknown mode 'for=2s'" "$f" mode --for 2s mnt
refused 2 "multiple of 100 ms (see" "$f" drop-writes --for 0.05s mnt
refused 2 "UP,DOWN" "$f" drop-writes --cycle 1s mnt
refused 2 "did you mean 'error-reads'" "$f" error-read mnt
refused 2 "needs MOUNT NTH r|w VALUE" "$f" corrupt-bio-byte mnt 1 r
refused 2 "counted from 1" "$f" corrupt-bio-byte mnt 0 r 1
refused 2 "is no direction" "$f" corrupt-bio-byte mnt 1 rw 1
refused 2 "is no value of a byte" "$f" corrupt-bio-byte mnt 1 r 256
refused 2 "use the sum of REQ_ bits" "$f" corrupt-bio-byte mnt 1 r 1 meta
refused 1 "flags 32 tell bios" "$f" corrupt-bio-byte mnt 1 w 1 32
refused 2 "one operand too many" "$f" corrupt-bio-byte mnt 1 w 1 0 0
refused 2 "unknown option '--seed'" "$f" error-reads --seed 1 mnt
refused 2 "'5%' is not a chance" "$f" random-read-corrupt mnt 5%
refused 2 "is not a chance of 0 to 1000000000" \
	"$f" random-write-corrupt mnt 1000000001
refused 2 "seed '0'" "$f" random-write-corrupt --seed 0 mnt 1
refused 2 "leave out seed=" "$f" mode --seed 1 mnt drop-writes
refused 2 "unknown option '--for'" "$f" allow-writes --for 1s mnt
refused 1 "no control directory 'wrong'" "$f" sync --control wrong mnt
refused 1 "is no mountpoint" "$f" umount mnt/unsynced
is "nothing changed" "$was" \
	"$(cat mnt/.flakey/mode; grep -o '"incarnation":[0-9]*' mnt/.flakey/status)"
is "nothing was stored" "in" "$(ls store)"
ok "it can be unmounted" "$f" umount mnt
is "nothing is mounted" 0 "$(mounts)"
tap_done
