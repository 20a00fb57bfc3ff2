#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, an access list survives a power failure that nobody has paid for,
# or one that was paid for does not; or the programs that copy lists lose them.
set -eu
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

# Whom any user namespace knows.
me=$(id -u)
: >"$WORK/probe"
setfacl -m "u:$me:r" "$WORK/probe" 2>/dev/null ||
	tap_skip_all "no access lists on this file system"

# The list in one line: "user::rw- user:0:r-- ..."
list() {
	getfacl -cEnps "$@" | grep -v '^$' | paste -sd ' '
}

lists() {
	(
		cd "$1" || exit
		find . ! -type l -exec getfacl -np {} + |
			paste -sd ' ' | sed 's/  */\n/g' | LC_ALL=C sort
		find . -printf '%p %M\n' | LC_ALL=C sort
	)
}

same() {
	lists "$1" >"$WORK/l1"
	lists "$2" >"$WORK/l2"
	diff "$WORK/l1" "$WORK/l2"
}

lost() {
	"$FLAKEY" unsynced "$MNT"
}

umask 022
full="user::rw- user:$me:rwx group::r-- mask::rwx other::r--"

# A list of a file.
: >"$MNT/f"
sync "$MNT/f"
setfacl -m "u:$me:rwx" "$MNT/f"
is "a list is set" "$full" "$(list "$MNT/f")"
is "the mode shows its mask" 674 "$(stat -c %a "$MNT/f")"
is "and not in the store" "" "$(list "$STORE/f")"
ok "unsynced names it" sh -c "'$FLAKEY' unsynced '$MNT' | grep -q '/f .*ACL set'"
verb crash
is "an unsynced list is lost" "" "$(list "$MNT/f")"
is "with the mode" 644 "$(stat -c %a "$MNT/f")"
setfacl -m "u:$me:rwx" "$MNT/f"
sync "$MNT/f"
is "fsync stores it" "$full" "$(list "$STORE/f")"
setfacl -b "$MNT/f"
ok "unsynced names its removal" \
	sh -c "'$FLAKEY' unsynced '$MNT' | grep -q '/f .*ACL removed'"
is "removed" "" "$(list "$MNT/f")"
verb crash
is "an unsynced removal comes back" "$full" "$(list "$MNT/f")"
chmod 640 "$MNT/f"
is "chmod changes the mask" \
	"user::rw- user:$me:rwx group::r-- mask::r-- other::---" \
	"$(list "$MNT/f")"
verb crash
is "which is lost, too" "$full" "$(list "$MNT/f")"
chmod 640 "$MNT/f"
sync "$MNT"
is "or stored by a fsync of a directory" "$(list "$MNT/f")" "$(list "$STORE/f")"
setfacl -m "u::r,g::-,o::-,m::-" -x "u:$me" "$MNT/f"
setfacl -b "$MNT/f"
sync "$MNT/f"
is "what is only a mode is stored as a mode" "" "$(list "$STORE/f")"

# A default list, and what inherits it.
mkdir "$MNT/d"
setfacl -d -m "u:$me:rwx,o::-" "$MNT/d"
sync "$MNT"
verb crash
is "a default list survives its fsync" "$(getfacl -cnp "$MNT/d")" \
	"$(getfacl -cnp "$STORE/d")"
: >"$MNT/d/lost"
mkdir "$MNT/d/gone"
verb crash
is "what inherits it is lost before" "" "$(ls "$MNT/d")"
(umask 077 && : >"$MNT/d/file" && mkdir "$MNT/d/dir" && mkfifo "$MNT/d/fifo")
is "the umask does not count below it" 660 "$(stat -c %a "$MNT/d/file")"
is "a file inherits the list" \
	"user::rw- user:$me:rwx group::r-x mask::rw- other::---" \
	"$(list "$MNT/d/file")"
lists "$MNT" >"$WORK/live"
sync "$MNT/d"
lists "$STORE" >"$WORK/stored"
ok "and has it in the store after a fsync of the directory" \
	diff "$WORK/live" "$WORK/stored"
verb crash
lists "$MNT" >"$WORK/after"
ok "and after the crash" diff "$WORK/live" "$WORK/after"
: >"$MNT/d/dir/deep"
sync "$MNT/d/dir/deep"
is "files of directories that inherited it inherit it" \
	"$(list "$MNT/d/file")" "$(list "$STORE/d/dir/deep")"

# The default list of the store's directory must not leak into what is newer.
setfacl -k "$MNT/d"
: >"$MNT/d/plain"
verb drop-writes
sync "$MNT/d"
verb allow-writes
: >"$MNT/d/later"
mkdir "$MNT/d/below"
chmod 750 "$MNT/d/below"
sync "$MNT/d"
is "the store still has the default list" "$me" \
	"$(getfacl -dcnp "$STORE/d" | sed -n 's/^user:\([0-9][0-9]*\):.*/\1/p')"
is "but a file that did not inherit it has none" "$STORE/d/later " \
	"$(ls "$STORE/d/later") $(list "$STORE/d/later")"
is "nor a directory" "$(getfacl -cnp "$MNT/d/below")" \
	"$(getfacl -cnp "$STORE/d/below")"
verb crash

# Killed: what is in the store is exact.
(cd "$MNT/d" && for i in 1 2 3 4 5 6 7 8; do : >"k$i" && mkdir "kd$i"; done)
lists "$MNT/d" >"$WORK/live"
sync "$MNT/d"
kill_daemon
umount -l "$MNT" 2>/dev/null || fusermount3 -uz "$MNT"
ok "mounted again after a kill" mount_again
lists "$MNT/d" >"$WORK/after"
ok "all lists are there" diff "$WORK/live" "$WORK/after"

# Programs that copy lists.
mkdir "$MNT/copies"
sync "$MNT"
ok "cp -a" cp -a "$MNT/d" "$MNT/copies/cp"
ok "keeps them" same "$MNT/d" "$MNT/copies/cp"
ok "cp -a to the host" cp -a "$MNT/d" "$WORK/cp"
ok "keeps them" same "$MNT/d" "$WORK/cp"
getfacl -Rnp "$MNT/d" >"$WORK/saved"
setfacl -Rb "$MNT/copies/cp"
sed "s,$MNT/d,$MNT/copies/cp," "$WORK/saved" >"$WORK/restored"
ok "setfacl --restore" setfacl --restore="$WORK/restored"
ok "restores them" same "$MNT/d" "$MNT/copies/cp"
verb sync
ok "and a sync stores them" same "$MNT/copies/cp" "$STORE/copies/cp"
if command -v tar >/dev/null; then
	ok "tar --acls" sh -c "tar -C '$MNT/d' --acls -cf '$MNT/t.tar' . &&
		mkdir '$MNT/copies/tar' &&
		tar -C '$MNT/copies/tar' --acls -xpf '$MNT/t.tar'"
	ok "keeps them" same "$MNT/d" "$MNT/copies/tar"
fi
if command -v rsync >/dev/null; then
	ok "rsync -A" rsync -aA "$MNT/d/" "$MNT/copies/rsync/"
	ok "keeps them" same "$MNT/d" "$MNT/copies/rsync"
fi
command -v tar >/dev/null || tap_skip_rest "no tar"
command -v rsync >/dev/null || tap_skip_rest "no rsync"
tap_done
