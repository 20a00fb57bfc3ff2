/* SPDX-License-Identifier: MIT */
/*
 * ledger write DB JOURNAL SYNCHRONOUS
 *	opens a SQLite database, says "ready", and then for each line on its
 *	standard input commits one payment and prints its number: that number
 *	is what a customer was promised.
 * ledger check DB
 *	opens it as after a power failure, lets SQLite recover, and prints
 *	"N rows", or "corrupt: REASON" with status 1.
 */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SQL_MAX 256
#define LINE_MAX_BYTES 64

static void die(sqlite3 *db, const char *what)
{
	fprintf(stderr, "ledger: %s: %s\n", what, sqlite3_errmsg(db));
	exit(1);
}

static void run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		die(db, sql);
}

/* One value as text; NULL, with the error in db, if there is none. */
static char *ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	char *answer = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		answer =
			strdup((const char *)sqlite3_column_text(statement, 0));
	(void)sqlite3_finalize(statement); /* repeats the error of the step */
	return answer;
}

static void set(sqlite3 *db, const char *name, const char *value)
{
	char sql[SQL_MAX];
	char *answer;

	(void)snprintf(sql, sizeof(sql), "PRAGMA %s=%s", name, value);
	answer = ask(db, sql);
	/* synchronous answers nothing; journal_mode answers what is in force,
	 * which may be another than was asked for. */
	if (answer && strcasecmp(answer, value) != 0) {
		fprintf(stderr, "ledger: %s is '%s', not '%s'\n", name, answer,
			value);
		exit(1);
	}
	free(answer);
}

static sqlite3 *open_database(const char *path, int flags)
{
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK)
		die(db, path);
	return db;
}

/* A page and more for each payment, so that the file really grows. */
static void commit(sqlite3 *db, unsigned int number)
{
	char sql[SQL_MAX];

	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO payments VALUES(%u, zeroblob(5000))",
		       number);
	run(db, sql);
}

static int write_payments(const char *path, const char *journal,
			  const char *synchronous)
{
	sqlite3 *db =
		open_database(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	unsigned int number = 0;
	char line[LINE_MAX_BYTES];

	set(db, "journal_mode", journal);
	set(db, "synchronous", synchronous);
	run(db, "CREATE TABLE IF NOT EXISTS payments(id INTEGER PRIMARY KEY,"
		" note BLOB)");
	printf("ready\n");
	while (fflush(stdout) == 0 && fgets(line, sizeof(line), stdin)) {
		commit(db, ++number);
		printf("%u\n", number);
	}
	return sqlite3_close(db) != SQLITE_OK;
}

static int check(const char *path)
{
	sqlite3 *db = open_database(path, SQLITE_OPEN_READWRITE);
	char *verdict = ask(db, "PRAGMA integrity_check");
	char *rows = ask(db, "SELECT count(*) FROM payments");
	bool good = verdict && rows && strcmp(verdict, "ok") == 0;

	if (good)
		printf("%s rows\n", rows);
	else
		printf("corrupt: %s\n", verdict && strcmp(verdict, "ok") != 0
						? verdict
						: sqlite3_errmsg(db));
	free(verdict);
	free(rows);
	(void)sqlite3_close(db); /* the verdict is out */
	return !good;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "write") == 0)
		return write_payments(argv[2], argv[3], argv[4]);
	if (argc == 3 && strcmp(argv[1], "check") == 0)
		return check(argv[2]);
	fprintf(stderr, "usage: ledger write DB JOURNAL SYNCHRONOUS\n"
			"       ledger check DB\n");
	return 2;
}
