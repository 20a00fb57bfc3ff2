#!/bin/sh
# SPDX-License-Identifier: MIT
#
# installs_alone.sh BUILD SOURCE: if this fails, a program elsewhere cannot use
# the library as it is installed: with some compiler, language, linker or way to
# link, points are missing or the program does not build.
set -eu

build=$(realpath "$1")
source=$(realpath "$2")
WORK=$(mktemp -d "${TMPDIR:-/var/tmp}/flakey-install.XXXXXXXX")
trap 'rm -rf "$WORK"' EXIT
trap 'exit 1' INT TERM HUP
cd "$WORK"
# shellcheck source=tests/harness/tap.sh
. "$source/tests/harness/tap.sh"
unset GOFAIL_FAILPOINTS GOFAIL_SEED GOFAIL_HTTP

ok 'it is installed' meson install -C "$build" --no-rebuild --quiet \
	--destdir "$WORK/root"
# Without the file system, too, and then nothing else.
ok 'it is built alone' meson setup -Dfuse=disabled -Dbuildtype=plain \
	"$WORK/alone" "$source"
ok 'it is installed alone' meson install -C "$WORK/alone" --quiet \
	--destdir "$WORK/only"
is 'nothing else is installed' '' \
	"$(find only ! -type d ! -name '*failpoint*' ! -name 'libfailpoint.*')"
pc=$(find root -name failpoint.pc)
PKG_CONFIG_PATH=$WORK/$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$WORK/root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
libdir=$(dirname "$PKG_CONFIG_PATH")
export LD_LIBRARY_PATH="$libdir"
cflags=$(pkg-config --cflags failpoint)
shared=$(pkg-config --libs failpoint)
static=$(pkg-config --static --libs failpoint |
	sed "s|-lfailpoint|$libdir/libfailpoint.a|")

is 'no header but its own' 1 \
	"$(find root -path '*include*' -name 'failpoint*' | wc -l)"
for man in failpoint.3 failpoint.7; do
	if command -v scdoc >/dev/null; then
		ok "$man is there" test -s "$(find root -name "$man" | head -n 1)"
	fi
done
ok 'FUSE is not needed' fails grep -q fuse "$pc"
is 'nor by the shared library' '' \
	"$(readelf -d "$libdir/libfailpoint.so.0" | grep -i 'needed.*fuse')"

# builds NAME COMMAND...: one point, passed if the program that the command
# makes of the sources is built without a warning and passes.
builds()
{
	name=$1
	shift
	# shellcheck disable=SC2086 # words
	ok "$name: builds" "$@" -Wall -Wextra -Wpedantic -Wshadow -Werror \
		-D_GNU_SOURCE -I"$source" $cflags -o program
	status=0
	./program >out 2>&1 || status=$?
	is "$name: passes" 0 "$status"
	grep '^not ok' out | sed 's/^/# /' || :
	rm -f program
}

# with NAME LIBRARIES COMMAND...: the same for the macros' test.
with()
{
	name=$1
	libraries=$2
	shift 2
	# shellcheck disable=SC2086 # words
	builds "$name" "$@" "$source/tests/failpoint/macros.c" -x none \
		$libraries
}

with 'gcc, C11, shared' "$shared" gcc -std=c11 -O2
with 'gcc, C11, static' "$static" gcc -std=c11 -O0
with 'g++, C++11, static' "$static" g++ -std=c++11 -O2 -x c++
if command -v clang >/dev/null; then
	with 'clang, C11, static' "$static" clang -std=c11 -O2
	with 'clang++, C++11, shared' "$shared" clang++ -std=c++11 -O0 -x c++
fi

sections='-ffunction-sections -fdata-sections -Wl,--gc-sections'
for linker in bfd gold lld; do
	command -v "ld.$linker" >/dev/null || continue
	# shellcheck disable=SC2086 # words
	with "ld.$linker, unused sections removed" "$shared" gcc -std=c11 -O2 \
		-fuse-ld=$linker $sections
done
with 'gcc, link-time optimization' "$shared" gcc -std=c11 -O2 -flto
with 'g++, link-time optimization' "$shared" g++ -std=c++11 -O2 -flto -x c++
if command -v clang >/dev/null && command -v ld.lld >/dev/null; then
	# shellcheck disable=SC2086 # words
	with 'clang, link-time optimization, ld.lld' "$static" clang -std=c11 \
		-O2 -flto -fuse-ld=lld $sections
	# shellcheck disable=SC2086 # words
	with 'clang++, link-time optimization, ld.lld' "$shared" clang++ \
		-std=c++11 -O2 -flto -fuse-ld=lld -x c++ $sections
fi

# shellcheck disable=SC2086 # words
gcc -std=c11 -D_GNU_SOURCE -O0 -DFAILPOINT_DISABLE -I"$source" $cflags -c \
	"$source/tests/failpoint/module_second.c" -o disabled.o
ok 'disabled points leave no symbol' fails grep -q failpoint disabled.o

tap_done
