#!/bin/bash
# SPDX-License-Identifier: MIT
# caches_are_what_they_are_called.sh through|back|none: if this fails, the mount
# uses the kernel's cache in another way than the one that was asked for: writes
# do not arrive one by one, reads cost more than they need, or less than a test
# that wants to see all of them believes.
set -eu
# shellcheck source=../harness/tap.sh
. "$TAP_SH"
cache=$1
many=200

# How many requests a command costs, without those of asking.
requests_of()
{
	local before between
	before=$(status_number requests)
	between=$(status_number requests)
	"$@" >/dev/null 2>&1
	echo $(($(status_number requests) - 2 * between + before))
}

# Open, look, flush and release, but none of the reads or writes.
is_few()
{
	echo "$1 requests"
	[ "$1" -le 8 ]
}

is_each()
{
	echo "$1 requests"
	[ "$1" -ge "$many" ]
}

is_few_unless()
{
	if [ "$cache" = "$1" ]; then is_each "$2"; else is_few "$2"; fi
}

is_each_unless()
{
	if [ "$cache" = "$1" ]; then is_few "$2"; else is_each "$2"; fi
}

# Large enough that reading it ahead takes more than a few requests, too.
head -c 16M /dev/zero >"$MNT/a"
verb sync
cat "$MNT/a" >/dev/null
ok "a second read costs nothing, or each its request" is_few_unless none \
	"$(requests_of dd if="$MNT/a" of=/dev/null bs=64k count=$many)"
ok "each write arrives by itself, or late" is_each_unless back \
	"$(requests_of dd if=/dev/zero of="$MNT/a" bs=10 count=$many \
		conv=notrunc)"
ok "what was written is read from the cache, or not" is_few_unless none \
	"$(requests_of dd if="$MNT/a" of=/dev/null bs=64k count=$many)"
verb evict
ok "what was evicted is asked for again" \
	[ "$(requests_of cat "$MNT/a")" -gt 12 ]
tap_done
