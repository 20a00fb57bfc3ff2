#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, what is written into somebody's source is not what it was, does
# not compile, or does not come back.
set -eu
# shellcheck source=compilers.sh
. "$TOP/tests/translator/compilers.sh"

golden=$TOP/tests/translator/golden

# Both ends of each example, as they are, with CRLF, without the last newline.
variant() {
	mkdir "$1" "$1.in" "$1.out"
	for in in "$golden"/*.in; do
		name=$(basename "$in" .in)
		"$1" <"$in" >"$1.in/$name"
		"$1" <"$golden/$name.out" >"$1.out/$name"
		cp "$1.in/$name" "$1/$name"
	done
}

plain() {
	cat
}

crlf() {
	sed 's/$/\r/'
}

cut_off() {
	head -c -1
}

lines() {
	cat "$1"/* | wc -l
}

# Each as the comparison of its own, so that a failure names it.
same() {
	for file in "$1"/*; do
		ok "$3: $(basename "$file")" diff -u "$2/${file##*/}" "$file"
	done
}

# The header as a part of both languages. That compilers know CRLF is known; one
# is asked what it thinks of ours.
compiles() {
	for name in header_user.c header_user.cpp; do
		echo '#include "header.h"' >"$1/$name"
	done
	if [ "$1" = plain ]; then
		compile_all "$1" "$1"
	else
		ok "$1, as C11" compile gcc -std=c11 "$1"/*.c
	fi
	rm "$1"/header_user.*
}

for kind in plain crlf cut_off; do
	variant $kind
	ok "$kind: enable" "$FAILPOINT" enable $kind
	same $kind $kind.out "$kind"
	is "$kind: no line came or went" "$(lines $kind.in)" "$(lines $kind)"
	[ $kind = cut_off ] || compiles $kind
	ok "$kind: disable" "$FAILPOINT" disable $kind
	ok "$kind: all is as it was" diff -r $kind.in $kind
done

# What was enabled is not touched a second time; what is not, not a first one.
ok "not enabled: disable does nothing" "$FAILPOINT" disable plain
ok "not enabled: all is as it was" diff -r plain.in plain
ok "enable once" "$FAILPOINT" enable plain
ok "enable twice fails" fails "$FAILPOINT" enable plain
same plain plain.out "enabled once"
tap_done
