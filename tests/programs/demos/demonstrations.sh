#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demonstrations.sh BACKEND PROFILE BOLT IMAGE.PY, on a mount of the backend "fuse",
# or where the backend "dm" can make one: two accidents that have happened to real
# machines. If this fails, a lying disk, or a program that unpacks without a sync,
# does not do here what it did there.
set -eu
# shellcheck source=tests/harness/tap.sh
. "$TAP_SH"
backend=$1
profile=$2
bolt=$3
image_py=$4
FLAKEY_BACKEND=$backend
export FLAKEY_BACKEND
containerd=
bench=

# shellcheck disable=SC2317 # called by the trap
end_programs() {
	for process in $bench $containerd; do
		kill -9 "$process" 2>/dev/null || :
	done
}
trap end_programs EXIT
trap 'exit 1' INT TERM HUP

power_fails() {
	"$FLAKEY" crash --kill "$MNT"
}

# A bolt that inserts without end, and is well under way.
start_bench() {
	"$bolt" bench -work -path "$1" -count 1000000000 -batch-size 100 \
		>/dev/null 2>&1 &
	bench=$!
	until_true 60 is_larger_than 1000000 "$1"
}

is_larger_than() {
	[ "$(stat -c %s "$2" 2>/dev/null || echo 0)" -gt "$1" ]
}

# The database is written to again and again: a commit is some of it.
goes_on() {
	for _ in 1 2 3; do
		before=$(stat -c %y "$1")
		until_true 30 changed_since "$before" "$1" || return
	done
}

changed_since() {
	[ "$1" != "$(stat -c %y "$2")" ]
}

mode_is() {
	"$FLAKEY" status "$MNT" | grep -q "^mode_now  *$1\$"
}

stop_bench() {
	kill -9 "$bench"
	wait "$bench" || :
	bench=
}

# Silent if all is well. A check that dies of what it finds has found it, and one that
# finds a million faults ends with the first of them.
faults_of() {
	timeout 60 "$bolt" check "$1" 2>&1 | head -n 3 | sed '/^OK$/d'
}

bolt_meets_a_lying_disk() {
	start_bench "$MNT/true.db"
	ok "bolt is killed at work, and" stop_bench
	ok "the power fails" power_fails
	is "its database is whole on an honest disk" "" "$(faults_of "$MNT/true.db")"
	start_bench "$MNT/lied.db"
	ok "the disk has what there was" "$FLAKEY" sync "$MNT"
	ok "the disk lies for 3 seconds" "$FLAKEY" drop-writes --for 3s "$MNT"
	ok "it does" mode_is drop-writes
	ok "bolt goes on, and hears of nothing" goes_on "$MNT/lied.db"
	ok "it is honest again" until_true 30 mode_is allow-writes
	ok "bolt goes on" goes_on "$MNT/lied.db"
	ok "bolt is killed" stop_bench
	ok "the power fails again" power_fails
	faults=$(faults_of "$MNT/lied.db")
	ok "the check finds the corruption" test -n "$faults"
	echo "$faults" | sed 's/^/# /'
}

start_containerd() {
	cat >"$WORK/containerd.toml" <<-END
		version = 2
		root = "$MNT/containerd"
		state = "$WORK/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		  address = "$WORK/containerd.sock"
	END
	containerd -c "$WORK/containerd.toml" >"$WORK/containerd.log" 2>&1 &
	containerd=$!
	until_true 60 containerd_answers && return
	tail -n 5 "$WORK/containerd.log"
	return 1
}

# "ctr version" would not do: after the power failure the file with the daemon's own
# uuid is empty, too, and then it fails for ever.
containerd_answers() {
	ctr namespaces list >/dev/null 2>&1
}

ctr() {
	command ctr -a "$WORK/containerd.sock" "$@"
}

stop_containerd() {
	kill -9 "$containerd"
	wait "$containerd" || :
	containerd=
}

# Where the only snapshot has the binary, if it has.
binary() {
	find "$MNT/containerd/io.containerd.snapshotter.v1.native/" -name app
}

binary_size() {
	stat -c %s "$(binary)" 2>/dev/null || echo gone
}

binary_runs() {
	"$(binary)"
}

# No name, no bytes, or only zeros.
is_without_content() {
	[ "$(binary_size)" = gone ] || ! tr -d '\0' <"$(binary)" | grep -qa .
}

# containerd thinks that nothing is missing.
image_is_unpacked() {
	ctr images check --snapshotter native |
		grep -q '^example.org/app:1 .* complete .* true *$'
}

unpack() {
	ctr images import --snapshotter native "$WORK/image.tar"
}

image_is_unpacked_without_a_sync() {
	python3 -B "$image_py" "$WORK/image.tar" /bin/true
	want=$(stat -Lc %s /bin/true)
	ok "containerd starts" start_containerd
	ok "it unpacks an image" unpack
	is "the binary is there" "$want" "$(binary_size)"
	ok "and runs" binary_runs
	ok "the power fails" power_fails
	ok "containerd is dead" stop_containerd
	ok "containerd starts again" start_containerd
	ok "and has the image whole and unpacked" image_is_unpacked
	ok "the binary is empty, zeros or gone" is_without_content
	echo "# size of the binary: $(binary_size)"
	ok "containerd stops" stop_containerd
	rm -rf "$MNT/containerd"
	ok "once more" start_containerd
	ok "it unpacks the image" unpack
	ok "and somebody syncs" "$FLAKEY" sync "$MNT"
	ok "the power fails once more" power_fails
	ok "containerd is dead, too" stop_containerd
	is "the binary is there, still" "$want" "$(binary_size)"
	ok "and runs, still" binary_runs
}

# A real file system does not get over a disk that lied: each story has its own.
fresh_disk() {
	[ "$backend" = dm ] || return 0
	if is_mounted; then
		"$FLAKEY" umount --force "$MNT"
	fi
	mount_disk --fstype "$profile" --size 600M new "$MNT"
}

if [ -x "$bolt" ]; then
	fresh_disk
	bolt_meets_a_lying_disk
else
	tap_skip_rest "no gccgo, or no source of bolt"
fi
if command -v containerd >/dev/null; then
	fresh_disk
	image_is_unpacked_without_a_sync
else
	tap_skip_rest "no containerd"
fi
tap_done
