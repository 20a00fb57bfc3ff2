/* SPDX-License-Identifier: MIT */
/*
 * A change of all sources that some paths mean: nothing is written before all of
 * them were read, translated, and written beside the old ones. A mistake in one
 * leaves all as they are; so does a file that cannot be written. Mistakes are
 * printed as FILE:LINE: SENTENCE, one for each file.
 */
#ifndef FLAKEY_TOOLS_FAILPOINT_BATCH_H
#define FLAKEY_TOOLS_FAILPOINT_BATCH_H

#include <stdbool.h>
#include <stddef.h>

struct cmd_args;
struct mistake;
struct text;

/* What a source holds; user is the caller's. Returns 0 to leave it alone, 1 to
 * write ret_text in its place, or a negative errno: -EINVAL with
 * *reterr_mistake. text is followed by a NUL. */
typedef int batch_source_fn(void *user, const char *path, const char *text,
			    size_t length_bytes, struct text *ret_text,
			    struct mistake *reterr_mistake);

struct batch_result {
	size_t looked_at;
	size_t written;
};

/* Of the operands, or "." without any. Returns the exit status, having printed
 * what was wrong. */
int batch_run(const struct cmd_args *args, batch_source_fn *source, void *user,
	      struct batch_result *ret_result);

/* Prints what enable and disable have done: "2 files, 3 points enabled". */
int batch_answer(const struct cmd_args *args, const struct batch_result *result,
		 size_t points, const char *done);

#endif
