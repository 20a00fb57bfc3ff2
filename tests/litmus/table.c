/* SPDX-License-Identifier: MIT */
#include "tests/litmus/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX 8
#define FILE_BYTES_MAX (1 << 20)

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, FILE_BYTES_MAX + 1);

	if (file && text) {
		size_t n = fread(text, 1, FILE_BYTES_MAX, file);

		if (n == FILE_BYTES_MAX || ferror(file)) {
			free(text);
			text = NULL;
			errno = EFBIG;
		}
	}
	if (file)
		(void)fclose(file); /* only read from */
	else {
		free(text);
		text = NULL;
	}
	return text;
}

static size_t split(char *line, char **cells)
{
	size_t count = 0;
	char *rest = line;

	while (rest && count < CELLS_MAX)
		cells[count++] = strsep(&rest, "\t");
	return count;
}

static int find_column(char *header, const char *name, size_t *ret_column)
{
	char *cells[CELLS_MAX];
	size_t count = split(header, cells);

	for (size_t i = 3; i < count; i++)
		if (strcmp(cells[i], name) == 0) {
			*ret_column = i;
			return 0;
		}
	return -ENOENT;
}

static int add_row(struct table *table, char *line, size_t column)
{
	char *cells[CELLS_MAX];

	if (split(line, cells) <= column || table->count == TABLE_ROWS_MAX)
		return -EINVAL;
	table->rows[table->count++] = (struct table_row){
		.id = cells[0],
		.setup = cells[1],
		.ops = cells[2],
		.expected = cells[column],
	};
	return 0;
}

static int parse(struct table *table, const char *column_name)
{
	char *rest = table->text;
	char *line = strsep(&rest, "\n");
	size_t column = 0;
	int r = find_column(line, column_name, &column);

	while (r == 0 && (line = strsep(&rest, "\n")))
		if (*line && *line != '#')
			r = add_row(table, line, column);
	return r;
}

int table_read(const char *path, const char *column, struct table **ret_table)
{
	struct table *table = calloc(1, sizeof(*table));
	int r;

	if (!table)
		return -ENOMEM;
	table->text = read_text(path);
	r = table->text ? parse(table, column) : -errno;
	if (r < 0)
		table_free(table);
	else
		*ret_table = table;
	return r;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	free(table->text);
	free(table);
}
