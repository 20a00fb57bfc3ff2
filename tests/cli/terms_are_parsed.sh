#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a user cannot find out what terms mean, or what is wrong in them.
set -eu
# shellcheck source=cli.sh
. "$CLI_SH"

parse() {
	"$FLAKEY" failpoint parse "$@"
}

# normal TERMS NORMAL-FORM
normal() {
	is "normal form of '$(printf '%s' "$1" | tr -c '[:print:]' '?')'" \
		"$2" "$(parse -- "$1")"
	is "which is its own" "$2" "$(parse -- "$2")"
}

# json TERMS EXPRESSION VALUE: python's view of the answer.
json() {
	is "$2" "$3" "$(parse --json "$1" |
		python3 -c "import json, sys; a = json.load(sys.stdin); print($2)")"
}

normal off off
normal ' 3 * off->50.00% sleep( "90m" )' '3*off->50%sleep(1h30m)'
normal 'return(0x10)->return(`a"b`)' 'return(16)->return("a\"b")'
normal "$(printf 'return("a\nb\377")')" 'return("a\nb\xff")'

refused 1 "offset 8: unknown unit 'q'; use ns, us, ms, s, m or h" \
	"$FLAKEY" failpoint parse 'sleep(10q)'
refused 1 "offset 0: unknown action 'retrn'; did you mean 'return'?" \
	"$FLAKEY" failpoint parse 'retrn(1)'
refused 1 "did you mean 'ENOSPC'?" "$FLAKEY" failpoint parse 'return(ENOSPCC)'
refused 1 "offset 5: an action is missing" "$FLAKEY" failpoint parse 'off->'
refused 1 "offset 0: an action is missing" "$FLAKEY" failpoint parse ''
refused 1 "unexpected '\\x1b'" "$FLAKEY" failpoint parse --json \
	"return($(printf '1\033x'))"
refused 2 "parse needs TERMS" "$FLAKEY" failpoint parse
refused 2 "'off' is one operand too many" "$FLAKEY" failpoint parse off off
refused 2 "did you mean 'parse'" "$FLAKEY" failpoint prase off
refused 2 "failpoint needs VERB" "$FLAKEY" failpoint

json '3*50%off->sleep(time=1s)' 'a["terms"]' '3*50%off->sleep(1s)'
json '3*50%off->sleep(time=1s)' 'a["chain"][0]["modifiers"]' '3*50%'
json '3*50%off->sleep(time=1s)' 'a["chain"][1]["action"]' sleep
json '3*50%off->sleep(time=1s)' 'a["chain"][1]["arguments"]' '(1s)'
json '3*50%off->sleep(time=1s)' 'a["chain"][1]["offset"]' 10
is "--json may stand before the verb" "$(parse --json off)" \
	"$("$FLAKEY" failpoint --json parse off)"
gives 0 "Usage: flakey failpoint parse" "$FLAKEY" failpoint parse --help
for verb in $("$FLAKEY" failpoint --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	gives 0 "Usage: flakey failpoint $verb " \
		"$FLAKEY" failpoint "$verb" --help
done
tap_done
