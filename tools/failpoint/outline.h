/* SPDX-License-Identifier: MIT */
/*
 * Where in a source one is: how deep in braces, in which branch of which #if,
 * and behind which code. Tokens are passed to it one after the other.
 *
 * Braces are counted as if the first branch of every #if was compiled, but for
 * an #if 0, whose text is nothing. Where that cannot be right for all, the
 * outline is `lost`, and stays so.
 */
#ifndef FLAKEY_TOOLS_FAILPOINT_OUTLINE_H
#define FLAKEY_TOOLS_FAILPOINT_OUTLINE_H

#include <stdbool.h>
#include <stddef.h>

struct scanner_token;

/* More #if inside of each other are refused. */
#define OUTLINE_NESTING_MAX 500

/* `last` is this for a word, a number or a literal. */
#define OUTLINE_WORD 'a'

enum outline_directive {
	OUTLINE_UNNAMED, /* behind the # */
	OUTLINE_IF,	 /* #if itself, of which there are others */
	OUTLINE_INCLUDE,
	OUTLINE_DEFINE,
	OUTLINE_OTHER,
};

/* One branch of an #if; number 0 is the whole source. */
struct outline_branch {
	size_t parent;
	size_t nesting;
	size_t depth_before; /* `depth` at the #if */
	size_t depth_first;  /* `depth` at the end of its first branch */
	int last_before;     /* `last` at the #if */
	bool first;	     /* the one that counts for the others */
	bool dead;	     /* in an #if 0: nobody compiles it */
};

struct outline {
	size_t depth;  /* open braces */
	size_t branch; /* the innermost one */
	/* The last character of code, which neither comments nor directives
	 * are; 0 at first. */
	int last;
	bool function_end; /* `last` closes a function's body */
	bool lost;
	enum outline_directive directive; /* the one that it is in */

	/* The outline's own. */
	const char *text;
	struct outline_branch *branches;
	size_t branch_count;
	bool function_open;
	size_t words; /* behind the name of an #if */
};

/* text is borrowed. 0 or -ENOMEM. */
int outline_init(struct outline *outline, const char *text);
void outline_done(struct outline *outline);

/* Whether nobody compiles what is here. */
bool outline_is_dead(const struct outline *outline);

/* Returns 0, -ENOMEM, or -E2BIG: too many #if inside of each other. */
int outline_pass(struct outline *outline, const struct scanner_token *token);

/* Whether what is compiled in branch inner is compiled in branch outer, too. */
bool outline_contains(const struct outline *outline, size_t outer,
		      size_t inner);

/* The innermost branch that contains both. */
size_t outline_common(const struct outline *outline, size_t one, size_t other);

#endif
