#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a user who does what docs/failpoint-workflow.md says does not get
# what it says: a build without the library, one with it, and points that can be
# armed from the environment, over HTTP and by functions.
set -eu
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

# What is installed: the command, the header, the library and its description.
prefix=$WORK/prefix
mkdir -p "$prefix/bin" "$prefix/include" "$prefix/lib/pkgconfig"
ln -s "$FAILPOINT" "$prefix/bin/failpoint"
ln -s "$TOP/failpoints/failpoint.h" "$prefix/include/"
ln -s "$LIBRARY" "$prefix/lib/libfailpoint.so.0"
ln -s libfailpoint.so.0 "$prefix/lib/libfailpoint.so"
sed "s|^prefix=.*|prefix=$prefix|; s|^libdir=.*|libdir=\${prefix}/lib|
	s|^includedir=.*|includedir=\${prefix}/include|" \
	"$PC" >"$prefix/lib/pkgconfig/failpoint.pc"
PATH=$prefix/bin:$PATH
export PATH PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
export LD_LIBRARY_PATH="$prefix/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
# Nobody else's flags and points.
unset CFLAGS LDFLAGS GOFAIL_FAILPOINTS GOFAIL_HTTP GOFAIL_SEED MAKEFLAGS

# The files of the page.
mkdir -p page/src
cd page
awk '
	/^```[a-z]+ [^ ]+$/ { name = $2; printf "" >name; next }
	/^```$/ { if (name) close(name); name = ""; next }
	name { print >name }
' "$TOP/docs/failpoint-workflow.md"
cp -r src ../src.before

script() {
	timeout 100 sh -eu "$1.sh" >"$1.got" 2>&1
}

# prints NAME: the script of the page prints what the page says.
prints() {
	ok "$1.sh runs" script "$1"
	ok "$1.sh prints what it should" diff -u "$1.out" "$1.got"
	[ "$tap_failed" -eq 0 ] || sed 's/^/# /' "$1.got"
}

uses_library() {
	ldd "$1" | grep -q libfailpoint
}

prints list
prints look
prints mistake
ok "build-meson.sh runs" script build-meson
ok "build-make.sh runs" script build-make
ok "the sources are as they were" diff -r ../src.before src
for plain in build/jot jot; do
	ok "$plain has no library" fails uses_library $plain
done
for full in build-failpoints/jot jot-failpoints; do
	ok "$full has it" uses_library $full
done
prints environment
ok "api.sh runs" script api
ok "a second build has nothing to do" make --question jot-failpoints
ok "unless something has changed" \
	fails make --question jot-failpoints --what-if src/save.c

if [ "$HTTP" = no ]; then
	echo "# built without HTTP"
	tap_done
fi

# A running program, over HTTP. It answers each line when it is done.
socket=$WORK/jot.sock
mkfifo lines
GOFAIL_HTTP="unix:$socket" build-failpoints/jot http <lines >answers 2>errors &
jot=$!
exec 3>lines

answered() {
	[ "$(wc -l <answers)" -ge "$1" ]
}

# says WORDS LINE: what jot answers to a line.
count=0
says() {
	count=$((count + 1))
	echo "$2" >&3
	until_true 20 answered $count || :
	is "$2 is answered" "$1: $2" "$(sed -n "${count}p" answers)"
}

ask() {
	name=$1
	shift
	curl -s -S --max-time 20 --unix-socket "$socket" "http://jot/$name" "$@"
}

ok "the program listens" until_true 20 [ -S "$socket" ]
says saved one
is "its points are listed" "saveBeforeSync=
saveFails=
saveInterrupted=
saveShort=" "$(ask '')"
ok "armed over HTTP" ask saveFails -f -X PUT -d 'return(EIO)'
says "Input/output error" two
says "Input/output error" two
is "counted" 2 "$(ask saveFails/count)"
ok "disarmed" ask saveFails -f -X DELETE
says saved three
# A thread that a point holds is let go.
ok "a pause" ask saveBeforeSync -f -X PUT -d pause
echo four >&3
ok "is reached" ask 'saveBeforeSync/wait?fired=1&timeout=10s' -f
ok "and nothing is answered" fails answered $((count + 1))
ok "until it ends" ask saveBeforeSync -f -X DELETE
ok "then it is" until_true 20 answered $((count + 1))
exec 3>&-
ok "the program ends" wait $jot
is "and has said nothing else" "" "$(cat errors)"
is "what it saved" "one three four" "$(xargs <http)"
tap_done
