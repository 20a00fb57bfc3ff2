#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demo_tells_the_truth.sh STORY FLAKEY LEDGER
#
# If this fails, the first thing that a newcomer runs does not show what it says,
# takes long, or leaves something behind.
set -eu
if ! [ -r /dev/fuse ] || ! [ -w /dev/fuse ]; then
	echo "1..0 # SKIP /dev/fuse is missing or closed"
	exit 0
fi
work=$(mktemp -d "${TMPDIR:-/var/tmp}/flakey-test.XXXXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' INT TERM HUP
count=0
failed=0

# point NAME COMMAND...
point() {
	name=$1
	shift
	count=$((count + 1))
	if "$@"; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		failed=1
	fi
}

mkdir "$work/tmp"
chmod 755 "$work"
chmod 1777 "$work/tmp"
start=$(date +%s)
status=0
TMPDIR=$work/tmp "$1" "$2" "$3" >"$work/text" 2>&1 || status=$?
took=$(($(date +%s) - start))
sed 's/^/# /' "$work/text"

point "it ends well" test "$status" -eq 0
point "in 20 seconds, took $took" test "$took" -lt 20
point "acknowledged payments are printed" \
	grep -q 'safe: 1 2 3 4 5 6 7 8$' "$work/text"
point "WAL keeps all" grep -q '^ *8 rows' "$work/text"
point "DELETE loses the last" grep -q '^ *7 rows' "$work/text"
point "the directory entry at risk is named" \
	grep -q 'bank.db-journal' "$work/text"
point "OFF loses many, or the file" \
	grep -qE '[2-8] of 8 acknowledged payments are lost|is corrupt' "$work/text"
point "no colour in a file" sh -c "! grep -q '\\033' $work/text"
point "nothing is left behind" test -z "$(ls -A "$work/tmp")"
point "nothing is left mounted" \
	sh -c "! grep -q $work /proc/self/mountinfo"
echo "1..$count"
exit "$failed"
