# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the scripts of the dm backend share.

mount_disk() {
	"$FLAKEY" mount --backend dm "$@"
}

# Everything that a mount makes, looked at from the outside. Names of devices
# that a test made itself begin with "own-".
what_is_left() {
	for place in /dev/mapper/* /run/flakey/* "$WORK"/*.flakey-unfinished; do
		case $place in
		*/control | *'/*' | */'*.flakey-unfinished' | */own-*) ;;
		*) echo "$place" ;;
		esac
	done
	for place in /sys/block/loop*/loop/backing_file; do
		[ -r "$place" ] || continue
		read -r file <"$place" || continue # it has just gone
		case $file in
		"$WORK"/own-*) ;;
		"$WORK"/*) echo "$place: $file" ;;
		esac
	done
	while read -r mount; do
		case $mount in
		*" $MNT"[\ /]* | *' /run/flakey/'*) echo "$mount" ;;
		esac
	done </proc/self/mountinfo
}

nothing_is_left() {
	left=$(what_is_left)
	[ -z "$left" ] || {
		echo "$left"
		return 1
	}
}

# A server ends a little after its mount.
all_is_gone() {
	until_true 10 nothing_is_left
}

# refused PART COMMAND...: it fails with one sentence that has PART, and leaves
# nothing behind.
refused() {
	part=$1
	shift
	status=0
	"$@" >"$WORK/said" 2>&1 || status=$?
	if [ "$status" -ne 0 ] && [ "$(wc -l <"$WORK/said")" = 1 ] &&
		grep -qF -- "$part" "$WORK/said"; then
		good=true
	else
		good=false
	fi
	if ! ok "refused: $part" $good; then :; fi
	$good || sed "s/^/# $status: /" "$WORK/said"
	ok "and nothing is left" nothing_is_left
}
