/* SPDX-License-Identifier: MIT */
#include "tools/failpoint/points.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tools/failpoint/body.h"
#include "tools/failpoint/mistake.h"
#include "tools/failpoint/outline.h"
#include "tools/failpoint/scanner.h"

struct search {
	struct points *points;
	const char *text;
	struct outline outline;
	struct place_list places;
	struct body body;
	size_t next_line; /* where the code of the last point may go on, or 0 */
	size_t unfollowed; /* line of a point that no code followed yet, or 0 */
	size_t open; /* line of a literal or comment that does not end, or 0 */
	struct mistake *mistake;
};

void points_init(struct points *points)
{
	*points = (struct points){0};
}

void points_done(struct points *points)
{
	free(points->points);
	free(points->lines);
	points_init(points);
}

/* Makes room for one more; arrays double at powers of two. */
static int grow(void *array, size_t count, size_t size)
{
	void *more;
	void **pointer = array;

	if ((count & (count - 1)) != 0)
		return 0;
	more = reallocarray(*pointer, count ? 2 * count : 1, size);
	if (!more)
		return -ENOMEM;
	*pointer = more;
	return 0;
}

static int add_point(struct search *search, const struct comment *comment,
		     const struct scanner_token *token)
{
	struct points *points = search->points;
	int r;

	if (points->count == POINTS_MAX)
		return mistake_set(search->mistake, token->line,
				   "more than %d points in a source",
				   POINTS_MAX);
	r = grow(&points->points, points->count, sizeof(*points->points));
	if (r < 0)
		return r;
	points->points[points->count++] = (struct point){
		.comment = *comment,
		.line = token->line,
		.start = token->start,
		.end = token->end,
		.branch = search->outline.branch,
		.first_line = points->line_count,
	};
	if (!search->unfollowed)
		search->unfollowed = token->line;
	if (comment->kind == COMMENT_POINT) {
		search->next_line = token->line + 1;
		body_init(&search->body);
	}
	return 0;
}

static int add_line(struct search *search, const struct scanner_token *token)
{
	struct points *points = search->points;
	struct point *point = &points->points[points->count - 1];
	size_t code = token->start + 2;
	size_t code_bytes = 0;
	int r;

	if (token->spliced)
		return mistake_set(search->mistake, token->line,
				   "a line of a point's code cannot end with "
				   "a backslash");
	if (points->line_count == POINTS_LINES_MAX)
		return mistake_set(search->mistake, token->line,
				   "more than %d lines of code of points",
				   POINTS_LINES_MAX);
	r = body_pass(&search->body, search->text + code, token->end - code,
		      token->line, &code_bytes, search->mistake);
	if (r < 0)
		return r;
	r = grow(&points->lines, points->line_count, sizeof(*points->lines));
	if (r < 0)
		return r;
	points->lines[points->line_count++] = token->start;
	point->line_count++;
	point->code_end = code + code_bytes;
	search->next_line = token->line + 1;
	return 0;
}

/* The code of a point ends. */
static int end_point(struct search *search)
{
	if (search->next_line == 0)
		return 0;
	search->next_line = 0;
	return body_end(&search->body, search->mistake);
}

/* What holds for every comment that is meant for the translator. */
static int check_form(const struct search *search,
		      const struct scanner_token *token)
{
	struct mistake *mistake = search->mistake;

	if (token->directive)
		return mistake_set(mistake, token->line,
				   "a point cannot be part of a macro or "
				   "another directive");
	if (!token->alone)
		return mistake_set(mistake, token->line,
				   "a 'gofail:' comment has to stand alone on "
				   "its line");
	if (token->spliced)
		return mistake_set(mistake, token->line,
				   "a 'gofail:' comment cannot end with a "
				   "backslash");
	return 0;
}

/* Whether a statement may stand here, and be one of its own. */
static int check_place(const struct search *search,
		       const struct scanner_token *token)
{
	const struct outline *outline = &search->outline;
	struct mistake *mistake = search->mistake;

	if (outline_is_dead(outline))
		return 0;
	if (outline->depth == 0 && !outline->lost)
		return mistake_set(mistake, token->line,
				   "a 'gofail:' comment outside of a function");
	if (!outline->last || !strchr(";{}:", outline->last))
		return mistake_set(mistake, token->line,
				   "no statement can stand here; put braces "
				   "around the body of an if, else or loop, or "
				   "a ';' behind a macro");
	return 0;
}

static bool begins(const char *text, size_t length, const char *string)
{
	return length >= strlen(string) &&
	       memcmp(text, string, strlen(string)) == 0;
}

bool points_is_mark(const char *text, const struct scanner_token *token)
{
	const char *start = text + token->start;
	size_t before = strlen(POINTS_INCLUDE);

	return begins(start, token->end - token->start, POINTS_MARK_SHORT) &&
	       (strncmp(text + token->end, POINTS_BRACES,
			strlen(POINTS_BRACES)) == 0 ||
		(token->start >= before &&
		 memcmp(start - before, POINTS_INCLUDE, before) == 0));
}

static int pass_comment(struct search *search,
			const struct scanner_token *token)
{
	const char *text = search->text + token->start;
	size_t length = token->end - token->start;
	bool next = search->next_line && token->line == search->next_line;
	struct comment comment;
	struct errmsg why;
	int r;

	if (begins(text, length, POINTS_MARK_LONG) ||
	    points_is_mark(search->text, token))
		return mistake_set(search->mistake, token->line,
				   "points are enabled in this file already; "
				   "disable them first");
	r = comment_parse(text, length, &comment, &why);
	if (r < 0 || comment.kind != COMMENT_OTHER) {
		int form = check_form(search, token);

		if (form < 0)
			return form;
	}
	if (r < 0)
		return mistake_set(search->mistake, token->line, "%s",
				   why.text);
	if (comment.kind == COMMENT_OTHER) {
		if (!next || !token->alone)
			return end_point(search);
		if (token->kind == SCANNER_LINE_COMMENT)
			return add_line(search, token);
		return mistake_set(search->mistake, token->line,
				   "the code of a point is written in // "
				   "lines; a block comment that is not meant "
				   "needs a blank line before it");
	}
	r = end_point(search);
	if (r == 0)
		r = check_place(search, token);
	if (r == 0)
		r = add_point(search, &comment, token);
	return r;
}

static bool is_word(const struct search *search,
		    const struct scanner_token *token, const char *word)
{
	return token->kind == SCANNER_WORD &&
	       token->end - token->start == strlen(word) &&
	       memcmp(search->text + token->start, word, strlen(word)) == 0;
}

static int pass_code(struct search *search, const struct scanner_token *token)
{
	size_t unfollowed = search->unfollowed;
	int r = end_point(search);

	if (r < 0 || token->directive)
		return r;
	search->unfollowed = 0;
	if (unfollowed &&
	    (is_word(search, token, "else") || is_word(search, token, "catch")))
		return mistake_set(search->mistake, unfollowed,
				   "no statement can stand before '%.*s'",
				   (int)(token->end - token->start),
				   search->text + token->start);
	return 0;
}

static int pass(struct search *search, const struct scanner_token *token)
{
	int r = outline_pass(&search->outline, token);

	if (r == -E2BIG)
		return mistake_set(search->mistake, token->line,
				   "more than %d #if inside of each other",
				   OUTLINE_NESTING_MAX);
	if (r == 0 && search->points->count == 0)
		r = place_list_pass(&search->places, &search->outline, token);
	if (r < 0)
		return r;
	/* Text that is not compiled, as of an #if 0 or an #error, may have any
	 * number of apostrophes. */
	if (token->open && !token->directive && search->outline.branch == 0)
		search->open = search->open ? search->open : token->line;
	if (token->kind == SCANNER_LINE_COMMENT ||
	    token->kind == SCANNER_BLOCK_COMMENT)
		return pass_comment(search, token);
	return pass_code(search, token);
}

/* One name is one point, and has one type; a label is there once a function,
 * which the compiler knows. */
static int check_types(const struct search *search)
{
	const struct point *points = search->points->points;

	for (size_t i = 0; i < search->points->count; i++) {
		const struct comment *one = &points[i].comment;

		for (size_t k = 0; one->kind == COMMENT_POINT && k < i; k++) {
			const struct comment *other = &points[k].comment;

			if (other->kind == COMMENT_POINT &&
			    one->type != other->type &&
			    strcmp(one->name, other->name) == 0)
				return mistake_set(
					search->mistake, points[i].line,
					"the point '%s' has the type %s in "
					"line %zu",
					one->name,
					comment_type_name(other->type),
					points[k].line);
		}
	}
	return 0;
}

static void choose_place(struct search *search)
{
	struct points *points = search->points;
	size_t branch;
	size_t i = 0;

	while (i < points->count &&
	       points->points[i].comment.kind != COMMENT_POINT)
		i++;
	/* Labels need no header. */
	points->place = PLACE_GIVEN;
	if (i == points->count)
		return;
	branch = points->points[i].branch;
	for (; i < points->count; i++)
		if (points->points[i].comment.kind == COMMENT_POINT)
			branch = outline_common(&search->outline, branch,
						points->points[i].branch);
	points->place = place_list_choose(&search->places, &search->outline,
					  branch, &points->place_offset);
}

int points_find(struct points *points, const char *text, size_t length_bytes,
		struct mistake *reterr_mistake)
{
	struct search search = {
		.points = points,
		.text = text,
		.mistake = reterr_mistake,
	};
	struct scanner scanner;
	struct scanner_token token;
	bool more = true;
	int r;

	r = outline_init(&search.outline, text);
	place_list_init(&search.places, text);
	scanner_init(&scanner, text, length_bytes);
	while (r == 0 && more) {
		more = scanner_next(&scanner, &token);
		r = pass(&search, &token);
	}
	if (r == 0 && points->count > 0 && search.open)
		r = mistake_set(reterr_mistake, search.open,
				"what begins here, a string or a comment, does "
				"not end");
	if (r == 0)
		r = check_types(&search);
	if (r == 0)
		choose_place(&search);
	place_list_done(&search.places);
	outline_done(&search.outline);
	return r;
}
