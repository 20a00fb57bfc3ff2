#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, `flakey run` does not lose what a crash loses, or loses what a
# crash keeps, or its status lies about the check.
set -eu
# shellcheck source=cli.sh
. "$CLI_SH"
# The $ in quotes are those of the shells inside.
# shellcheck disable=SC2016

f=$FLAKEY
touch_two='cd "$FLAKEY_DIR"; echo x >kept; sync kept; echo y >lost'
found='ls "$FLAKEY_DIR"; exit 3'

gives 3 "kept" "$f" run --crash-after 1s --check "$found" -- \
	sh -c "$touch_two; sleep 1000"
ok "what was synced survived" grep -qx kept out
ok "what was not did not" fails grep -qx lost out
is "one line tells of the crash" 1 "$(grep -c '^flakey: crashed: ' err)"
gives 3 "kept" "$f" run --check "$found" -- sh -c "$touch_two"
ok "without a time, power fails at the end" fails grep -qx lost out
gives 3 "kept" "$f" run --crash-after 1h --check "$found" -- sh -c "$touch_two"
ok "or when the command ends early" fails grep -qx lost out
gives 5 "" "$f" run --check "echo checked" -- sh -c "exit 5"
ok "a failed command is not checked" fails grep -q checked out
ok "nor does power fail" fails grep -q crashed err
gives 137 "crashed: " "$f" run --crash-after 0.2s -- sleep 1000
gives 0 "crashed: " "$f" run --crash-after 1h -- true
gives 0 '"lost_records":' "$f" run --json --check true -- \
	sh -c 'touch $FLAKEY_DIR/a'
gives 129 "" "$f" run --check 'kill -1 $$' -- true
# What the command started dies with it: nobody writes after the crash.
gives 0 "" "$f" run --crash-after 0.5s --check 'test ! -e "$FLAKEY_DIR/a"' -- \
	sh -c '(while :; do touch "$FLAKEY_DIR/a"; done) & sleep 1000'
mkdir store
gives 0 "" "$f" run --store store --check true -- \
	sh -c 'cd $FLAKEY_DIR; touch a; sync .; touch b'
is "the store is what survived" "a" "$(ls store)"
tap_done
