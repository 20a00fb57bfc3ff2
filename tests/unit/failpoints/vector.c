/* SPDX-License-Identifier: MIT */
#include "tests/unit/failpoints/vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FILE_MAX 65536

void vector_open(struct vector *vector, const char *name)
{
	const char *folder = getenv("FLAKEY_TEST_VECTORS");
	char path[4096];
	FILE *file;
	size_t length;

	assert_non_null(folder);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	assert_non_null(file);
	*vector = (struct vector){.text = calloc(1, FILE_MAX + 1)};
	assert_non_null(vector->text);
	length = fread(vector->text, 1, FILE_MAX, file);
	assert_in_range(length, 1, FILE_MAX - 1);
	assert_int_equal(fclose(file), 0);
	vector->cursor = vector->text;
}

void vector_close(struct vector *vector)
{
	free(vector->text);
}

int vector_next(struct vector *vector)
{
	char *line;

	do {
		line = vector->cursor;
		if (*line == '\0')
			return 0;
		vector->cursor += strcspn(line, "\n");
		if (*vector->cursor == '\n')
			*vector->cursor++ = '\0';
	} while (*line == '#' || *line == '\0');
	for (size_t i = 0; i < VECTOR_CELLS_MAX; i++) {
		vector->cells[i] = line;
		vector->lengths[i] = strcspn(line, "\t");
		line += vector->lengths[i];
		if (*line == '\t')
			*line++ = '\0';
	}
	return 1;
}

void vector_unquote(struct vector *vector, size_t cell)
{
	char *in = vector->cells[cell];
	char *end = in + vector->lengths[cell] - 1;
	char *out = in;

	assert_true(end > in && *in == '"' && *end == '"');
	for (in++; in < end; in++) {
		if (*in != '\\') {
			*out++ = *in;
			continue;
		}
		switch (*++in) {
		case 'n':
			*out++ = '\n';
			break;
		case 't':
			*out++ = '\t';
			break;
		case 'x': {
			char digits[3] = {in[1], in[2], '\0'};

			*out++ = (char)strtol(digits, NULL, 16);
			in += 2;
			break;
		}
		default:
			assert_true(*in == '"' || *in == '\\');
			*out++ = *in;
		}
	}
	vector->lengths[cell] = (size_t)(out - vector->cells[cell]);
	*out = '\0';
}
