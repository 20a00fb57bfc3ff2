/* SPDX-License-Identifier: MIT */
/*
 * The points and labels of a source, each with its code, found and checked:
 * what the translator is to change. Nothing is changed here.
 */
#ifndef FLAKEY_TOOLS_FAILPOINT_POINTS_H
#define FLAKEY_TOOLS_FAILPOINT_POINTS_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/failpoint/comment.h"
#include "tools/failpoint/place.h"

struct mistake;
struct scanner_token;

/* A source with more points and labels, or lines of code of them, is refused.
 */
#define POINTS_MAX 10000
#define POINTS_LINES_MAX 1000000

/* Comments that the translator has written begin with the first, or are the
 * second and behind the #include or in front of the braces. */
#define POINTS_MARK_LONG "/*failpoint //"
#define POINTS_MARK_SHORT "/*failpoint*/"
#define POINTS_INCLUDE "#include <failpoint.h> "
#define POINTS_BRACES " }}"

struct point {
	struct comment comment;
	size_t line;
	size_t start;  /* offset of the // */
	size_t end;    /* behind the comment */
	size_t branch; /* of the outline */
	/* Its code. */
	size_t first_line; /* index in points.lines */
	size_t line_count;
	size_t code_end; /* offset where code ends in its last line */
};

struct points {
	struct point *points; /* in the order of the source */
	size_t count;
	size_t *lines; /* offset of the // of each line of code */
	size_t line_count;
	/* For #include <failpoint.h>, when there are points. */
	enum place_result place;
	size_t place_offset;
};

/* Whether the token is the short mark, and not just such a comment of the
 * source, as in front of an argument; text is followed by a NUL. */
bool points_is_mark(const char *text, const struct scanner_token *token);

void points_init(struct points *points);
void points_done(struct points *points);

/* text is followed by a NUL. Returns 0, -EINVAL and *reterr_mistake, or
 * -ENOMEM. points was initialised, and has to be done in any case. */
int points_find(struct points *points, const char *text, size_t length_bytes,
		struct mistake *reterr_mistake);

#endif
