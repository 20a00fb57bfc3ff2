/* SPDX-License-Identifier: MIT */
#include "tools/failpoint/translation.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"
#include "tools/failpoint/code.h"
#include "tools/failpoint/comment.h"
#include "tools/failpoint/mistake.h"
#include "tools/failpoint/points.h"
#include "tools/failpoint/scanner.h"

/* A header line begins with HEAD, the rest of the comment, and HEAD_END; a line
 * of code with LINE in the place of its slashes. */
#define HEAD POINTS_MARK_LONG
#define HEAD_END " */"
#define LINE POINTS_MARK_LONG "*/"
#define INCLUDE POINTS_INCLUDE POINTS_MARK_SHORT " "

#define CHANGED                                                                 \
	"the code of a point was changed while it was enabled; put it back as " \
	"it was, or take the file from version control"

bool translation_is_prefix(const char *prefix)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-./";

	return *prefix && strlen(prefix) <= TRANSLATION_PREFIX_MAX &&
	       prefix[strspn(prefix, allowed)] == '\0';
}

static void append(struct text *text, const char *string)
{
	text_append(text, string, strlen(string));
}

/* ---- Enabling -------------------------------------------------------- */

/* A text that is copied, with pieces left out and others put in. */
struct copy {
	const char *from;
	size_t at; /* copied so far */
	struct text *to;
};

static void copy_until(struct copy *copy, size_t offset)
{
	text_append(copy->to, copy->from + copy->at, offset - copy->at);
	copy->at = offset;
}

static void copy_skip(struct copy *copy, size_t offset)
{
	copy->at = offset;
}

static void write_name(struct text *text, const struct point *point,
		       const char *prefix)
{
	if (prefix)
		text_printf(text, "%s/", prefix);
	append(text, point->comment.name);
}

static void enable_point(struct copy *copy, const struct points *points,
			 const struct point *point, const char *prefix)
{
	copy_until(copy, point->start);
	append(copy->to, HEAD);
	copy_skip(copy, point->start + 2);
	copy_until(copy, point->end);
	append(copy->to, HEAD_END);
	code_begin(copy->to, &point->comment);
	if (point->comment.kind == COMMENT_LABEL)
		return;
	write_name(copy->to, point, prefix);
	code_rest(copy->to, &point->comment);
	for (size_t i = 0; i < point->line_count; i++) {
		size_t offset = points->lines[point->first_line + i];

		copy_until(copy, offset);
		append(copy->to, LINE);
		copy_skip(copy, offset + 2);
	}
	if (point->line_count > 0)
		copy_until(copy, point->code_end);
	append(copy->to, CODE_END);
}

static size_t count_lines(const char *text, size_t length_bytes)
{
	const char *end = text + length_bytes;
	size_t count = 0;

	while ((text = memchr(text, '\n', (size_t)(end - text)))) {
		count++;
		text++;
	}
	return count;
}

/* The way back has to end where this one began: whatever else is wrong here,
 * nobody loses a byte of a source. */
static int check_way_back(const char *text, size_t length_bytes,
			  const struct text *enabled,
			  struct mistake *reterr_mistake)
{
	struct translation_found found;
	struct text back;
	int r;

	text_init(&back);
	back.limit_bytes = TRANSLATION_BYTES_MAX;
	r = translation_disable(enabled->data, enabled->length_bytes, &back,
				&found, reterr_mistake);
	if (r == 0 &&
	    (back.length_bytes != length_bytes ||
	     memcmp(back.data, text, length_bytes) != 0 ||
	     count_lines(text, length_bytes) !=
		     count_lines(enabled->data, enabled->length_bytes)))
		r = mistake_set(reterr_mistake, 0,
				"cannot be translated so that it can be "
				"restored; please report this");
	text_done(&back);
	return r;
}

int translation_enable(const char *text, size_t length_bytes,
		       const struct points *points,
		       const struct translation_options *options,
		       struct text *ret_text, struct mistake *reterr_mistake)
{
	struct copy copy = {.from = text, .to = ret_text};
	int r;

	if (options->include && points->place == PLACE_NONE)
		return mistake_set(reterr_mistake, points->points[0].line,
				   "no place for '#include <failpoint.h>': "
				   "leave a blank line at file scope above "
				   "this point, behind other includes; or "
				   "include it yourself");
	if (options->include && points->place == PLACE_FOUND) {
		copy_until(&copy, points->place_offset);
		append(ret_text, INCLUDE);
	}
	for (size_t i = 0; i < points->count; i++)
		enable_point(&copy, points, &points->points[i],
			     options->prefix);
	copy_until(&copy, length_bytes);
	r = text_result(ret_text);
	if (r < 0 || points->count == 0)
		return r;
	return check_way_back(text, length_bytes, ret_text, reterr_mistake);
}

/* ---- Disabling ------------------------------------------------------- */

struct restoring {
	struct copy copy;
	size_t length_bytes;
	struct translation_found found;
	size_t open_line; /* the last line so far of an open point, or 0 */
	bool open_code;	  /* it is a line of code */
	struct mistake *mistake;
};

/* Whether a string is at an offset. */
static bool is_at(const struct restoring *restoring, size_t offset,
		  const char *string)
{
	size_t length = strlen(string);

	return offset <= restoring->length_bytes &&
	       restoring->length_bytes - offset >= length &&
	       memcmp(restoring->copy.from + offset, string, length) == 0;
}

static int changed(struct restoring *restoring, size_t line)
{
	return mistake_set(restoring->mistake, line, CHANGED);
}

/* Moves *at behind what code_begin() or code_rest() writes, if it is there. */
static bool skip_code(const struct restoring *restoring, size_t *at,
		      void (*write)(struct text *, const struct comment *),
		      const struct comment *comment)
{
	struct text code;
	bool same;

	text_init(&code);
	write(&code, comment);
	same = text_result(&code) == 0 &&
	       (code.length_bytes == 0 || is_at(restoring, *at, code.data));
	if (same)
		*at += code.length_bytes;
	text_done(&code);
	return same;
}

/* Moves *at behind [PREFIX/]NAME. */
static bool skip_name(struct restoring *restoring, size_t *at,
		      const struct comment *comment)
{
	const char *name = restoring->copy.from + *at;
	size_t left = restoring->length_bytes - *at;
	const char *end = memchr(name, '"', left);
	size_t own = strlen(comment->name);
	struct translation_found *found = &restoring->found;
	size_t before;

	if (!end || (size_t)(end - name) < own ||
	    memcmp(end - own, comment->name, own) != 0)
		return false;
	before = (size_t)(end - name) - own;
	if (before > 0 &&
	    (name[before - 1] != '/' || before - 1 > TRANSLATION_PREFIX_MAX ||
	     memchr(name, '\n', before)))
		return false;
	if (before > 0 && found->count == 0) {
		memcpy(found->prefix, name, before - 1);
		found->prefix[before - 1] = '\0';
	}
	*at += before + own;
	return true;
}

/* Whether the line ends here, whichever way. */
static bool is_line_end(const struct restoring *restoring, size_t at)
{
	return at == restoring->length_bytes || is_at(restoring, at, "\n") ||
	       is_at(restoring, at, "\r\n");
}

/* The token is the comment of a header line. */
static int disable_header(struct restoring *restoring,
			  const struct scanner_token *token)
{
	size_t start = token->start + strlen(HEAD) - 2;
	size_t end = token->end - strlen(HEAD_END);
	size_t at = token->end;
	struct comment comment = {.kind = COMMENT_OTHER};
	bool label;

	if (restoring->open_line || !token->alone || end < start + 2 ||
	    !is_at(restoring, end, HEAD_END) ||
	    comment_parse(restoring->copy.from + start, end - start, &comment,
			  NULL) < 0 ||
	    comment.kind == COMMENT_OTHER)
		return changed(restoring, token->line);
	label = comment.kind == COMMENT_LABEL;
	if (!skip_code(restoring, &at, code_begin, &comment) ||
	    (!label && !skip_name(restoring, &at, &comment)) ||
	    !skip_code(restoring, &at, code_rest, &comment) ||
	    !(is_line_end(restoring, at) ||
	      (!label && is_at(restoring, at, CODE_END))))
		return changed(restoring, token->line);
	copy_until(&restoring->copy, token->start);
	copy_skip(&restoring->copy, start);
	copy_until(&restoring->copy, end);
	copy_skip(&restoring->copy, at);
	restoring->found.enabled = true;
	if (!label) {
		restoring->found.count++;
		restoring->open_line = token->line;
		restoring->open_code = false;
	}
	return 0;
}

static int disable_line(struct restoring *restoring,
			const struct scanner_token *token)
{
	if (!restoring->open_line || !token->alone ||
	    token->line != restoring->open_line + 1)
		return changed(restoring, token->line);
	copy_until(&restoring->copy, token->start);
	append(restoring->copy.to, "//");
	copy_skip(&restoring->copy, token->end);
	restoring->open_line = token->line;
	restoring->open_code = true;
	return 0;
}

/* Whether a point ends here, with nothing behind it but a comment of its code:
 * what was added there must not become a part of a comment. */
static bool is_code_end(const struct restoring *restoring, size_t at)
{
	size_t behind = at + strlen(CODE_END);

	return is_at(restoring, at, CODE_END) &&
	       (is_line_end(restoring, behind) ||
		(restoring->open_code && is_at(restoring, behind, "//")));
}

/* The short mark: the end of a point, or behind the #include. */
static int disable_short(struct restoring *restoring,
			 const struct scanner_token *token)
{
	size_t before_end = strlen(" ");
	size_t before_include = strlen(POINTS_INCLUDE);
	size_t start = token->start;
	const char *from = restoring->copy.from;

	if (restoring->open_line && token->line == restoring->open_line &&
	    start >= restoring->copy.at + before_end &&
	    is_code_end(restoring, start - before_end)) {
		copy_until(&restoring->copy, start - before_end);
		copy_skip(&restoring->copy,
			  start - before_end + strlen(CODE_END));
		restoring->open_line = 0;
		return 0;
	}
	/* Editors take away a blank at the end of a line. */
	if (!restoring->open_line &&
	    start >= restoring->copy.at + before_include &&
	    is_at(restoring, start - before_include, POINTS_INCLUDE) &&
	    (start == before_include ||
	     from[start - before_include - 1] == '\n') &&
	    (is_at(restoring, token->end, " ") ||
	     is_line_end(restoring, token->end))) {
		copy_until(&restoring->copy, start - before_include);
		copy_skip(&restoring->copy,
			  token->end + is_at(restoring, token->end, " "));
		restoring->found.enabled = true;
		return 0;
	}
	return points_is_mark(from, token) ? changed(restoring, token->line)
					   : 0;
}

static int disable_token(struct restoring *restoring,
			 const struct scanner_token *token)
{
	size_t length = token->end - token->start;

	if (token->kind != SCANNER_BLOCK_COMMENT)
		return 0;
	if (length == strlen(LINE) && is_at(restoring, token->start, LINE))
		return disable_line(restoring, token);
	if (length == strlen(POINTS_MARK_SHORT) &&
	    is_at(restoring, token->start, POINTS_MARK_SHORT))
		return disable_short(restoring, token);
	if (is_at(restoring, token->start, HEAD))
		return disable_header(restoring, token);
	return 0;
}

int translation_disable(const char *text, size_t length_bytes,
			struct text *ret_text,
			struct translation_found *ret_found,
			struct mistake *reterr_mistake)
{
	struct restoring restoring = {
		.copy = {.from = text, .to = ret_text},
		.length_bytes = length_bytes,
		.mistake = reterr_mistake,
	};
	struct scanner scanner;
	struct scanner_token token;
	int r = 0;

	scanner_init(&scanner, text, length_bytes);
	while (r == 0 && scanner_next(&scanner, &token))
		r = disable_token(&restoring, &token);
	if (r == 0 && restoring.open_line)
		r = changed(&restoring, restoring.open_line);
	if (r < 0)
		return r;
	copy_until(&restoring.copy, length_bytes);
	r = text_result(ret_text);
	if (r == 0)
		*ret_found = restoring.found;
	return r;
}
