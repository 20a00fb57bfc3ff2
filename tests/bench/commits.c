/* SPDX-License-Identifier: MIT */
/*
 *	commits DIR MS
 *
 * Commits transactions of one row each to a new SQLite database in DIR for MS
 * milliseconds, with SQLite's own defaults (rollback journal, full sync), and
 * prints "sqlite RATE".
 */
#include <err.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void execute(sqlite3 *db, const char *sql)
{
	char *why = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		errx(1, "%s: %s", sql, why);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: commits DIR MS");
	char path[4096];
	snprintf(path, sizeof(path), "%s/commits.db", argv[1]);
	sqlite3 *db;
	if (sqlite3_open(path, &db) != SQLITE_OK)
		errx(1, "%s: %s", path, sqlite3_errmsg(db));
	execute(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, what TEXT)");
	int64_t begin = now_ns();
	int64_t count = 0;
	for (; now_ns() - begin < atoll(argv[2]) * 1000000; count++)
		execute(db, "INSERT INTO t (what) VALUES ('one hundred bytes of"
			    " text, more or less, as a small row of a program"
			    " has it: name, address, and so on')");
	printf("sqlite %.1f\n",
	       (double)count * 1e9 / (double)(now_ns() - begin));
	sqlite3_close(db);
	if (unlink(path) < 0)
		err(1, "unlink '%s'", path);
	return 0;
}
