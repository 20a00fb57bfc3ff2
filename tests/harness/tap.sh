# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Test points and mount verbs for the scripts that on-mount runs: source it by
# ". "$TAP_SH"". A script ends with `tap_done`.

tap_count=0
tap_failed=0

# ok NAME COMMAND...: one point, passed if the command succeeds. What the
# command prints is shown only when it fails.
ok() {
	tap_name=$1
	shift
	tap_count=$((tap_count + 1))
	if "$@" >"$WORK/tap.out" 2>&1 </dev/null; then
		echo "ok $tap_count - $tap_name"
	else
		echo "not ok $tap_count - $tap_name"
		echo "# failed: $*"
		sed 's/^/# /' "$WORK/tap.out"
		tap_failed=$((tap_failed + 1))
	fi
}

# is NAME EXPECTED GOT: one point, passed if the two are the same.
is() {
	tap_count=$((tap_count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $tap_count - $1"
	else
		echo "not ok $tap_count - $1"
		printf 'expected: %s\ngot:      %s\n' "$2" "$3" | sed 's/^/# /'
		tap_failed=$((tap_failed + 1))
	fi
}

# tap_include COMMAND...: the first points are those of a program.
tap_include() {
	"$@" >"$WORK/tap.out" || tap_failed=1
	sed '/^1\.\./d' "$WORK/tap.out"
	tap_count=$(grep -c '^\(not \)\?ok' "$WORK/tap.out" || true)
}

fails() {
	! "$@"
}

tap_done() {
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ] || exit 1
	exit 0
}

tap_skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# verb LINE...: one line to the control file; its error is the shell's.
verb() {
	printf '%s\n' "$*" >"$MNT/.flakey/control"
}

# A number of the status, by its JSON name.
status_number() {
	sed -n "s/.*\"$1\": *\\([0-9]*\\).*/\\1/p" "$MNT/.flakey/status" |
		head -n 1
}

is_mounted() {
	grep -qF " $MNT " /proc/self/mountinfo
}

mount_again() {
	# shellcheck disable=SC2086 # options are words
	"$FLAKEY" mount ${MOUNT_OPTIONS-} "$@" "$STORE" "$MNT" || return
	status_number pid >"$WORK/pid"
}

# until_true SECONDS COMMAND...: waits for an event, with a deadline.
until_true() {
	tap_deadline=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$tap_deadline" ] || return 1
	done
}

# The process is gone, or a zombie that nobody has waited for yet.
is_gone() {
	[ ! -e "/proc/$1/stat" ] ||
		grep -q '^[0-9]* (.*) [ZX]' "/proc/$1/stat" 2>/dev/null
}

# The disk loses power with its host: the daemon dies as it is.
kill_daemon() {
	tap_pid=$(cat "$WORK/pid")
	kill -9 "$tap_pid"
	until_true 10 is_gone "$tap_pid"
}

# ops OPS [DIR]: runs ops of the crash tables on the mount, prints failures.
ops() {
	"$CRASHLIT" run "${2-$MNT}" "$1" | sed 's/^ //'
}

# tree DIR: the tree in one line.
tree() {
	"$CRASHLIT" dump "$1" | sed 's/^ //'
}

# One skipped point, for the part that needed something missing.
tap_skip_rest() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - the rest # SKIP $1"
}
