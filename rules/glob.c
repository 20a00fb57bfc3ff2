/* SPDX-License-Identifier: MIT */
/*
 * The pattern becomes a list of parts, and matching follows all ways through it
 * at once: a bit for each part that may come next. Before that the bytes at both
 * ends are compared, which decides nearly always.
 */
#include "rules/glob.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"

#define WORD_BITS 64
#define WORDS ((GLOB_PARTS_MAX + 1 + WORD_BITS - 1) / WORD_BITS)
#define CLASS_WORDS 4 /* a bit for each byte */

enum kind {
	BYTE,
	ANY,   /* ? */
	CLASS, /* [...] */
	NAME,  /* * */
	ALL,   /* ** */
	NAMES, /* the ** of "**" and a slash: any names with theirs, or none */
};

struct part {
	unsigned char kind;
	unsigned char byte;
	unsigned short class; /* index in classes */
};

struct class
{
	uint64_t bits[CLASS_WORDS];
};

struct glob {
	char *pattern;
	struct part *parts;
	size_t part_count;
	struct class *classes;
	size_t class_count;
	bool literal;
	char *ends; /* the head, the tail, the beginning of the last name */
	size_t head_bytes;
	size_t tail_bytes;
	size_t name_bytes;
};

struct parser {
	const char *pattern;
	size_t length;
	size_t at;
	struct glob *glob;
	size_t *reterr_offset;
	struct errmsg *why;
};

static int refuse(const struct parser *parser, size_t offset, const char *words)
{
	*parser->reterr_offset = offset;
	errmsg_set(parser->why, "%s", words);
	return -EINVAL;
}

static void add(struct parser *parser, enum kind kind, unsigned char byte)
{
	struct glob *glob = parser->glob;
	glob->parts[glob->part_count++] = (struct part){
		.kind = (unsigned char)kind,
		.byte = byte,
		.class = (unsigned short)glob->class_count,
	};
}

static bool at_char(const struct parser *parser, size_t at, char c)
{
	return at < parser->length && parser->pattern[at] == c;
}

static bool at_stars(const struct parser *parser, size_t at)
{
	return at_char(parser, at, '*') && at_char(parser, at + 1, '*');
}

static void allow(struct class *class, unsigned char from, unsigned char to)
{
	for (unsigned int c = from; c <= to; c++)
		class->bits[c / WORD_BITS] |= UINT64_C(1) << c % WORD_BITS;
}

/* One byte of a class, maybe behind a backslash. */
static int class_byte(struct parser *parser, unsigned char *ret_byte)
{
	if (at_char(parser, parser->at, '\\'))
		parser->at++;
	if (parser->at >= parser->length)
		return refuse(parser, parser->length, "']' is missing");
	if (at_char(parser, parser->at, '/'))
		return refuse(parser, parser->at,
			      "a '/' cannot stand in '[]', which is never one");
	*ret_byte = (unsigned char)parser->pattern[parser->at++];
	return 0;
}

static int class_range(struct parser *parser, struct class *class)
{
	size_t begin = parser->at;
	unsigned char from;
	int r = class_byte(parser, &from);
	if (r < 0)
		return r;
	unsigned char to = from;
	if (at_char(parser, parser->at, '-') &&
	    !at_char(parser, parser->at + 1, ']')) {
		parser->at++;
		r = class_byte(parser, &to);
	}
	if (r == 0 && to < from)
		return refuse(parser, begin,
			      "this range ends before it begins");
	if (r == 0)
		allow(class, from, to);
	return r;
}

static int parse_class(struct parser *parser)
{
	struct class class = {0};
	size_t begin = parser->at++;
	bool negated = at_char(parser, parser->at, '!');
	parser->at += negated;
	if (at_char(parser, parser->at, ']'))
		return refuse(
			parser, begin,
			"'[]' has no byte in it; write \\[ for a bracket");
	while (!at_char(parser, parser->at, ']')) {
		if (parser->at >= parser->length)
			return refuse(parser, begin,
				      "'[' is not closed; ']' is missing, or "
				      "write \\[ for a bracket");
		int r = class_range(parser, &class);
		if (r < 0)
			return r;
	}
	parser->at++;
	for (int i = 0; negated && i < CLASS_WORDS; i++)
		class.bits[i] = ~class.bits[i];
	class.bits['/' / WORD_BITS] &= ~(UINT64_C(1) << '/' % WORD_BITS);
	add(parser, CLASS, 0);
	parser->glob->classes[parser->glob->class_count++] = class;
	return 0;
}

/* "**" in front of a slash and behind another, or at the beginning, is any
 * number of whole names. */
static int parse_stars(struct parser *parser)
{
	size_t begin = parser->at;
	if (!at_stars(parser, begin)) {
		parser->at++;
		add(parser, NAME, 0);
		return 0;
	}
	if (at_char(parser, begin + 2, '*'))
		return refuse(
			parser, begin,
			"'***' means nothing; use '*' within a name, '**' "
			"across names");
	bool whole = (begin == 0 || parser->pattern[begin - 1] == '/') &&
		     at_char(parser, begin + 2, '/');
	parser->at += whole ? 3 : 2;
	add(parser, whole ? NAMES : ALL, 0);
	return 0;
}

static int parse_part(struct parser *parser)
{
	char c = parser->pattern[parser->at];
	if (c == '*')
		return parse_stars(parser);
	if (c == '[')
		return parse_class(parser);
	if (c == '\\' && ++parser->at >= parser->length)
		return refuse(parser, parser->at - 1,
			      "nothing stands behind '\\'; write \\\\ for a "
			      "backslash");
	if (c == '\\' && at_char(parser, parser->at, '/'))
		return refuse(parser, parser->at - 1,
			      "a '/' always ends a name; leave the '\\' out");
	add(parser, c == '?' ? ANY : BYTE,
	    (unsigned char)parser->pattern[parser->at]);
	parser->at++;
	return 0;
}

/* A name that no path has. */
static int check_name(const struct parser *parser, size_t begin, size_t end)
{
	const char *name = parser->pattern + begin;
	size_t length = end - begin;
	if (length == 0 && begin > 0)
		return refuse(
			parser, begin,
			end == parser->length
				? "no path ends with '/'; leave it out, or "
				  "write '/**' for all below"
				: "no path has '//'; leave one out");
	if ((length == 1 && name[0] == '.') ||
	    (length == 2 && name[0] == '.' && name[1] == '.'))
		return refuse(parser, begin,
			      "no path has '.' or '..' in it, they count from "
			      "the mount's root");
	return 0;
}

static int check_names(const struct parser *parser, bool *ret_slash)
{
	size_t begin = 0;
	*ret_slash = false;
	if (parser->length == 0)
		return refuse(parser, 0,
			      "the pattern is empty; write ** for "
			      "every path");
	if (parser->length == 1 && parser->pattern[0] == '/') {
		*ret_slash = true;
		return 0;
	}
	for (size_t i = 0; i <= parser->length; i++) {
		if (i < parser->length && parser->pattern[i] != '/')
			continue;
		int r = check_name(parser, begin, i);
		if (r < 0)
			return r;
		*ret_slash |= i < parser->length;
		begin = i + 1;
	}
	return 0;
}

static bool has_stars(const struct parser *parser)
{
	bool in_class = false;
	for (size_t i = 0; i < parser->length; i++) {
		char c = parser->pattern[i];
		if (c == '\\')
			i++;
		else if (c == '[' || c == ']')
			in_class = c == '[' || (in_class && c != ']');
		else if (!in_class && at_stars(parser, i))
			return true;
	}
	return false;
}

static int parse_parts(struct parser *parser)
{
	bool slash;
	int r = check_names(parser, &slash);
	if (r < 0)
		return r;
	bool whole = slash || has_stars(parser);
	/* "**.wal" begins with the slash that is left out elsewhere. */
	bool open = at_stars(parser, 0) && !at_char(parser, 2, '/');
	if (!at_char(parser, 0, '/') && !open)
		add(parser, BYTE, '/');
	if (!whole)
		add(parser, NAMES, 0);
	while (r == 0 && parser->at < parser->length)
		r = parse_part(parser);
	return r;
}

/* The bytes at both ends. Behind NAMES, which may be nothing, stands a slash in
 * every path: the one before it, or its own. */
static void find_ends(struct glob *glob)
{
	size_t head = 0;
	size_t tail = glob->part_count;
	while (head < glob->part_count && glob->parts[head].kind == BYTE)
		glob->ends[glob->head_bytes++] = (char)glob->parts[head++].byte;
	glob->literal = head == glob->part_count;
	if (glob->literal)
		return;
	while (glob->parts[tail - 1].kind == BYTE)
		tail--;
	if (glob->parts[tail - 1].kind == NAMES)
		glob->ends[glob->head_bytes + glob->tail_bytes++] = '/';
	for (; tail < glob->part_count; tail++)
		glob->ends[glob->head_bytes + glob->tail_bytes++] =
			(char)glob->parts[tail].byte;
}

/* Behind the last slash, unless "**" can bring another. */
static void find_name(struct glob *glob)
{
	char *name = glob->ends + glob->head_bytes + glob->tail_bytes;
	size_t last = glob->part_count;
	while (last > 0) {
		const struct part *part = &glob->parts[last - 1];
		if (part->kind == ALL)
			return;
		if (part->kind == NAMES ||
		    (part->kind == BYTE && part->byte == '/'))
			break;
		last--;
	}
	if (last == 0)
		return;
	name[glob->name_bytes++] = '/';
	for (; last < glob->part_count && glob->parts[last].kind == BYTE;
	     last++)
		name[glob->name_bytes++] = (char)glob->parts[last].byte;
}

static int build(struct parser *parser)
{
	struct glob *glob = parser->glob;
	/* A slash and NAMES are added in front; classes have two brackets. */
	glob->parts = calloc(parser->length + 2, sizeof(*glob->parts));
	glob->classes = calloc(parser->length / 3 + 1, sizeof(*glob->classes));
	glob->ends = calloc(3, parser->length + 2);
	glob->pattern = strndup(parser->pattern, parser->length);
	if (glob->pattern == NULL || glob->parts == NULL ||
	    glob->classes == NULL || glob->ends == NULL)
		return -ENOMEM;
	int r = parse_parts(parser);
	if (r < 0)
		return r;
	find_ends(glob);
	find_name(glob);
	if (!glob->literal && glob->part_count > GLOB_PARTS_MAX)
		return refuse(parser, 0,
			      "a pattern with wildcards has at most 319 parts");
	return 0;
}

int glob_parse(const char *pattern, size_t length_bytes, struct glob **ret_glob,
	       size_t *reterr_offset, struct errmsg *reterr_why)
{
	struct parser parser = {
		.pattern = pattern,
		.length = length_bytes,
		.reterr_offset = reterr_offset,
		.why = reterr_why,
	};
	if (length_bytes > GLOB_LENGTH_MAX)
		return refuse(&parser, GLOB_LENGTH_MAX,
			      "the pattern is longer than 4096 bytes");
	parser.glob = calloc(1, sizeof(*parser.glob));
	int r = parser.glob == NULL ? -ENOMEM : build(&parser);
	if (r < 0) {
		glob_free(parser.glob);
		return r;
	}
	*ret_glob = parser.glob;
	return 0;
}

void glob_free(struct glob *glob)
{
	if (glob == NULL)
		return;
	free(glob->pattern);
	free(glob->parts);
	free(glob->classes);
	free(glob->ends);
	free(glob);
}

static bool is_set(const uint64_t *states, size_t index)
{
	return states[index / WORD_BITS] >> index % WORD_BITS & 1;
}

static void set(uint64_t *states, size_t index)
{
	states[index / WORD_BITS] |= UINT64_C(1) << index % WORD_BITS;
}

/* The part may come next, and so may what is behind it if it may be nothing. */
static void enter(const struct glob *glob, uint64_t *states, size_t index)
{
	set(states, index);
	while (index < glob->part_count && glob->parts[index].kind >= NAME)
		set(states, ++index);
}

static bool class_has(const struct class *class, unsigned char c)
{
	return class->bits[c / WORD_BITS] >> c % WORD_BITS & 1;
}

/* The part takes the byte, or not; it may stay what comes next. */
static void take(const struct glob *glob, size_t index, unsigned char c,
		 uint64_t *states)
{
	const struct part *part = &glob->parts[index];
	switch ((enum kind)part->kind) {
	case BYTE:
		if (part->byte == c)
			enter(glob, states, index + 1);
		break;
	case ANY:
		if (c != '/')
			enter(glob, states, index + 1);
		break;
	case CLASS:
		if (class_has(&glob->classes[part->class], c))
			enter(glob, states, index + 1);
		break;
	case NAME:
		if (c != '/')
			enter(glob, states, index);
		break;
	case ALL:
		enter(glob, states, index);
		break;
	case NAMES:
		/* Within a name nothing else may come. */
		set(states, index);
		if (c == '/')
			enter(glob, states, index + 1);
		break;
	}
}

static bool walk(const struct glob *glob, const char *path, size_t length)
{
	uint64_t states[WORDS] = {0};
	size_t words = glob->part_count / WORD_BITS + 1;
	enter(glob, states, 0);
	for (size_t i = 0; i < length; i++) {
		uint64_t next[WORDS] = {0};
		uint64_t any = 0;
		for (size_t w = 0; w < words; w++) {
			uint64_t left = states[w];
			for (; left != 0; left &= left - 1) {
				size_t index = w * WORD_BITS +
					       (size_t)__builtin_ctzll(left);
				if (index < glob->part_count)
					take(glob, index,
					     (unsigned char)path[i], next);
			}
		}
		for (size_t w = 0; w < words; w++)
			any |= states[w] = next[w];
		if (any == 0)
			return false;
	}
	return is_set(states, glob->part_count);
}

bool glob_matches(const struct glob *glob, const char *path,
		  size_t length_bytes)
{
	if (length_bytes < glob->head_bytes ||
	    length_bytes < glob->tail_bytes ||
	    memcmp(path, glob->ends, glob->head_bytes) != 0 ||
	    memcmp(path + length_bytes - glob->tail_bytes,
		   glob->ends + glob->head_bytes, glob->tail_bytes) != 0)
		return false;
	if (glob->literal)
		return length_bytes == glob->head_bytes;
	return walk(glob, path, length_bytes);
}

const char *glob_head(const struct glob *glob, size_t *ret_length_bytes)
{
	*ret_length_bytes = glob->head_bytes;
	return glob->ends;
}

const char *glob_tail(const struct glob *glob, size_t *ret_length_bytes)
{
	*ret_length_bytes = glob->tail_bytes;
	return glob->ends + glob->head_bytes;
}

const char *glob_name(const struct glob *glob, size_t *ret_length_bytes)
{
	*ret_length_bytes = glob->name_bytes;
	return glob->ends + glob->head_bytes + glob->tail_bytes;
}

const char *glob_pattern(const struct glob *glob)
{
	return glob->pattern;
}

bool glob_is_literal(const struct glob *glob)
{
	return glob->literal;
}
