#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a power failure leaves other access lists than a real ext4, on
# which the table was recorded.
set -eu
TABLE=$1
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

: >"$WORK/probe"
setfacl -m u:1:r "$WORK/probe" 2>/dev/null ||
	tap_skip_all "no access lists on this file system"

# name mode list | name mode list ...
tree() {
	(
		cd "$1" || exit
		find . -mindepth 1 | LC_ALL=C sort | while read -r name; do
			echo "$name $(stat -c %A "$name")" \
				"$(getfacl -cEnps "$name" | paste -sd ' ')" |
				sed 's/ *$//'
		done
	) | paste -sd '|' | sed 's/|/ | /g'
}

umask 022
tab=$(printf '\t')
while IFS="$tab" read -r before done_then left; do
	case $before in '#'*) continue ;; esac
	mkdir "$MNT/w"
	(cd "$MNT/w" && eval "$before")
	verb sync
	(cd "$MNT/w" && eval "$done_then")
	verb crash
	is "$before, synced; $done_then" "$left" "$(tree "$MNT/w")"
	is "and the same in the store" "$left" "$(tree "$STORE/w")"
	rm -rf "$MNT/w"
done <"$TABLE"
tap_done
