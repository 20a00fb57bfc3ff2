#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a way to set fault rules does not do what the others do.
set -eu
# shellcheck source=cli.sh
. "$CLI_SH"

command -v python3 >/dev/null || tap_skip_all "no python3"

f=$FLAKEY
mkdir store mnt

# The rules without their counters, on one line.
rules() {
	sed 's/ # hits.*//' mnt/.flakey/faults | tr '\n' ' '
}

# http METHOD PATH [BODY]: the status and the body.
http() {
	python3 - "$@" <<-'END'
		import http.client, json, sys
		with open("mnt/.flakey/status", encoding="utf-8") as file:
		    address = json.load(file)["http"]
		one = http.client.HTTPConnection(address, timeout=30)
		one.request(sys.argv[1], sys.argv[2], *sys.argv[3:])
		answer = one.getresponse()
		print(f"{answer.status} {answer.read().decode()}".strip())
	END
}

# At once with the mount.
FLAKEY_FAULTS='fs/wrte=off' refused 1 "in FLAKEY_FAULTS: offset 0: unknown" \
	"$f" mount store mnt
refused 2 "'x' is no seed" "$f" mount --seed x store mnt
refused 1 "cannot listen" "$f" mount --http 256.1.1.1:1 store mnt
is "and nothing is mounted" 0 "$(mounts)"
FLAKEY_FAULTS='fs/write{path=x*}=1*return(ENOSPC); fs/read=off' \
	gives 0 "" "$f" mount --seed 7 --http 127.0.0.1:0 store mnt
is "they are there" "fs/write{path=x*}=1*return(ENOSPC) fs/read=off " "$(rules)"
gives 0 '"seed":7' "$f" status --json mnt
ok "and act" fails sh -c 'echo x >mnt/x1'
ok "as often as they say" sh -c 'echo x >mnt/x1'
gives 0 "hits=2 fired=1" "$f" fault list mnt
ok "it was logged" grep -q '"event":"fault","rule":"fs/write{path=x\*}","op":"fs/write","path":"/x1","offset":0,"length":2,"pid":[0-9]*,"seed":7,"hit":1,"action":"return(ENOSPC)"' mnt/.flakey/log

# The command.
gives 0 "" "$f" fault add mnt 'fs/mkdir{path=a}=return(EIO)' 'fs/fsync=off # x'
gives 0 "note: fs/read does not see" "$f" fault add mnt fs/read=off
gives 0 "hits=2 fired=1" "$f" fault list mnt
gives 0 '"terms":"1*return(ENOSPC)","hits":2,"fired":1' \
	"$f" fault list --json mnt
refused_fault() {
	gives 1 "$1" "$f" fault "$2" mnt "$3" "$4"
	is "and the old ones stay" "$before" "$(rules)"
}
before=$(rules)
refused_fault "rule 2, offset 0: unknown operation 'fs/opne'; did you mean 'fs/open'" \
	add fs/write=off fs/opne=off
refused_fault "rule 2, offset 10: short cannot be done at fs/rename" \
	set fs/write=off 'fs/rename=short(1)'
refused_fault "there is no rule 'fs/open'" remove fs/read fs/open
gives 0 "" "$f" fault remove mnt ' fs/read' 'fs/fsync'
is "removed" "fs/write{path=x*}=1*return(ENOSPC) fs/mkdir{path=a}=return(EIO) " \
	"$(rules)"
gives 0 '"done":"changed"' "$f" fault set --json mnt fs/rmdir=off
is "all are new" "fs/rmdir=off " "$(rules)"
gives 0 "" "$f" fault clear mnt
is "none is left" "" "$(rules)"
gives 1 "fault cannot 'ad'; did you mean 'add'?" \
	sh -c 'echo "fault ad" >mnt/.flakey/control || { cat mnt/.flakey/error; exit 1; }'
for verb in add clear list remove set wait; do
	gives 0 "Usage: flakey fault $verb " "$f" fault $verb --help
done

# The file.
echo 'fs/mkdir=off;fs/rmdir=off' >mnt/.flakey/faults
echo 'fs/rmdir=print # more' >>mnt/.flakey/faults
is "added" "fs/mkdir=off fs/rmdir=print " "$(rules)"
ok "bad rules are refused" fails sh -c 'echo fs/mkdri=off 2>err >mnt/.flakey/faults'
ok "with a reason" grep -q "^offset 0: .*did you mean 'fs/mkdir'" \
	mnt/.flakey/error
is "though it was opened to be emptied" "fs/mkdir=off fs/rmdir=print " "$(rules)"
cp mnt/.flakey/faults saved
echo 'fs/open=off' >mnt/.flakey/faults
is "emptied and written" "fs/open=off " "$(rules)"
cat saved >mnt/.flakey/faults
is "what was read can be written" "fs/mkdir=off fs/rmdir=print " "$(rules)"
: >mnt/.flakey/faults
is "emptied" "" "$(rules)"
cat saved >mnt/.flakey/faults
truncate -s 0 mnt/.flakey/faults
is "truncated" "" "$(rules)"
printf 'fault set\nfs/open=off\n# no\nfs/link=off\n' >mnt/.flakey/control
is "rules on lines of their own" "fs/open=off fs/link=off " "$(rules)"
python3 -c 'print("fs/read{path=\"" + "a" * 200000 + "\"}=off")' >long
ok "more than a write may have is refused" \
	fails sh -c 'cat long 2>err >mnt/.flakey/faults'
is "as a whole" "fs/open=off fs/link=off " "$(rules)"

# HTTP.
is "set" "204" "$(http PUT '/fs/rename%7Bpath=a%7D' 'return(EIO)')"
is "shown" "200 return(EIO)" "$(http GET '/fs/rename{path=a}')"
is "elsewhere, too" \
	"fs/open=off fs/link=off fs/rename{path=a}=return(EIO) " "$(rules)"
is "several" "204" "$(http PUT /failpoints 'fs/open=print;fs/statfs=off')"
is "a reason" "400 fail to set failpoint: failpoint: could not parse terms
offset 0: short cannot be done at fs/open; docs/fault-rules.md has a table of what can" \
	"$(http PUT /fs/open 'short(1)')"
is "no such point" "400 fail to set failpoint: failpoint: failpoint does not exist" \
	"$(http PUT /fs/opne off)"
is "points without rules are listed" 1 "$(http GET / | grep -c '^fs/chown=$')"
mkdir mnt/d
is "the count" "200 0" "$(http GET /fs/statfs/count)"
is "deleted" "204" "$(http DELETE /fs/statfs)"
is "once only" "400 failed to delete failpoint failpoint: failpoint is disabled" \
	"$(http DELETE /fs/statfs)"
is "all" "204" "$(http DELETE /failpoints)"
is "none is left" "" "$(rules)"

# Waiting.
echo 'fs/mkdir=1*off->print;fs/rmdir=pause' >mnt/.flakey/faults
gives 1 "the rule 'fs/mkdir' has fired 0 of 2 times" \
	"$f" fault wait --fired 2 --timeout 50ms mnt fs/mkdir
gives 1 "there is no rule 'fs/link'" "$f" fault wait mnt fs/link
gives 1 "'5x' is no timeout" "$f" fault wait --timeout 5x mnt fs/mkdir
"$f" fault wait --fired 2 --timeout 60s mnt fs/mkdir >waited &
wait1=$!
"$f" fault wait --timeout 60s mnt fs/rmdir >waited2 &
wait2=$!
is "others go on meanwhile" "synced" "$("$f" sync mnt)"
mkdir mnt/a mnt/b mnt/c
wait "$wait1"
is "waited for" "fired 2" "$(cat waited)"
rmdir mnt/a &
sleeper=$!
wait "$wait2"
is "and for one that sleeps" "fired 1" "$(cat waited2)"
is "it is over HTTP, too" "200 2" "$(http GET '/fs/mkdir/wait?fired=2')"
"$f" fault remove mnt fs/rmdir
wait "$sleeper"
ok "a sleep for ever ends with its rule" [ ! -e mnt/a ]
"$f" fault wait --fired 100 --timeout 60s mnt fs/mkdir 2>err &
wait1=$!
"$f" fault set mnt fs/open=off
wait "$wait1" && status=0 || status=$?
is "a wait ends when its rule is gone" 1 "$status"
gives 0 "" timeout 20 sh -c "timeout -s INT 0.3 $f fault wait mnt fs/open || true"
gives 0 "" "$f" umount mnt
tap_done
