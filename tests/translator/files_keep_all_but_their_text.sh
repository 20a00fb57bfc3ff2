#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a source changes its owner, mode or attributes, or is lost or
# half written when something goes wrong; or files are changed that nobody named.
set -eu
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

source_text() {
	printf 'int %s;\n\nvoid f(void) {\n\t// gofail: var %s int\n}\n' "$1" "$1"
}

# What must not change, and in the end the text, too.
rights() {
	stat -c '%a %u:%g' "$@"
	getfattr -d -m - --absolute-names "$@" 2>/dev/null || :
}

is_enabled() {
	grep -q '/[*]failpoint' "$1"
}

is_disabled() {
	! is_enabled "$1"
}

has_access_list() {
	getfacl -p "$1" | grep -q '^user:1234:rw-'
}

# Modes and owners.
mkdir rights
for mode in 644 600 444 755 2755 4711; do
	source_text "m$mode" >rights/$mode.c
	[ "$(id -u)" -ne 0 ] || chown 65534:1 rights/$mode.c
	chmod $mode rights/$mode.c
done
cp -rp rights rights.before
before=$(rights rights/*)
ok "enable" "$FAILPOINT" enable rights
is "owners and modes are kept" "$before" "$(rights rights/*)"
ok "disable" "$FAILPOINT" disable rights
is "and kept again" "$before" "$(rights rights/*)"
ok "with the text" diff -r rights.before rights

# Attributes and access lists, where the file system has them.
source_text attributes >attributes.c
if setfattr -n user.kept -v 'a "value"' attributes.c 2>/dev/null &&
	setfacl -m u:1234:rw,g:99:r attributes.c 2>/dev/null; then
	before=$(rights attributes.c)
	ok "attributes: enable" "$FAILPOINT" enable attributes.c
	is "attributes are kept" "$before" "$(rights attributes.c)"
	ok "as are access lists" has_access_list attributes.c
else
	for name in "attributes: enable" "attributes are kept" \
		"as are access lists"; do
		tap_count=$((tap_count + 1))
		echo "ok $tap_count - $name # SKIP no attributes on this disk"
	done
fi

# Links: one that is named is followed, one in a tree is not.
mkdir links elsewhere
source_text target >elsewhere/target.c
ln -s ../elsewhere/target.c links/link.c
ln -s "$WORK/links" links/loop.c
ln -s own.c links/inside.c
source_text own >links/own.c
ok "a tree with links" "$FAILPOINT" enable links
is "tells of the one that leads out" "failpoint: warning: the symbolic link \
'links/link.c' is left alone; name it to follow it" \
	"$("$FAILPOINT" list links 2>&1 >/dev/null)"
ok "whose target is the same" is_disabled elsewhere/target.c
ok "the file in the tree is not" is_enabled links/own.c
ok "a link that is named" "$FAILPOINT" enable links/link.c
ok "is a link" [ -L links/link.c ]
ok "and its target changed" is_enabled elsewhere/target.c
ok "back" "$FAILPOINT" disable links links/link.c
ok "all of it" fails grep -rl failpoint elsewhere links

# Which files a directory has.
mkdir -p tree/sub/.hidden tree/sub/dir.c
for name in a.c b.h c.cc d.cpp e.cxx f.hpp g.hh j.hxx sub/h.c no.txt no.C no.inc \
	sub/.no.c sub/.hidden/no.c sub/dir.c/i.c noc; do
	source_text a >"tree/$name"
done
is "sources of a directory" \
	"a.c b.h c.cc d.cpp e.cxx f.hpp g.hh j.hxx sub/dir.c/i.c sub/h.c" \
	"$(cd tree && "$FAILPOINT" list | sed 's|^./\([^:]*\):.*|\1|' |
		LC_ALL=C sort | xargs)"
is "a file is taken whatever its name" "tree/no.inc:4: a int" \
	"$("$FAILPOINT" list tree/no.inc)"
is "and once, however often it is named" "1 file, 1 point enabled" \
	"$("$FAILPOINT" enable tree/a.c tree/a.c ./tree/../tree/a.c)"
ok "back again" "$FAILPOINT" disable tree/a.c

# Whatever cannot be read or written leaves all as it is.
mkfifo fifo.c
ok "a fifo is refused, and not waited for" fails timeout 10 "$FAILPOINT" \
	enable fifo.c
is "with a sentence" \
	"failpoint: 'fifo.c' is neither a file nor a directory" \
	"$("$FAILPOINT" enable fifo.c 2>&1)"
is "so is what is not there" "failpoint: 'none.c': No such file or directory" \
	"$("$FAILPOINT" enable tree none.c 2>&1)"
ok "and nothing is written" is_disabled tree/a.c
mkdir big
source_text small >big/a.c
{
	source_text large
	head -c 100000 /dev/zero | tr '\0' '\n'
} >big/b.c
cp -r big big.before
# shellcheck disable=SC3045 # dash has it
limited() (
	trap '' XFSZ
	ulimit -f 40
	exec "$FAILPOINT" "$@"
)
ok "a disk that is full for the second file" fails limited enable big
ok "leaves both, and nothing beside" diff -r big.before big
is "and says which" "big/b.c: cannot write a file beside it: File too large" \
	"$(limited enable big 2>&1)"

# Whoever interrupts it while it writes gets all of it, and nothing beside.
mkdir crowd
for i in $(seq 100); do
	source_text "p$i" >"crowd/$i.c"
done
cp -r crowd crowd.before
interrupted() {
	python3 - "$FAILPOINT" "$1" <<'END'
import glob, resource, signal, subprocess, sys, time
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
run = subprocess.Popen([sys.argv[1], "enable", "crowd"],
                       stdout=subprocess.DEVNULL)
deadline = time.monotonic() + 30
while run.poll() is None and time.monotonic() < deadline:
    if glob.glob("crowd/.failpoint-*"):
        run.send_signal(getattr(signal, "SIG" + sys.argv[2]))
        break
run.wait()
enabled = sum("/*failpoint" in open(name).read()
              for name in glob.glob("crowd/*.c"))
print(enabled, "enabled,", len(glob.glob("crowd/.failpoint-*")), "beside")
END
}
for signal in INT TERM HUP QUIT; do
	is "$signal comes after all of it" "100 enabled, 0 beside" \
		"$(interrupted $signal)"
	rm -r crowd
	cp -r crowd.before crowd
done

truncate -s 70M long.c
is "a file may be too long" "long.c: it is longer than 64 MiB: File too large" \
	"$("$FAILPOINT" enable long.c 2>&1)"
truncate -s 0 empty.c
is "or empty" "0 files, 0 points enabled" "$("$FAILPOINT" enable empty.c)"
tap_done
