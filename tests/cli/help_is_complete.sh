#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a verb or an option exists that nobody can find.
set -eu
# shellcheck source=cli.sh
. "$CLI_SH"

# Options of --help that --long-options does not list, and the other way.
differences() {
	"$FLAKEY" "$1" --help | grep -o -- '^ *\(-., \)\?--[a-z-]*' |
		grep -o -- '--.*' | sort >"$WORK/helped"
	"$FLAKEY" "$1" --long-options | sort >"$WORK/listed"
	comm -3 "$WORK/helped" "$WORK/listed"
}

gives 0 "Usage: flakey VERB" "$FLAKEY" --help
gives 0 "Usage: flakey VERB" "$FLAKEY" -h
gives 0 "flakey 0" "$FLAKEY" --version
gives 0 "flakey 0" "$FLAKEY" -V
verbs=$("$FLAKEY" --help | sed -n 's/^  \([a-z-]*\)  .*/\1/p')
is "verbs are sorted" "$(echo "$verbs" | sort)" "$verbs"
is "and all are listed" "$verbs" "$("$FLAKEY" --long-options | grep -v '^--')"
for verb in $verbs; do
	gives 0 "Usage: flakey $verb " "$FLAKEY" "$verb" --help
	gives 0 "--json" "$FLAKEY" "$verb" --help
	is "$verb: help and list agree" "" "$(differences "$verb")"
	is "$verb: help fits a terminal" "" \
		"$("$FLAKEY" "$verb" --help | grep '.\{81\}' || true)"
done
tap_done
