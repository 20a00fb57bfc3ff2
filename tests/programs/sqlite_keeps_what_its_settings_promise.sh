#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, SQLite on the mount loses more or less in a power failure than
# on a real ext4, where each of these numbers was measured: of four acknowledged
# commits, the first of them synced by hand, so many are found afterwards.
set -eu
LEDGER=$2
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

mkfifo "$WORK/in" "$WORK/out"

# Four acknowledged payments, and the power fails; prints what is found.
rows_after_crash() {
	database=$MNT/$1-$2.db
	"$LEDGER" write "$database" "$1" "$2" <"$WORK/in" >"$WORK/out" \
		2>"$WORK/errors" &
	writer=$!
	exec 4>"$WORK/in" 5<"$WORK/out"
	read -r answer <&5
	for number in 1 2 3 4; do
		echo pay >&4
		read -r answer <&5 || break
		[ "$number" -ne 1 ] || verb sync
	done
	verb crash
	kill -9 "$writer"
	wait "$writer" 2>/dev/null || true
	exec 4>&- 5<&-
	[ "$answer" = 4 ] || cat "$WORK/errors"
	"$LEDGER" check "$database" 2>&1 || true
}

is "DELETE, FULL, its defaults: the last one is gone" "3 rows" \
	"$(rows_after_crash DELETE FULL)"
is "DELETE, EXTRA: all are there" "4 rows" "$(rows_after_crash DELETE EXTRA)"
is "TRUNCATE, FULL: all are there" "4 rows" \
	"$(rows_after_crash TRUNCATE FULL)"
is "PERSIST, FULL: all are there" "4 rows" "$(rows_after_crash PERSIST FULL)"
is "WAL, FULL: all are there" "4 rows" "$(rows_after_crash WAL FULL)"
is "WAL, NORMAL: only what was synced" "1 rows" \
	"$(rows_after_crash WAL NORMAL)"
is "DELETE, OFF: only what was synced" "1 rows" \
	"$(rows_after_crash DELETE OFF)"
tap_done
