#!/bin/sh
# SPDX-License-Identifier: MIT
#
# guest_is_a_machine_of_its_own.sh RUN XSTATE: if this fails, a test that asks real
# file systems in a guest gets no answer, a wrong one, or leaves something behind.
set -eu
run=$(realpath "$1")
xstate=$(realpath "$2")
WORK=$(mktemp -d "${TMPDIR:-/tmp}/flakey-test.XXXXXXXX")
export WORK
trap 'rm -rf "$WORK"' EXIT
trap 'exit 1' INT TERM HUP
# shellcheck source=tests/harness/tap.sh
. "$(dirname "$0")/../harness/tap.sh"
# So that what is left behind can be told from the guests of others.
TMPDIR=$WORK/tmp
export TMPDIR
mkdir "$TMPDIR" "$WORK/shared" "$WORK/closed"

if ! command -v "${FLAKEY_GUEST_KERNEL:-linux.uml}" >/dev/null; then
	tap_skip_all "no user-mode-linux"
fi

# guest EXPECTED-STATUS [OPTION...] -- COMMAND...
guest() {
	wanted=$1
	shift
	status=0
	"$run" "$@" >"$WORK/stdout" 2>"$WORK/stderr" || status=$?
	[ "$status" -eq "$wanted" ] && return
	echo "status $status, stderr:"
	cat "$WORK/stderr"
	return 1
}

no_process_is_left() {
	! grep -lqaF "uml_dir=$TMPDIR" /proc/[0-9]*/cmdline 2>/dev/null
}

nothing_is_left() {
	no_process_is_left && [ -z "$(ls "$TMPDIR")" ]
}

# What happens in one guest, which costs as much as another one's start.
cat >"$WORK/inside" <<'END'
echo "args:$1:$2:"
echo "complaint" >&2
id -u
pwd
grep -c 'dm-mod\|dm_mod' /proc/modules
grep -c device-mapper /proc/misc
head -c 1 /dev/fuse 2>&1 | grep -c 'not permitted'
touch "$3/no" 2>/dev/null || echo "closed"
echo result >"$4/result"
truncate -s 20M "$TMPDIR/disk"
mke2fs -q "$TMPDIR/disk"
loop=$(losetup -f --show "$TMPDIR/disk")
dmsetup create d --table "0 40960 flakey $loop 0 0 1 1 drop_writes"
# Some kernels end it with a blank.
dmsetup table d | sed 's/[0-9]*:[0-9]*/DISK/; s/ *$//'
echo '<3>told by the kernel' >/dev/kmsg
exit 3
END
cat >"$WORK/expected" <<END
args:a  b:c'
d:
0
$WORK
1
1
1
closed
0 40960 flakey DISK 0 0 1 1 drop_writes
END

cd "$WORK"
ok "the command's status comes back" \
	guest 3 --share "$WORK/shared" -- sh "$WORK/inside" 'a  b' "c'
d" "$WORK/closed" "$WORK/shared"
is "its words arrive, and there are dm-flakey, loop and fuse" \
	"$(cat "$WORK/expected")" "$(cat "$WORK/stdout")"
ok "standard error is apart" grep -qx complaint "$WORK/stderr"
ok "what the kernel said follows on failure" \
	grep -q 'told by the kernel' "$WORK/stderr"
is "results are in the shared directory" result "$(cat "$WORK/shared/result")"
ok "nothing else was written to" test ! -e "$WORK/closed/no"
ok "nothing is left behind" nothing_is_left

ok "a guest that takes too long is ended" \
	guest 125 --limit 2 -- sh -c 'sleep 100 & while :; do :; done'
ok "and that is said" grep -q 'ended after 2 seconds' "$WORK/stderr"
ok "nothing is left of it" nothing_is_left

ok "a kernel that dies is an error" \
	guest 125 -- sh -c 'echo c >/proc/sysrq-trigger; sleep 100'
ok "and its last words are told" grep -q 'Kernel panic' "$WORK/stderr"
ok "nothing is left of that" nothing_is_left

# Started by a shell that waits for it, so that the process is this one's child.
"$run" --share "$WORK/shared" -- \
	sh -c "echo up >'$WORK/shared/up'; while :; do :; done" >/dev/null 2>&1 &
runner=$!
ok "a guest is up" until_true 60 test -s "$WORK/shared/up"
kill -TERM "$runner"
wait "$runner" || :
ok "it ends with its runner" until_true 20 nothing_is_left

rm "$WORK/shared/up"
"$run" --share "$WORK/shared" -- \
	sh -c "echo up >'$WORK/shared/up'; while :; do :; done" >/dev/null 2>&1 &
runner=$!
ok "another guest is up" until_true 60 test -s "$WORK/shared/up"
kill -KILL "$runner"
wait "$runner" 2>/dev/null || :
ok "it ends though its runner was killed" until_true 20 no_process_is_left

for wrong in '' '-- ' '--limit x -- true' '--share /dev -- true' '--nonsense'; do
	# shellcheck disable=SC2086 # words
	ok "usage: '$wrong' is refused" guest 2 $wrong
done
ok "a module that does not exist is refused" \
	guest 125 --module no-such-module -- true
ok "and named" grep -q "no module 'no-such-module'" "$WORK/stderr"

shim=${FLAKEY_GUEST_BUILT:?}/xstate_shim.so
is "a short area of registers is completed" kept \
	"$(LD_PRELOAD=$shim "$xstate")"
if [ "$("$xstate")" != refused ]; then
	echo "# this kernel takes short areas by itself"
fi
tap_done
