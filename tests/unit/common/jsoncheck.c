/* SPDX-License-Identifier: MIT */
#include "tests/unit/common/jsoncheck.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#define DEPTH_MAX 8

static const char *skip_blanks(const char *c)
{
	return c + strspn(c, " \t\r\n");
}

/* Each of the skip_ functions returns what follows, or NULL. */
static const char *skip_string(const char *c)
{
	if (*c++ != '"')
		return NULL;
	for (; *c != '"'; c++) {
		if ((unsigned char)*c < ' ')
			return NULL; /* the end, too */
		if (*c != '\\')
			continue;
		c++;
		if (*c == 'u') {
			for (int i = 0; i < 4; i++)
				if (!isxdigit((unsigned char)*++c))
					return NULL;
		} else if (!*c || !strchr("\"\\/bfnrt", *c)) {
			return NULL;
		}
	}
	return c + 1;
}

static const char *skip_number(const char *c)
{
	size_t digits;

	c += *c == '-';
	digits = strspn(c, "0123456789");
	if (digits == 0 || (digits > 1 && *c == '0'))
		return NULL;
	c += digits;
	if (*c == '.') {
		digits = strspn(++c, "0123456789");
		if (digits == 0)
			return NULL;
		c += digits;
	}
	return c;
}

static const char *skip_word(const char *c)
{
	static const char *const words[] = {"true", "false", "null"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strncmp(c, words[i], strlen(words[i])) == 0)
			return c + strlen(words[i]);
	return NULL;
}

/* A key with its colon, inside of an object. */
static const char *skip_key(const char *c)
{
	c = skip_string(skip_blanks(c));
	if (!c)
		return NULL;
	c = skip_blanks(c);
	return *c == ':' ? skip_blanks(c + 1) : NULL;
}

static const char *skip_scalar(const char *c)
{
	if (*c == '"')
		return skip_string(c);
	return *c == '-' || isdigit((unsigned char)*c) ? skip_number(c)
						       : skip_word(c);
}

/* Closes what ends behind a value and takes the comma before the next one.
 * Sets *depth to 0 at the end of the whole. */
static const char *skip_ends(const char *c, const char *closers, size_t *depth)
{
	while (*depth > 0) {
		char closer = closers[*depth - 1];

		c = skip_blanks(c);
		if (*c == ',')
			return closer == '}' ? skip_key(c + 1)
					     : skip_blanks(c + 1);
		if (*c != closer)
			return NULL;
		c++;
		(*depth)--;
	}
	return c;
}

bool jsoncheck_valid(const char *text)
{
	char closers[DEPTH_MAX];
	const char *c = skip_blanks(text);
	size_t depth = 0;

	do {
		if (*c == '{' || *c == '[') {
			if (depth == DEPTH_MAX)
				return false;
			closers[depth++] = *c == '{' ? '}' : ']';
			c = skip_blanks(c + 1);
			if (*c != closers[depth - 1]) {
				c = closers[depth - 1] == '}' ? skip_key(c) : c;
				if (!c)
					return false;
				continue;
			}
		} else {
			c = skip_scalar(c);
		}
		c = c ? skip_ends(c, closers, &depth) : NULL;
	} while (c && depth > 0);
	return c && *skip_blanks(c) == '\0';
}
