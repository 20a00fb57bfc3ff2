/* SPDX-License-Identifier: MIT */
/*
 * A table of tests/vectors: lines of cells with tabs between; lines that begin
 * with '#' are comments. A cell "in quotes" has escapes (\n, \t, \xHH, \" and
 * \\) and other bytes as they are.
 */
#ifndef FLAKEY_TESTS_UNIT_FAILPOINTS_VECTOR_H
#define FLAKEY_TESTS_UNIT_FAILPOINTS_VECTOR_H

#include <stddef.h>

#define VECTOR_CELLS_MAX 4

struct vector {
	char *text; /* owned; the cells point into it */
	char *cursor;
	char *cells[VECTOR_CELLS_MAX]; /* "" where a line has fewer */
	/* Of an unquoted cell, which may hold NULs. */
	size_t lengths[VECTOR_CELLS_MAX];
};

/* Opens a table by its file's name. The test ends when it cannot. */
void vector_open(struct vector *vector, const char *name);
void vector_close(struct vector *vector);

/* Reads the next line with its cells as they are. Returns 0 at the end. */
int vector_next(struct vector *vector);

/* Takes a cell out of its quotes, in place. */
void vector_unquote(struct vector *vector, size_t cell);

#endif
