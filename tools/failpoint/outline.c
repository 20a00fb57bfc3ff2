/* SPDX-License-Identifier: MIT */
#include "tools/failpoint/outline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/failpoint/scanner.h"

enum conditional {
	CONDITIONAL_NONE,
	CONDITIONAL_IF,
	CONDITIONAL_ELSE,
	CONDITIONAL_END,
};

static const struct {
	const char *name;
	enum conditional conditional;
	enum outline_directive directive;
} directives[] = {
	{"if", CONDITIONAL_IF, OUTLINE_IF},
	{"ifdef", CONDITIONAL_IF, OUTLINE_OTHER},
	{"ifndef", CONDITIONAL_IF, OUTLINE_OTHER},
	{"elif", CONDITIONAL_ELSE, OUTLINE_OTHER},
	{"elifdef", CONDITIONAL_ELSE, OUTLINE_OTHER},
	{"elifndef", CONDITIONAL_ELSE, OUTLINE_OTHER},
	{"else", CONDITIONAL_ELSE, OUTLINE_OTHER},
	{"endif", CONDITIONAL_END, OUTLINE_OTHER},
	{"include", CONDITIONAL_NONE, OUTLINE_INCLUDE},
	{"include_next", CONDITIONAL_NONE, OUTLINE_INCLUDE},
	{"import", CONDITIONAL_NONE, OUTLINE_INCLUDE},
	{"define", CONDITIONAL_NONE, OUTLINE_DEFINE},
};

static int add_branch(struct outline *outline,
		      const struct outline_branch *branch)
{
	size_t count = outline->branch_count;

	/* Doubles at powers of two. */
	if ((count & (count - 1)) == 0) {
		struct outline_branch *more =
			reallocarray(outline->branches, count ? 2 * count : 1,
				     sizeof(*more));

		if (!more)
			return -ENOMEM;
		outline->branches = more;
	}
	outline->branches[count] = *branch;
	outline->branch = count;
	outline->branch_count++;
	return 0;
}

int outline_init(struct outline *outline, const char *text)
{
	struct outline_branch whole = {0};

	*outline = (struct outline){.text = text};
	return add_branch(outline, &whole);
}

void outline_done(struct outline *outline)
{
	free(outline->branches);
	*outline = (struct outline){0};
}

static int begin_if(struct outline *outline)
{
	struct outline_branch branch = {
		.parent = outline->branch,
		.nesting = outline->branches[outline->branch].nesting + 1,
		.depth_before = outline->depth,
		.last_before = outline->last,
		.first = true,
		.dead = outline_is_dead(outline),
	};

	outline->words = 0;
	if (branch.nesting > OUTLINE_NESTING_MAX)
		return -E2BIG;
	return add_branch(outline, &branch);
}

/* Closes the branch that one is in. */
static void end_branch(struct outline *outline, struct outline_branch *branch)
{
	if (branch->first)
		branch->depth_first = outline->depth;
	else if (branch->depth_first != outline->depth)
		outline->lost = true;
}

static int begin_else(struct outline *outline)
{
	struct outline_branch branch = outline->branches[outline->branch];

	if (branch.nesting == 0) {
		outline->lost = true;
		return 0;
	}
	end_branch(outline, &branch);
	/* Behind an #if 0, the #else is what counts. */
	branch.first = branch.dead;
	branch.dead = outline->branches[branch.parent].dead;
	outline->depth = branch.depth_before;
	outline->last = branch.last_before;
	outline->function_end = false;
	return add_branch(outline, &branch);
}

static void end_if(struct outline *outline)
{
	struct outline_branch branch = outline->branches[outline->branch];

	if (branch.nesting == 0) {
		outline->lost = true;
		return;
	}
	end_branch(outline, &branch);
	/* Without an #else there is a second way past it. `extern "C" {` is
	 * of this kind and harmless: too deep offers less. */
	if (branch.first && branch.depth_first < branch.depth_before)
		outline->lost = true;
	outline->depth = branch.depth_first;
	outline->branch = branch.parent;
}

static int name_directive(struct outline *outline,
			  const struct scanner_token *token)
{
	const char *word = outline->text + token->start;
	size_t length = token->end - token->start;
	enum conditional conditional = CONDITIONAL_NONE;

	outline->directive = OUTLINE_OTHER;
	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++)
		if (strlen(directives[i].name) == length &&
		    memcmp(directives[i].name, word, length) == 0) {
			outline->directive = directives[i].directive;
			conditional = directives[i].conditional;
		}
	switch (conditional) {
	case CONDITIONAL_IF:
		return begin_if(outline);
	case CONDITIONAL_ELSE:
		return begin_else(outline);
	case CONDITIONAL_END:
		end_if(outline);
		return 0;
	case CONDITIONAL_NONE:
		return 0;
	}
	return 0;
}

/* What follows an #if: is it a lone 0? */
static void pass_condition(struct outline *outline,
			   const struct scanner_token *token)
{
	struct outline_branch *branch = &outline->branches[outline->branch];
	bool zero = token->kind == SCANNER_NUMBER &&
		    token->end - token->start == 1 &&
		    outline->text[token->start] == '0';
	bool inherited = outline->branches[branch->parent].dead;

	branch->dead = inherited || (zero && outline->words == 0);
	outline->words++;
}

bool outline_is_dead(const struct outline *outline)
{
	return outline->branches[outline->branch].dead;
}

static void pass_code(struct outline *outline,
		      const struct scanner_token *token)
{
	int c = OUTLINE_WORD;

	if (token->kind == SCANNER_PUNCTUATION)
		c = (unsigned char)outline->text[token->start];
	outline->function_end = false;
	if (c == '{') {
		if (outline->depth == 0)
			outline->function_open = outline->last == ')';
		outline->depth++;
	} else if (c == '}' && outline->depth == 0) {
		outline->lost = true;
	} else if (c == '}') {
		outline->depth--;
		outline->function_end =
			outline->depth == 0 && outline->function_open;
	}
	outline->last = c;
}

int outline_pass(struct outline *outline, const struct scanner_token *token)
{
	switch (token->kind) {
	case SCANNER_END:
	case SCANNER_LINE_COMMENT:
	case SCANNER_BLOCK_COMMENT:
		return 0;
	case SCANNER_HASH:
		outline->directive = OUTLINE_UNNAMED;
		return 0;
	default:
		break;
	}
	if (token->directive && outline->directive == OUTLINE_UNNAMED)
		return name_directive(outline, token);
	if (token->directive && outline->directive == OUTLINE_IF)
		pass_condition(outline, token);
	else if (!token->directive && !outline_is_dead(outline))
		pass_code(outline, token);
	return 0;
}

bool outline_contains(const struct outline *outline, size_t outer, size_t inner)
{
	return outline_common(outline, outer, inner) == outer;
}

size_t outline_common(const struct outline *outline, size_t one, size_t other)
{
	const struct outline_branch *branches = outline->branches;

	while (one != other) {
		if (branches[one].nesting < branches[other].nesting)
			other = branches[other].parent;
		else
			one = branches[one].parent;
	}
	return one;
}
