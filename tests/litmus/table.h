/* SPDX-License-Identifier: MIT */
/*
 * A crash table: lines of tab-separated cells. The first line is
 * "# id<TAB>setup...<TAB>ops<TAB>PROFILE<TAB>..." and names the columns of
 * results; further lines that begin with '#' are comments.
 */
#ifndef FLAKEY_TESTS_LITMUS_TABLE_H
#define FLAKEY_TESTS_LITMUS_TABLE_H

#include <stddef.h>

#define TABLE_ROWS_MAX 4096

struct table_row {
	const char *id;
	const char *setup;
	const char *ops;
	const char *expected;
};

struct table {
	char *text; /* owned; the rows point into it */
	size_t count;
	struct table_row rows[TABLE_ROWS_MAX];
};

/* Reads path, taking the column of that name as expected. Returns 0 or a
 * negative errno: -ENOENT for no such file or column, -EINVAL for a row of
 * another shape. Free with table_free(). */
int table_read(const char *path, const char *column, struct table **ret_table);
void table_free(struct table *table);

#endif
