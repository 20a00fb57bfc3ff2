#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, PostgreSQL does not run on the mount, or loses a commit that it
# acknowledged, or finds its cluster broken after a power failure.
set -eu
# shellcheck source=../harness/tap.sh
. "$TAP_SH"

bin=
for directory in /usr/lib/postgresql/*/bin; do
	[ ! -x "$directory/initdb" ] || bin=$directory
done
[ -n "$bin" ] || tap_skip_all "no PostgreSQL server"
PATH=$bin:$PATH
cluster=$MNT/cluster
export PGHOST="$WORK" PGUSER=tester PGDATABASE=postgres

# The server stops and its disk crashes; then it is dead. It must not see the
# crash, or it would repair its files before the power is off. Also the end of
# the test, however it comes.
postmaster=
power_off() {
	[ -n "$postmaster" ] || return 0
	kill -STOP "$postmaster" 2>/dev/null || true
	backends=$(pgrep -P "$postmaster" || true)
	# shellcheck disable=SC2086 # a list of numbers
	kill -STOP $backends 2>/dev/null || true
	verb crash || true
	# shellcheck disable=SC2086 # a list of numbers
	kill -9 "$postmaster" $backends 2>/dev/null || true
	wait "$postmaster" 2>/dev/null || true
	postmaster=
	for process in $backends; do
		until_true 20 is_gone "$process" || return
	done
}
trap power_off EXIT
trap 'exit 1' INT TERM HUP

# A child of ours, so that it can be waited for: the next one refuses to start
# while a process of the old number is there, be it a zombie.
start() {
	# Shared memory in files of the cluster: segments of a killed server
	# would stay on the host.
	postgres -D "$cluster" -k "$WORK" -c listen_addresses= \
		-c dynamic_shared_memory_type=mmap \
		-c max_connections=10 >>"$WORK/log" 2>&1 &
	postmaster=$!
	until_true 60 pg_isready -q && return
	tail -n 20 "$WORK/log"
	return 1
}

stop() {
	pg_ctl -D "$cluster" -w -m fast stop || return
	wait "$postmaster" || true
	postmaster=
}

sql() {
	psql -XAtq -v ON_ERROR_STOP=1 -c "$1"
}

# Rows that the server acknowledged are in $WORK/acknowledged, one a line.
insert_rows() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		sql "INSERT INTO promise(note) VALUES ('n$i') RETURNING id" \
			>>"$WORK/acknowledged" || return
	done
}

missing_rows() {
	sql "SELECT id FROM promise" | sort >"$WORK/found"
	sort "$WORK/acknowledged" | comm -23 - "$WORK/found"
}

some_work_was_done() {
	[ "$(sql 'SELECT count(*) FROM pgbench_history')" -gt "$1" ]
}

sums_differ() {
	sql "SELECT 'sums differ' WHERE
		(SELECT sum(abalance) FROM pgbench_accounts) <>
		(SELECT coalesce(sum(delta), 0) FROM pgbench_history)
		OR (SELECT sum(tbalance) FROM pgbench_tellers) <>
		(SELECT sum(bbalance) FROM pgbench_branches)"
}

ok "initdb" initdb -D "$cluster" -U tester -A trust --locale=C -E UTF8
ok "the server starts" start
ok "a table" sql "CREATE TABLE promise(id serial PRIMARY KEY, note text)"
ok "pgbench's tables" pgbench -q -i -s 1
ok "rows are inserted" insert_rows
for round in 1 2; do
	done_before=$(sql 'SELECT count(*) FROM pgbench_history')
	pgbench -n -c 3 -T 120 >"$WORK/pgbench" 2>&1 &
	bench=$!
	ok "round $round: work is under way" \
		until_true 60 some_work_was_done $((done_before + 50))
	ok "round $round: rows are inserted meanwhile" insert_rows
	ok "round $round: the power fails" power_off
	kill "$bench" 2>/dev/null || true
	wait "$bench" || true
	ok "round $round: the server starts again" start
	ok "round $round: it recovered from a crash" \
		grep -q 'was not properly shut down' "$WORK/log"
	is "round $round: every acknowledged row is there" "" "$(missing_rows)"
	is "round $round: every transaction is whole" "" "$(sums_differ)"
	: >"$WORK/log"
done
ok "a dump reads everything" sh -c "pg_dump postgres >$WORK/dump"
ok "the server stops" stop
verb crash
ok "and starts after a crash of the stopped" start
is "with every row" "" "$(missing_rows)"
ok "and stops" stop
tap_done
