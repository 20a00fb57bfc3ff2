/* SPDX-License-Identifier: MIT */
/*
 * Where an #include fits that must not add a line: at the beginning of a line at
 * file scope that is blank or has nothing but a comment. It has to be seen by
 * all points, to come behind the macros that choose what system headers declare
 * (_GNU_SOURCE and the like), and rather behind the other #includes.
 */
#ifndef FLAKEY_TOOLS_FAILPOINT_PLACE_H
#define FLAKEY_TOOLS_FAILPOINT_PLACE_H

#include <stdbool.h>
#include <stddef.h>

struct outline;
struct scanner_token;

struct place {
	size_t offset; /* of the beginning of the line */
	size_t branch; /* of the outline */
};

/* The places before the first point. All fields are its own. */
struct place_list {
	const char *text; /* borrowed */
	struct place *places;
	size_t count;
	size_t first_allowed; /* index of the first behind such macros */
	size_t first_wanted;  /* index of the first behind #includes */
	bool any_include;
	bool given;	     /* failpoint.h is included already, */
	size_t given_branch; /* in this branch */
	/* The token before: */
	size_t end;
	size_t end_line;
	size_t comment; /* offset of a comment that is alone so far, */
	bool is_comment;
	bool before_ok;	      /* an #include may follow it, */
	size_t before_branch; /* in this branch */
};

enum place_result {
	PLACE_FOUND,
	PLACE_GIVEN, /* nothing to do: it is included */
	PLACE_NONE,
};

void place_list_init(struct place_list *list, const char *text);
void place_list_done(struct place_list *list);

/* Every token up to the first point, after the outline has passed it. 0 or
 * -ENOMEM. */
int place_list_pass(struct place_list *list, const struct outline *outline,
		    const struct scanner_token *token);

/* branch: the innermost that contains all points. */
enum place_result place_list_choose(const struct place_list *list,
				    const struct outline *outline,
				    size_t branch, size_t *ret_offset);

#endif
