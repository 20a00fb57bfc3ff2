/* SPDX-License-Identifier: MIT */
#include "tools/failpoint/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/failpoint/outline.h"
#include "tools/failpoint/scanner.h"

#define HEADER "failpoint.h"

void place_list_init(struct place_list *list, const char *text)
{
	*list = (struct place_list){
		.text = text,
		.before_ok = true,
	};
}

void place_list_done(struct place_list *list)
{
	free(list->places);
	*list = (struct place_list){0};
}

static int add(struct place_list *list, size_t offset)
{
	/* Doubles at powers of two. */
	if ((list->count & (list->count - 1)) == 0) {
		struct place *more = reallocarray(
			list->places, list->count ? 2 * list->count : 1,
			sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->places = more;
	}
	list->places[list->count].offset = offset;
	list->places[list->count++].branch = list->before_branch;
	return 0;
}

/* The line of the comment, unless it is the first and has more than blanks: a
 * byte order mark stays where it is. */
static int add_comment(struct place_list *list)
{
	size_t offset = list->comment;

	while (offset > 0 && list->text[offset - 1] != '\n') {
		offset--;
		if (!strchr(" \t\v\f", list->text[offset]))
			return 0;
	}
	return add(list, offset);
}

/* The first blank line behind the last token. */
static int add_blank(struct place_list *list)
{
	const char *end = strchr(list->text + list->end, '\n');

	if (list->end_line > 0)
		return end ? add(list, (size_t)(end + 1 - list->text)) : 0;
	/* A byte order mark stays where it is. */
	return strchr(" \t\v\f\r\n", list->text[0]) ? add(list, 0) : 0;
}

/* What lies between the last token and this one. */
static int pass_gap(struct place_list *list, const struct scanner_token *token)
{
	int r;

	if (!list->before_ok || token->joined || token->line <= list->end_line)
		return 0;
	if (list->is_comment) {
		r = add_comment(list);
		if (r < 0)
			return r;
	}
	if (token->line - list->end_line >= 2)
		return add_blank(list);
	return 0;
}

static bool is_header(const char *path, size_t length)
{
	size_t wanted = strlen(HEADER);

	/* With a quote at each end. */
	return length >= wanted + 2 &&
	       memcmp(path + length - 1 - wanted, HEADER, wanted) == 0 &&
	       strchr("<\"/", path[length - 2 - wanted]);
}

static void pass_directive(struct place_list *list,
			   const struct outline *outline,
			   const struct scanner_token *token)
{
	const char *text = list->text + token->start;

	if (outline->directive == OUTLINE_INCLUDE) {
		list->any_include = true;
		list->first_wanted = list->count;
		if (token->kind == SCANNER_LITERAL && !list->given &&
		    is_header(text, token->end - token->start)) {
			list->given = true;
			list->given_branch = outline->branch;
		}
	} else if (outline->directive == OUTLINE_DEFINE &&
		   token->kind == SCANNER_WORD && *text == '_') {
		list->first_allowed = list->count;
	}
}

int place_list_pass(struct place_list *list, const struct outline *outline,
		    const struct scanner_token *token)
{
	bool comment = token->kind == SCANNER_LINE_COMMENT ||
		       token->kind == SCANNER_BLOCK_COMMENT;
	int r = pass_gap(list, token);

	if (r < 0)
		return r;
	if (token->directive)
		pass_directive(list, outline, token);
	if (!comment || token->directive) {
		list->is_comment = false;
	} else if (token->alone) {
		list->is_comment = true;
		list->comment = token->start;
	}
	list->end = token->end;
	list->end_line = token->end_line;
	list->before_branch = outline->branch;
	list->before_ok = outline->depth == 0 && !outline->lost &&
			  (outline->last == 0 || outline->last == ';' ||
			   outline->function_end);
	return 0;
}

enum place_result place_list_choose(const struct place_list *list,
				    const struct outline *outline,
				    size_t branch, size_t *ret_offset)
{
	size_t first = list->first_allowed;

	if (list->given &&
	    outline_contains(outline, list->given_branch, branch))
		return PLACE_GIVEN;
	if (first < list->first_wanted)
		first = list->first_wanted;
	for (size_t i = first; list->any_include && i < list->count; i++) {
		if (outline_contains(outline, list->places[i].branch, branch)) {
			*ret_offset = list->places[i].offset;
			return PLACE_FOUND;
		}
	}
	for (size_t i = list->count; i > list->first_allowed; i--) {
		if (outline_contains(outline, list->places[i - 1].branch,
				     branch)) {
			*ret_offset = list->places[i - 1].offset;
			return PLACE_FOUND;
		}
	}
	return PLACE_NONE;
}
