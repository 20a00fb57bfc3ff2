#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a project cannot be built, run or debugged on the mount.
set -eu
# shellcheck source=../harness/tap.sh
. "$TAP_SH"
command -v gcc >/dev/null || tap_skip_all "no gcc"

project=$MNT/project
mkdir "$project"
cd "$project"
for i in 1 2 3 4 5 6; do
	cat >"part$i.c" <<-END
		#include "parts.h"
		int part$i(int x) { return x * $i; }
	END
	echo "int part$i(int x);" >>parts.h
done
cat >main.c <<-END
	#include <stdio.h>
	#include "parts.h"
	int main(void)
	{
		return printf("%d\n", part1(1) + part2(1) + part3(1) +
			      part4(1) + part5(1) + part6(1)) < 0;
	}
END

build() {
	for source in *.c; do
		gcc -g -O2 -MMD -pipe -c "$source" || return
	done
	rm -f libparts.a
	ar rcs libparts.a part*.o && gcc -shared -fPIC -o libparts.so part*.c &&
		gcc -o program main.o libparts.a &&
		gcc -o dynamic main.o -L. -lparts -Wl,-rpath,"$PWD"
}

ok "gcc, ar and ld" build
is "the program runs" 21 "$(./program)"
is "the one with a shared library, too" 21 "$(./dynamic)"
cp program reference
ok "it builds again over the old" build
ok "into the same" cmp program reference
ok "gcc without a pipe, with temporary files here" \
	env TMPDIR="$project" gcc -save-temps -o third main.c libparts.a
is "runs" 21 "$(./third)"
verb sync
rm -f ./*.o program
cd "$WORK"
verb crash
cd "$project"
is "after sync and crash the program runs" 21 "$(./program)"
ok "and is the same" cmp program reference
cd "$WORK"
tap_done
