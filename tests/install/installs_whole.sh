#!/bin/sh
# SPDX-License-Identifier: MIT
#
# installs_whole.sh BUILD SOURCE: if this fails, something is missing where it was
# installed, or a program elsewhere cannot be built with libflakey or does not run.
# What is special to libfailpoint is tests/failpoint/installs_alone.sh's.
set -eu

build=$(realpath "$1")
source=$(realpath "$2")
WORK=$(realpath "$(mktemp -d "${TMPDIR:-/var/tmp}/flakey-install.XXXXXXXX")")
trap 'rm -rf --one-file-system "$WORK"' EXIT
trap 'exit 1' INT TERM HUP
cd "$WORK"
# shellcheck source=tests/harness/tap.sh
. "$source/tests/harness/tap.sh"
unset FLAKEY_BACKEND FLAKEY_FAULTS FLAKEY_COMMAND

ok 'it is installed' meson install -C "$build" --no-rebuild --quiet \
	--destdir "$WORK/root"
prefix=$(find root -type d -name bin | head -n 1)
prefix=$WORK/${prefix%/bin}

# there NAME: one point, passed if one such file is there and is not empty.
there()
{
	# shellcheck disable=SC2086 # a pattern
	is "$1 is there" 1 "$(find "$prefix" -path "$prefix/$1" \
		\( -type f -o -type l \) -size +0 | wc -l)"
}

for file in bin/flakey bin/failpoint include/flakey.h include/failpoint.h \
	'lib*/libflakey.a' 'lib*/libfailpoint.a' \
	'lib*/libflakey.so' 'lib*/libfailpoint.so' \
	'lib*/flakey.pc' 'lib*/failpoint.pc' \
	share/doc/flakey/README.md share/doc/flakey/NEWS.md \
	share/doc/flakey/docs/persistence.md; do
	there "$file"
done
for command in flakey failpoint; do
	there "share/bash-completion/completions/$command"
	there "share/zsh/site-functions/_$command"
	there "share/fish/vendor_completions.d/$command.fish"
done
if command -v scdoc >/dev/null; then
	is 'so is each manual page' \
		"$(find "$source" -path "$source/build*" -prune -o \
			-name '*.scd' -print | sed 's|.*/||; s|\.scd$||' | sort)" \
		"$(find "$prefix/share/man" -type f | sed 's|.*/||' | sort)"
fi
is 'nothing is outside of the prefix' '' \
	"$(find root ! -type d ! -path "${prefix#"$WORK/"}/*")"

pc=$(find "$prefix" -name flakey.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$WORK/root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
libdir=$(dirname "$PKG_CONFIG_PATH")
version=$(sed -n "s/^  version: '\(.*\)',$/\1/p" "$source/meson.build")
for library in flakey failpoint; do
	is "lib$library.so.0 says so itself" "[lib$library.so.0]" \
		"$(readelf -d "$libdir/lib$library.so" |
			sed -n 's/.*SONAME.*: *//p')"
	is "pkg-config knows the version of $library" "$version" \
		"$(pkg-config --modversion $library)"
	is "the version script of $library is in force" '' \
		"$(nm -D --defined-only "$libdir/lib$library.so" |
			sed 's/.* //; s/@.*//' |
			grep -v -i "^${library}_" || :)"
done

# The example of the manual is what a program looks like.
awk '/^# / { on = $2 == "EXAMPLES" } /^```/ { code = !code; next } on && code' \
	"$source/man/libflakey.3.scd" >program.c
cflags=$(pkg-config --cflags flakey)
# shellcheck disable=SC2046,SC2086 # lists of words
{
	ok 'a program is built with the shared library' cc -Wall -Wextra \
		-Werror $cflags -o shared program.c $(pkg-config --libs flakey)
	ok 'and with the static one' cc -Wall -Wextra -Werror $cflags \
		-o static program.c $(pkg-config --static --libs flakey |
		sed "s|-lflakey|$libdir/libflakey.a|")
	if command -v c++ >/dev/null; then
		ok 'the header is good C++' c++ -Wall -Wextra -Werror $cflags \
			-x c++ -fsyntax-only program.c
	fi
}
is 'the static one needs no library of ours' '' \
	"$(readelf -d static | grep -i 'needed.*flakey' || :)"
export LD_LIBRARY_PATH="$libdir" FLAKEY_COMMAND="$prefix/bin/flakey"
export TMPDIR="$WORK"
mkdir store mnt
if [ -r /dev/fuse ] && [ -w /dev/fuse ]; then
	for kind in shared static; do
		ok "the program with the $kind library does its work" ./$kind
	done
else
	tap_skip_rest '/dev/fuse is missing or closed'
fi
ok 'the command runs where it was installed' "$FLAKEY_COMMAND" --version

tap_done
