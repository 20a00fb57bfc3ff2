#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a mistake in a comment gives a broken source, or a point that
# never fires and nobody knows why.
set -eu
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

# One directory for each case, with the source and what is to be printed.
mkdir cases
awk '
	/^=== / {
		name = $2
		dir = "cases/" name
		sub(/^=== /, "")
		if (system("mkdir " dir) != 0)
			exit 1
		print > (dir "/expected")
		next
	}
	name { print > (dir "/" name) }
' "$TOP/tests/translator/mistakes.txt"

# refused CASE: by enable; the message has the file, the line and the words, is
# one line, and the file is the same as before.
refused() {
	read -r name line words <cases/"$1"/expected
	file=cases/$1/$name
	cp -p "$file" before
	inode=$(stat -c %i "$file")
	status=0
	"$FAILPOINT" enable "$file" >out 2>err || status=$?
	[ "$status" -eq 1 ] || echo "status $status"
	cut -c "$((${#file} + ${#line} + 4))-" err >said
	[ "$(head -n 1 err)" = "$file:$line: $(head -n 1 said)" ] ||
		echo "not in line $line: $(cat err)"
	grep -qF -- "$words" said || echo "said: $(cat err)"
	[ "$(wc -l <err)" -eq 1 ] && [ ! -s out ] || echo "not one line"
	cmp "$file" before && [ "$inode" = "$(stat -c %i "$file")" ] ||
		echo "the file was written"
	[ "$(find cases/"$1" -type f | wc -l)" -eq 2 ] || echo "a file more"
}

for case in cases/*; do
	is "$(basename "$case") is refused" "" "$(refused "$(basename "$case")")"
done

# A mistake in one file leaves all others as they are.
mkdir many
for name in a b c; do
	printf 'int %s;\n\nvoid f(void) {\n\t// gofail: var %s int\n}\n' \
		$name $name >many/$name.c
done
cp -r many before.many
printf '\nvoid g(void) {\n\t// gofail: var d\n}\n' >many/bad.c
cp many/bad.c before.many/
ok "a mistake in one of four" fails "$FAILPOINT" enable many
ok "leaves all as they are" diff -r before.many many
rm many/bad.c before.many/bad.c
ok "without it" "$FAILPOINT" enable many
is "all are enabled" "" "$(grep -L '/[*]failpoint' many/*.c)"

# The same for the way back.
cp -r many enabled.many
for change in 's/int b = 0/int b = 1/' 's/ { int b.*//' 's/ .\*failpoint\*. }}//' \
	's|/\*failpoint|/* failpoint|' 's/ }}$/ } }/' 's/gofail: var b int/gofail/' \
	's/var b int/var c int/' 's/"b"/"x"/' 's/&b/\&x/' 's/ }}$/ }} x();/' \
	's|^\t/\*failpoint|\tx(); /*failpoint|'; do
	rm -r many
	cp -r enabled.many many
	sed -i "/gofail:/ $change" many/b.c
	cp -r many changed
	ok "changed by $change" fails cmp many/b.c enabled.many/b.c
	is "... is told of" "many/b.c:4: the code of a point was changed" \
		"$("$FAILPOINT" disable many 2>&1 | sed 's/ while.*//')"
	ok "... and nothing is written" diff -r changed many
	rm -r changed
done
tap_done
