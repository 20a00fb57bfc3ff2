# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the scripts of this folder share, on top of tap.sh.

# shellcheck source=../harness/tap.sh
. "$TAP_SH"

# gives STATUS PART COMMAND...: one point, passed if the command ends with
# STATUS and PART is in what it prints.
gives() {
	cli_wanted=$1
	cli_part=$2
	shift 2
	tap_count=$((tap_count + 1))
	cli_status=0
	timeout 60 "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || cli_status=$?
	cli_result="not ok"
	if [ "$cli_status" -eq "$cli_wanted" ] && cli_has_part; then
		cli_result=ok
	fi
	printf '%s %d - %d, %s: %s\n' "$cli_result" "$tap_count" \
		"$cli_wanted" "$(cli_name "'$cli_part'")" "$(cli_name "$@")"
	[ "$cli_result" = ok ] || cli_failed
}

cli_has_part() {
	[ -z "$cli_part" ] || cat "$WORK/out" "$WORK/err" | grep -qF -- "$cli_part"
}

cli_failed() {
	echo "# status $cli_status"
	sed 's/^/# /' "$WORK/out" "$WORK/err"
	tap_failed=$((tap_failed + 1))
}

# The command without the paths of this run, as the name of a point.
cli_name() {
	printf '%s' "$*" | tr '\n#' '??' | sed "s|$WORK/bin/||g; s|$WORK/||g" |
		cut -c 1-100
}

# refused STATUS PART COMMAND...: as `gives`, and what it prints is one line on
# stderr that begins with "flakey: ".
refused() {
	gives "$@"
	tap_count=$((tap_count + 1))
	if [ "$(wc -l <"$WORK/err")" -eq 1 ] && [ ! -s "$WORK/out" ] &&
		grep -q '^flakey\( failpoint\)\?: ' "$WORK/err"; then
		echo "ok $tap_count - in one sentence"
	else
		echo "not ok $tap_count - in one sentence"
		cli_failed
	fi
}

# How many mounts there are below $WORK.
mounts() {
	grep -cF " $WORK/" /proc/self/mountinfo || true
}

# The server of a mount.
server() {
	sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$1/.flakey/status"
}
