#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, `flakey run` leaves a mount, a directory or a process behind.
set -eu
# shellcheck source=cli.sh
. "$CLI_SH"

# Nothing of a run is left: no mount, no directory, no process that it guarded.
clean() {
	[ "$(mounts)" -eq 0 ] && [ -z "$(find . -maxdepth 1 -name 'flakey-run*')" ]
}

alive() {
	[ -e "/proc/$1/stat" ] && ! is_gone "$1"
}

# begin SCRIPT: starts a run in the background and waits until it is inside.
begin() {
	rm -f inside
	# A shell's background commands ignore SIGINT, and what nohup runs SIGHUP:
	# we would respect it.
	env --default-signal=INT,TERM,HUP "$FLAKEY" run -- sh -c "$1" 2>/dev/null &
	run=$!
	until_true 20 test -s inside
}

# ends_with STATUS NAME: waits for that run.
ends_with() {
	status=0
	wait "$run" 2>/dev/null || status=$?
	is "$2" "$1" "$status"
	ok "... and all is clean" until_true 20 clean
	ok "... and the command is gone" until_true 20 is_gone "$(cat inside)"
}

# shellcheck disable=SC2016 # it is the inner shell's
stay='echo $$ >inside; exec 9>$FLAKEY_DIR/held; sleep 1000 & wait'

# shellcheck disable=SC2016
gives 0 "" "$FLAKEY" run -- sh -c 'echo x >$FLAKEY_DIR/a; cat $FLAKEY_DIR/a'
ok "all is clean" clean
gives 7 "" "$FLAKEY" run -- sh -c 'exit 7'
gives 137 "" "$FLAKEY" run -- sh -c 'kill -9 $$'
gives 127 "cannot run 'nothing'" "$FLAKEY" run -- nothing
gives 126 "cannot run '$WORK'" "$FLAKEY" run -- "$WORK"
refused 1 "fat" "$FLAKEY" run --profile fat -- true
ok "all is clean" clean
# shellcheck disable=SC2016
gives 0 "" "$FLAKEY" run -- sh -c \
	'mkdir -p $FLAKEY_DIR/a/b; touch $FLAKEY_DIR/a/b/c; chmod 0 $FLAKEY_DIR/a/b $FLAKEY_DIR/a'
ok "closed directories are removed" clean

for signal in TERM INT HUP; do
	begin "$stay"
	kill -"$signal" "$run"
	case $signal in
	TERM) ends_with 143 "SIGTERM" ;;
	INT) ends_with 130 "SIGINT" ;;
	HUP) ends_with 129 "SIGHUP" ;;
	esac
done
begin "$stay"
kill -9 "$run"
ends_with 137 "SIGKILL"
begin "$stay"
kill -9 "$(cat inside)"
ends_with 137 "SIGKILL of the command"

# A process that left the group keeps files open; the mount goes all the same.
# shellcheck disable=SC2016
begin 'setsid sh -c "echo \$\$ >escaped; exec 9>\$FLAKEY_DIR/held; echo x >inside; sleep 1000" & while ! [ -s inside ]; do :; done; exit 5'
status=0
wait "$run" || status=$?
is "the status of a command that left somebody" 5 "$status"
ok "all is clean" until_true 20 clean
ok "who left the group lives" alive "$(cat escaped)"
kill -9 "-$(cat escaped)"

mkdir store
# shellcheck disable=SC2016
gives 0 "" "$FLAKEY" run --store store -- sh -c 'echo x >$FLAKEY_DIR/a'
is "a store of ours is kept, with all in it" "x" "$(cat store/a)"
# shellcheck disable=SC2016
gives 0 "the store is '$WORK/flakey-run" "$FLAKEY" run --keep-store -- \
	sh -c 'echo x >$FLAKEY_DIR/a'
is "a private store is kept when asked" "x" "$(cat flakey-run*/store/a)"
rm -rf flakey-run*
tap_done
