#!/bin/sh
# SPDX-License-Identifier: MIT
#
# environment_arms_before_main.sh SUBJECT TRACER: if this fails, a program cannot be
# made to fail from outside, fails unasked, or dies of a mistake in a variable.
set -eu

subject=$(realpath "$1")
tracer=$(realpath "$2")
WORK=$(mktemp -d "${TMPDIR:-/var/tmp}/flakey-environment.XXXXXXXX")
trap 'rm -rf "$WORK"' EXIT
trap 'exit 1' INT TERM HUP
cd "$WORK"
# shellcheck source=tests/harness/tap.sh
. "$TAP_SH"
unset GOFAIL_FAILPOINTS GOFAIL_SEED GOFAIL_HTTP

# run POINTS [COUNT]: what the subject prints with these is in the files out and
# err, how it ends in $status.
run()
{
	status=0
	GOFAIL_FAILPOINTS=$1 "$subject" "${2-1}" >out 2>err || status=$?
}

last()
{
	tail -n 1 out
}

run ''
is 'nothing is armed by an empty variable' '0 -1 -' "$(last)"
is 'and nothing is said' '' "$(cat err)"

run 'subject/void=return; subject/int = return(5);subject/string=return("a;b=c")'
is 'all are armed' '1 5 a;b=c' "$(last)"
is 'and nothing is said' '' "$(cat err)"

run 'subject/void=1*off->return;subject/none=return(1)' 2
is 'names without a site are pending' 'subject/none=return(1) (pending)' \
	"$(grep pending out)"
is 'the others are armed' '1 -1 -' "$(last)"
is 'and nothing is said' '' "$(cat err)"

run 'subject/void;=1;subject/int=return(7);subject/string=foo(;a=
b=c'
is 'what is good counts' '0 7 -' "$(last)"
is 'each mistake has a line' 4 "$(wc -l <err)"
is 'all of them in the same form' 4 \
	"$(grep -c "^failpoint: GOFAIL_FAILPOINTS: '.*' is left out: offset" err)"
is 'the program goes on' 0 "$status"

long=$(head -c 60000 /dev/zero | tr '\0' x)
run "$long=return;subject/int=return(7);subject/void=return($long)"
is 'long mistakes do no harm' '0 7 -' "$(last)"
is 'and have a line each' 2 "$(wc -l <err)"

GOFAIL_SEED=7 run 'subject/int=50%return(1)' 64
cp out first
is 'the seed is printed' \
	'failpoint: tosses have the seed 7; GOFAIL_SEED=7 repeats them' \
	"$(cat err)"
GOFAIL_SEED=7 run 'subject/int=50%return(1);subject/void=30%off' 64
is 'the same seed has the same tosses' "$(grep ^0 first)" "$(grep ^0 out)"
GOFAIL_SEED=8 run 'subject/int=50%return(1)' 64
ok 'another has not' fails cmp -s first out
run 'subject/int=50%return(1)' 64
seed=$(sed -n 's/.*GOFAIL_SEED=\([0-9]*\) .*/\1/p' err)
cp out first
GOFAIL_SEED=$seed run 'subject/int=50%return(1)' 64
ok 'a random seed can be repeated' cmp first out
GOFAIL_SEED=010 run 'subject/int=50%return(1)'
is 'a zero in front means nothing' 1 "$(grep -c 'have the seed 10;' err)"
GOFAIL_SEED=0x10 run 'subject/int=50%return(1)'
is '0x means sixteen' 1 "$(grep -c 'have the seed 16;' err)"
GOFAIL_SEED=x run 'subject/int=50%return(1)'
is 'a seed that is none has a line' 1 "$(grep -c 'GOFAIL_SEED is "x"' err)"
is 'and a random one is taken' 1 "$(grep -c 'have the seed [0-9]' err)"

run 'subject/void=1*off->panic' 3
is 'panic aborts' 134 "$status"
is 'and names the point' 'failpoint panic: subject/void' \
	"$(grep ^failpoint err)"
is 'when it is hit' '0 -1 -' "$(last)"
run 'subject/void=panic("all is lost")'
is 'or says what it is told to' 'failpoint panic: all is lost' \
	"$(grep ^failpoint err)"
run 'subject/void=exit(3)'
is 'exit exits' 3 "$status"
run 'subject/void=exit'
is 'with 1 if nothing is said' 1 "$status"
run 'subject/void=kill'
is 'kill kills' 137 "$status"

# Both go on after it: a debugger by itself, and with a tracer that is none.
export GOFAIL_FAILPOINTS='subject/void=2*break'
if "$tracer" swallow "$subject" 0 | grep -q cannot; then
	tap_skip_rest 'no ptrace'
else
	is 'break stops in a debugger' '2 stops, status 0' \
		"$("$tracer" swallow "$subject" 3 | tail -n 1)"
	is 'and kills nobody in another tracer' '2 stops, status 0' \
		"$("$tracer" pass "$subject" 3 | tail -n 1)"
fi
unset GOFAIL_FAILPOINTS

# Where the bit means nothing, there is nothing to see.
if [ "$(id -u)" = 0 ] && ! findmnt -no OPTIONS -T "$WORK" | grep -q nosuid &&
	grep -q 'NoNewPrivs:.*0' /proc/self/status; then
	chmod 755 "$WORK"
	cp "$subject" privileged
	chmod 4755 privileged
	GOFAIL_FAILPOINTS='subject/void=return' setpriv --reuid=65534 \
		--regid=65534 --clear-groups ./privileged 1 >out
	is 'a set-user-ID program is left alone' '0 -1 -' "$(last)"
	chmod 755 privileged
	GOFAIL_FAILPOINTS='subject/void=return' setpriv --reuid=65534 \
		--regid=65534 --clear-groups ./privileged 1 >out
	is 'the same without the bit is not' '1 -1 -' "$(last)"
else
	tap_skip_rest 'no set-user-ID programs'
fi

tap_done
