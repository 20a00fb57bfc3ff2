#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, an outage of a given length or rhythm is not what it says.
set -eu
CRASHLIT=$1
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

milliseconds() {
	echo $(($(date +%s%N) / 1000000))
}

# Makes durable files one after the other until COMMAND is true; a line of 1
# (it arrived) and 0 (it did not) grows in $arrived.
arrived=
probe() {
	probe_deadline=$(($(date +%s) + 20))
	until "$@"; do
		[ "$(date +%s)" -lt "$probe_deadline" ] || return 1
		name=p${#arrived}
		ops "w $name 0 1 x;f $name" >"$WORK/probe"
		if [ -e "$STORE/$name" ]; then
			arrived=${arrived}1
		else
			arrived=${arrived}0
		fi
	done
}

came_back() {
	case $arrived in *01) return 0 ;; *) return 1 ;; esac
}

went_twice() {
	case $arrived in *10*1*01*) return 0 ;; *) return 1 ;; esac
}

start=$(milliseconds)
verb drop-writes for=500ms
probe came_back || true
took=$(($(milliseconds) - start))
ok "drop-writes for=500ms comes to its end" came_back
ok "not before its time ($took ms)" test "$took" -ge 490
ok "not long after ($took ms)" test "$took" -lt 2500
case $arrived in
1*) first=arrived ;;
*) first=dropped ;;
esac
is "it begins at once" dropped "$first"
ok "the mode file says that writes are allowed" \
	grep -q '^allow-writes' "$MNT/.flakey/mode"

verb crash
rm -f "$MNT"/p*
verb sync
arrived=
verb drop-writes cycle=300ms,300ms
probe went_twice || true
ok "a cycle goes down and up again, and again" went_twice
case $arrived in
1*) first=up ;;
*) first=down ;;
esac
is "a cycle begins with its up time" up "$first"
verb allow-writes
verb error-writes for=300ms
is "errors begin at once" "[f e: Input/output error]" "$(ops 'w e 0 1 x;f e')"
no_error() {
	[ -z "$(ops 'w g 0 1 x;f g')" ]
}
verb crash
ok "and end by themselves" until_true 20 no_error
tap_done
