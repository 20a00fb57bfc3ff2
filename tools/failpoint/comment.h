/* SPDX-License-Identifier: MIT */
/*
 * What one comment says to the translator:
 *
 *	// gofail: var NAME TYPE	a point
 *	// gofail: LABEL:		a label
 *
 * A comment that seems to mean it, but is written otherwise, is a mistake: one
 * that was overlooked would be a point that never fires.
 */
#ifndef FLAKEY_TOOLS_FAILPOINT_COMMENT_H
#define FLAKEY_TOOLS_FAILPOINT_COMMENT_H

#include <stddef.h>

struct errmsg;

/* A longer NAME or LABEL is refused. */
#define COMMENT_NAME_MAX 128

enum comment_kind {
	COMMENT_OTHER,
	COMMENT_POINT,
	COMMENT_LABEL,
};

enum comment_type {
	COMMENT_VOID,
	COMMENT_INT,
	COMMENT_INT64,
	COMMENT_STRING,
	COMMENT_BOOL,
	COMMENT_ERRNO,
};

struct comment {
	enum comment_kind kind;
	char name[COMMENT_NAME_MAX + 1];
	enum comment_type type; /* of a point */
};

/* text: a comment with its // or, if it is a block comment, its marks. Returns
 * 0, or -EINVAL and why. */
int comment_parse(const char *text, size_t length_bytes,
		  struct comment *ret_comment, struct errmsg *reterr_why);

/* As it is written in a source. */
const char *comment_type_name(enum comment_type type);

#endif
