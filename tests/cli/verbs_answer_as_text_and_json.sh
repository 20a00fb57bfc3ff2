#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a script that reads our answers breaks.
set -eu
# shellcheck source=cli.sh
. "$CLI_SH"

command -v python3 >/dev/null || tap_skip_all "no python3"

json() {
	python3 -c 'import json, sys; json.load(sys.stdin)' <"$1"
}

f=$FLAKEY
mkdir store mnt
gives 0 '"mountpoint":"'"$WORK/mnt"'"' "$f" mount --json store mnt
ok "it is JSON" json out
newline='
'
echo x >"mnt/a${newline}b\"c"
gives 0 'a\012b"c' "$f" unsynced mnt
ok "nothing forged a line" fails grep -q '^b' out
gives 0 '"losses":[{' "$f" unsynced --json mnt
ok "it is JSON" json out
gives 1 "at risk: " "$f" unsynced --check mnt
gives 0 "synced" "$f" sync mnt
gives 0 "nothing is at risk" "$f" unsynced --check mnt
gives 0 '"done":"synced"' "$f" sync --json mnt
gives 0 "profile             ext4" "$f" status mnt
gives 0 '"profile":"ext4"' "$f" status --json mnt
ok "it is JSON" json out
ok "so is the file" json mnt/.flakey/status
gives 0 "evicted" "$f" evict mnt
gives 0 '"evicted_bytes":' "$f" evict --json mnt
gives 0 "mode drop-writes for=3600s" "$f" drop-writes --for 1h mnt
gives 0 "drop-writes for=3600s" "$f" mode mnt
gives 0 '"mode":"drop-writes for=3600s"' "$f" mode --json mnt
gives 0 "mode error-writes cycle=1s,0.5s" "$f" error-writes --cycle 1s,500ms mnt
is "the control file agrees" "error-writes cycle=1s,0.5s" \
	"$(cat mnt/.flakey/mode)"
gives 0 "mode drop-writes" "$f" mode mnt drop-writes
gives 0 "mode drop-writes for=2s" "$f" mode mnt "drop-writes for=2s"
gives 0 "mode error-reads for=2s" "$f" error-reads --for 2s mnt
gives 0 "mode corrupt-bio-byte 32 w 255" "$f" corrupt-bio-byte mnt 0x20 w 0xff
gives 0 "corrupt-bio-byte 32 w 255" "$f" mode mnt
gives 0 "mode corrupt-bio-byte 1 r 0 cycle=1s,1s" \
	"$f" mode --cycle 1s,1s mnt corrupt-bio-byte 1 r 0 0
gives 0 '"mode":"random-read-corrupt 5 seed=7"' \
	"$f" random-read-corrupt --json --seed 7 mnt 5
gives 0 "mode random-write-corrupt 0 seed=7" \
	"$f" mode --seed 7 mnt random-write-corrupt 0
gives 0 '"corruptions":0' "$f" status --json mnt
gives 0 '"read_errors":0' "$f" status --json mnt
gives 0 "mode allow-writes" "$f" allow-writes mnt
echo y >mnt/lost
gives 0 "crashed: incarnation" "$f" crash mnt
ok "what was not synced is gone" fails test -e mnt/lost
gives 0 '"plan":"keep=all"' "$f" crash --keep all --json mnt
ok "it is JSON" json out
mkdir mnt/d
gives 0 "crashed: " "$f" crash mnt/d
gives 0 "synced" "$f" sync mnt/.
gives 0 '"event":"crash"' "$f" log mnt
while read -r line; do
	echo "$line" >line
	ok "the log is JSON" json line
done <out
ok "umount" "$f" umount mnt
tap_done
