#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, there is a source that is not what it was after enable and
# disable, has another number of lines in between, loses a point, or does not
# compile.
set -eu
# shellcheck source=compilers.sh
. "$TOP/tests/translator/compilers.sh"
# Some pieces are what compilers warn of, points or not.
warnings="$warnings -Wno-comment -Wno-invalid-pp-token -Wno-unused-value"
warnings="$warnings -Wno-unknown-warning-option"
warnings_cpp="$warnings_cpp -Wno-comment -Wno-unused-value"

mkdir src
"$ASSEMBLE" src "${FLAKEY_TEST_SOURCES:-40}" 5 >made
grep '^#' made
points=$(tail -n 1 made)
echo "# $points points"
cp -r src before

lines() {
	wc -l src/* | sed 's|^ *||'
}

ok "there are points" [ "$points" -gt 100 ]
is "all of them are seen" "$points" "$("$FAILPOINT" list src | wc -l)"
lines_before=$(lines)
ok "enable" "$FAILPOINT" enable src
is "all of them are enabled" "$points" \
	"$("$FAILPOINT" list src | grep -c enabled)"
is "no line came or went" "$lines_before" "$(lines)"
compile_all "all compile" src
ok "disable" "$FAILPOINT" disable src
ok "all is as it was" diff -r before src
tap_done
