/* SPDX-License-Identifier: MIT */
#include "tools/failpoint/body.h"

#include <stdbool.h>
#include <string.h>

#include "tools/failpoint/mistake.h"
#include "tools/failpoint/scanner.h"

void body_init(struct body *body)
{
	body->depth = 0;
}

static int pass_bracket(struct body *body, char c, size_t line,
			struct mistake *reterr_mistake)
{
	static const char openers[] = "([{";
	static const char closers[] = ")]}";
	const char *opener = strchr(openers, c);

	if (opener && body->depth == BODY_DEPTH_MAX)
		return mistake_set(reterr_mistake, line,
				   "more than %d brackets inside of each other",
				   BODY_DEPTH_MAX);
	if (opener) {
		body->closers[body->depth] = closers[opener - openers];
		body->lines[body->depth++] = line;
		return 0;
	}
	if (!strchr(closers, c))
		return 0;
	if (body->depth == 0 || body->closers[body->depth - 1] != c)
		return mistake_set(reterr_mistake, line,
				   "'%c' closes nothing in the code of the "
				   "point",
				   c);
	body->depth--;
	return 0;
}

static int pass_token(struct body *body, const char *text,
		      const struct scanner_token *token, size_t line,
		      struct mistake *reterr_mistake)
{
	char c = text[token->start];

	if (token->open && token->kind == SCANNER_LITERAL)
		return mistake_set(reterr_mistake, line,
				   "the quote %c has no end on its line", c);
	if (token->open)
		return mistake_set(reterr_mistake, line,
				   "a comment in the code of a point has to "
				   "end on its line");
	if (token->kind == SCANNER_HASH)
		return mistake_set(reterr_mistake, line,
				   "the code of a point cannot have "
				   "preprocessor directives");
	if (token->kind != SCANNER_PUNCTUATION)
		return 0;
	if (c == '\\')
		return mistake_set(reterr_mistake, line,
				   "a stray backslash in the code of a point");
	return pass_bracket(body, c, line, reterr_mistake);
}

int body_pass(struct body *body, const char *text, size_t length_bytes,
	      size_t line, size_t *ret_code_bytes,
	      struct mistake *reterr_mistake)
{
	struct scanner scanner;
	struct scanner_token token;
	int r;

	if (memchr(text, '\0', length_bytes) ||
	    memchr(text, '\r', length_bytes))
		return mistake_set(reterr_mistake, line,
				   "a control character in the code of a "
				   "point");
	/* Where trigraphs are on, this is a backslash. */
	if (length_bytes >= 3 && memcmp(text + length_bytes - 3,
					"?"
					"?/",
					3) == 0)
		return mistake_set(reterr_mistake, line,
				   "a line of a point's code cannot end with "
				   "a backslash");
	scanner_init(&scanner, text, length_bytes);
	while (scanner_next(&scanner, &token)) {
		if (token.kind == SCANNER_LINE_COMMENT)
			break;
		r = pass_token(body, text, &token, line, reterr_mistake);
		if (r < 0)
			return r;
	}
	*ret_code_bytes = token.start;
	return 0;
}

int body_end(const struct body *body, struct mistake *reterr_mistake)
{
	if (body->depth == 0)
		return 0;
	return mistake_set(reterr_mistake, body->lines[body->depth - 1],
			   "'%c' is missing in the code of the point",
			   body->closers[body->depth - 1]);
}
