#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, an option or an answer of the command is not what its manual
# says.
set -eu
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

# says STATUS TEXT ARGUMENT...: both streams together.
says() {
	said_status=$1
	said_text=$2
	shift 2
	status=0
	"$FAILPOINT" "$@" >out 2>&1 || status=$?
	is "$*: status" "$said_status" "$status"
	is "$*: words" "$said_text" "$(cat out)"
}

# Options of --help that --long-options does not list, and the other way.
differences() {
	"$FAILPOINT" "$@" --help | grep -o -- '^ *\(-., \)\?--[a-z-]*' |
		grep -o -- '--.*' | sort >helped
	"$FAILPOINT" "$@" --long-options | grep '^--' | sort >listed
	comm -3 helped listed
}

is "help and list agree" "" "$(differences)"
is "the verbs" "disable enable list" \
	"$("$FAILPOINT" --long-options | grep -v '^--' | xargs)"
for verb in disable enable list; do
	ok "$verb --help" "$FAILPOINT" $verb --help
	is "$verb: help and list agree" "" "$(differences $verb)"
	is "$verb: help fits a terminal" "" \
		"$("$FAILPOINT" $verb --help | grep '.\{81\}' || true)"
	# The manual has each verb and option, and no other.
	is "$verb: in the manual" "" "$("$FAILPOINT" $verb --long-options |
		while read -r option; do
			grep -q -e "\\*$option\\*" \
				"$TOP/tools/failpoint/failpoint.1.scd" ||
				echo "$option"
		done)"
done
is "no other option in the manual" "" "$(
	grep -o '\*--[a-z-]*\*' "$TOP/tools/failpoint/failpoint.1.scd" |
		tr -d '*' | sort -u |
		while read -r option; do
			for verb in disable enable list --; do
				"$FAILPOINT" $verb --long-options 2>/dev/null
			done | grep -qx -e "$option" -e --version ||
				[ "$option" = --version ] || echo "$option"
		done
)"
ok "--version" "$FAILPOINT" --version
says 2 "failpoint: a verb is missing (see 'failpoint --help')"
says 2 "failpoint: unknown verb 'enabl'; did you mean 'enable'? \
(see 'failpoint --help')" enabl
says 2 "failpoint: unknown option '--prefx'; did you mean 'prefix'? \
(see 'failpoint enable --help')" enable --prefx a
for prefix in '' 'a b' 'a"b' 'a=b' 'a;b'; do
	says 2 "failpoint: a prefix has letters, digits and _ - . /, and at \
most 256 of them (see 'failpoint enable --help')" enable --prefix "$prefix" .
done

mkdir src
cat >src/a.c <<'END'
#include <stdbool.h>

int f(int a)
{
	// gofail: var one int
	// return one;
	// gofail: label:
	// gofail: var two string
	return a;
}
END
cp -r src before
says 0 "src/a.c:5: one int
src/a.c:8: two string" list src
says 0 "src/a.c:5: my/part/one int
src/a.c:8: my/part/two string" list src --prefix my/part
says 0 '{"files": 1, "points": 2}' enable --json -p my/part src
ok "the names have the prefix" grep -q '"my/part/one"' src/a.c
ok "and the include is there" grep -q '#include <failpoint.h>' src/a.c
says 0 "src/a.c:5: my/part/one int (enabled)
src/a.c:8: my/part/two string (enabled)" list src
says 0 '[
  {"file": "src/a.c", "line": 5, "name": "my/part/one", "type": "int", "enabled": true},
  {"file": "src/a.c", "line": 8, "name": "my/part/two", "type": "string", "enabled": true}
]' list --json src
ok "which is JSON" python3 -c 'import json; json.load(open("out"))'
says 1 "src/a.c:2: points are enabled in this file already; disable them first" \
	enable src
says 0 "1 file, 2 points disabled" disable src
ok "with the prefix, too" diff -r before src
says 0 "1 file, 2 points enabled" enable src --no-include
ok "without the include" fails grep -q '#include <failpoint.h>' src/a.c
cd src
says 0 "1 file, 2 points disabled" disable
says 0 "0 files, 0 points disabled" disable
says 0 "./a.c:5: one int
./a.c:8: two string" list
rm out
cd ..
ok "the same as in the beginning" diff -r before src

# A comment of the source that looks like one of the command's.
mkdir own
cat >own/a.c <<'END'
#include <stddef.h>

int f(const char *where);
int f(const char *where)
{
	// gofail: var one int
	// return f(/*failpoint*/ NULL);
	return f(/*failpoint*/ where);
}
END
sed '/gofail/d' own/a.c >own/b.c
cp -r own own.before
says 0 "0 files, 0 points disabled" disable own
says 0 "own/a.c:6: one int" list own
says 0 "1 file, 1 point enabled" enable own
says 0 "own/a.c:6: one int (enabled)" list own
says 0 "1 file, 1 point disabled" disable own
ok "its own comments are kept" diff -r own.before own

# An editor takes away blanks at the ends of lines, here all there are.
"$FAILPOINT" enable own >out
ok "there is one" grep -q ' $' own/a.c
sed -i 's/ *$//' own/a.c
says 0 "1 file, 1 point disabled" disable own
ok "and the same without it" diff -r own.before own

# What is nearly meant is told of, in a file that has nothing else, too.
mkdir near
printf 'void f(void) {\n\t// GoFail: var a int\n}\n' >near/a.c
says 1 "near/a.c:2: this seems to be meant for failpoints; they are written \
'// gofail: ...'" list near

mkdir none
says 0 "[]" list --json none
says 0 "" list none
printf 'void f(void) {\n\t// gofail: var a\n}\n' >none/a.c
says 1 "none/a.c:2: the point 'a' has no type; use int, int64_t, string, \
const char *, bool, errno or void" list none
# A file is named by a line, whatever its name.
mv none/a.c "none/a
b.c"
says 1 "none/a?b.c:2: the point 'a' has no type; use int, int64_t, string, \
const char *, bool, errno or void" list none
ok "an answer that nobody gets is a failure" fails sh -c \
	'"$FAILPOINT" list src >/dev/full'
tap_done
