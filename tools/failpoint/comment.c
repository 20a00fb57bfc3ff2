/* SPDX-License-Identifier: MIT */
#include "tools/failpoint/comment.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/errmsg.h"

#define TYPES "int, int64_t, string, const char *, bool, errno or void"
/* No type is longer; what is, is cut for the message. */
#define TYPE_MAX 40

static const struct {
	const char *name;
	enum comment_type type;
} types[] = {
	{"void", COMMENT_VOID},		 {"int", COMMENT_INT},
	{"int64_t", COMMENT_INT64},	 {"string", COMMENT_STRING},
	{"const char*", COMMENT_STRING}, {"bool", COMMENT_BOOL},
	{"errno", COMMENT_ERRNO},
};

/* A part of the text that is being taken apart. */
struct cursor {
	const char *at;
	const char *end;
};

static void skip_blanks(struct cursor *cursor)
{
	while (cursor->at < cursor->end && strchr(" \t", *cursor->at) &&
	       *cursor->at)
		cursor->at++;
}

static bool take(struct cursor *cursor, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(cursor->end - cursor->at) < length ||
	    memcmp(cursor->at, word, length) != 0)
		return false;
	cursor->at += length;
	return true;
}

/* The length of the identifier here. */
static size_t identifier(const struct cursor *cursor)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char digits[] = "0123456789";
	const char *c = cursor->at;

	while (c < cursor->end && *c &&
	       (strchr(letters, *c) || (c > cursor->at && strchr(digits, *c))))
		c++;
	return (size_t)(c - cursor->at);
}

static int take_name(struct cursor *cursor, struct comment *comment,
		     struct errmsg *reterr_why)
{
	size_t length = identifier(cursor);

	if (length > COMMENT_NAME_MAX) {
		errmsg_set(reterr_why, "the name '%.20s...' is longer than %d",
			   cursor->at, COMMENT_NAME_MAX);
		return -EINVAL;
	}
	memcpy(comment->name, cursor->at, length);
	comment->name[length] = '\0';
	cursor->at += length;
	return 0;
}

/* Copies what is left, one blank for many and none around a star. */
static void copy_type(const struct cursor *cursor, char type[static TYPE_MAX])
{
	size_t length = 0;
	bool blank = false;

	for (const char *c = cursor->at; c < cursor->end; c++) {
		if (*c == ' ' || *c == '\t') {
			blank = true;
			continue;
		}
		if (blank && length > 0 && *c != '*' && length < TYPE_MAX - 1)
			type[length++] = ' ';
		blank = false;
		if (length < TYPE_MAX - 1)
			type[length++] = *c;
	}
	type[length] = '\0';
}

static int parse_type(const struct cursor *cursor, struct comment *comment,
		      struct errmsg *reterr_why)
{
	char type[TYPE_MAX];

	copy_type(cursor, type);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i].name, type) == 0) {
			comment->type = types[i].type;
			return 0;
		}
	}
	if (type[0])
		errmsg_set(reterr_why,
			   "unknown type '%s' of the point '%s'; use " TYPES,
			   type, comment->name);
	else
		errmsg_set(reterr_why, "the point '%s' has no type; use " TYPES,
			   comment->name);
	return -EINVAL;
}

static int parse_point(struct cursor *cursor, struct comment *comment,
		       struct errmsg *reterr_why)
{
	int r;

	skip_blanks(cursor);
	r = take_name(cursor, comment, reterr_why);
	if (r < 0)
		return r;
	if (!comment->name[0] || (cursor->at < cursor->end &&
				  *cursor->at != ' ' && *cursor->at != '\t')) {
		errmsg_set(reterr_why,
			   "the name of a point has to be one of a variable: "
			   "letters, digits and _");
		return -EINVAL;
	}
	/* It would hide what the generated code calls. */
	if (strncasecmp(comment->name, "failpoint", 9) == 0) {
		errmsg_set(reterr_why,
			   "the name '%s' is refused: failpoint* belongs to "
			   "the library",
			   comment->name);
		return -EINVAL;
	}
	comment->kind = COMMENT_POINT;
	skip_blanks(cursor);
	return parse_type(cursor, comment, reterr_why);
}

static int parse_label(struct cursor *cursor, struct comment *comment,
		       struct errmsg *reterr_why)
{
	int r = take_name(cursor, comment, reterr_why);

	if (r < 0)
		return r;
	skip_blanks(cursor);
	if (comment->name[0] && take(cursor, ":")) {
		skip_blanks(cursor);
		comment->kind = COMMENT_LABEL;
	}
	if (comment->kind == COMMENT_LABEL && cursor->at == cursor->end)
		return 0;
	errmsg_set(reterr_why, "expected 'gofail: var NAME TYPE' or "
			       "'gofail: LABEL:'");
	return -EINVAL;
}

/* Whether it begins as a comment for the translator does, or nearly so. Leaves
 * the cursor behind the colon, if it is written as it should be. */
static bool is_meant(struct cursor *cursor, bool *ret_exact)
{
	struct cursor near;

	*ret_exact = memcmp(cursor->at, "//", 2) == 0;
	cursor->at += 2;
	skip_blanks(cursor);
	near = *cursor;
	if (take(cursor, "gofail:"))
		return true;
	*ret_exact = false;
	if (near.end - near.at < 7 || strncasecmp(near.at, "gofail", 6) != 0)
		return false;
	near.at += 6;
	skip_blanks(&near);
	return take(&near, ":") || take(&near, "var ");
}

int comment_parse(const char *text, size_t length_bytes,
		  struct comment *ret_comment, struct errmsg *reterr_why)
{
	struct cursor cursor = {text, text + length_bytes};
	struct comment comment = {.kind = COMMENT_OTHER};
	bool exact = false;
	int r;

	if (!is_meant(&cursor, &exact)) {
		*ret_comment = comment;
		return 0;
	}
	if (!exact) {
		errmsg_set(reterr_why, "this seems to be meant for failpoints; "
				       "they are written '// gofail: ...'");
		return -EINVAL;
	}
	if (memchr(text, '\0', length_bytes) ||
	    memchr(text, '\r', length_bytes)) {
		errmsg_set(reterr_why, "a control character in a comment");
		return -EINVAL;
	}
	skip_blanks(&cursor);
	if (take(&cursor, "var ") || take(&cursor, "var\t"))
		r = parse_point(&cursor, &comment, reterr_why);
	else
		r = parse_label(&cursor, &comment, reterr_why);
	if (r == 0)
		*ret_comment = comment;
	return r;
}

const char *comment_type_name(enum comment_type type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].type == type)
			return types[i].name;
	return "?";
}
