/* SPDX-License-Identifier: MIT */
/*
 * The code of a point, a // line at a time: it has to be whole, for the
 * translator puts a brace behind it. Brackets and quotes are closed, comments
 * end on their line, and there are no preprocessor directives.
 */
#ifndef FLAKEY_TOOLS_FAILPOINT_BODY_H
#define FLAKEY_TOOLS_FAILPOINT_BODY_H

#include <stddef.h>

struct mistake;

/* More brackets inside of each other are refused. */
#define BODY_DEPTH_MAX 200

struct body {
	size_t depth;
	char closers[BODY_DEPTH_MAX]; /* that are wanted, the next one last */
	size_t lines[BODY_DEPTH_MAX]; /* of their openers */
};

void body_init(struct body *body);

/* text: what is behind the //. *ret_code_bytes is where a // comment begins in
 * it, or its end. Returns 0, or -EINVAL and *reterr_mistake. */
int body_pass(struct body *body, const char *text, size_t length_bytes,
	      size_t line, size_t *ret_code_bytes,
	      struct mistake *reterr_mistake);

/* Nothing may be open at the end. 0 or -EINVAL. */
int body_end(const struct body *body, struct mistake *reterr_mistake);

#endif
