/* SPDX-License-Identifier: MIT */
/*
 * A source with its points enabled, and back. In memory: text in, text out.
 *
 *	int f(void)
 *	{
 *		// gofail: var broken int
 *		// return broken;
 *		return 0;
 *	}
 *
 * becomes, with the name after the options,
 *
 *	#include <failpoint.h>			... in front of what is there
 *	int f(void)
 *	{
 *		... { int broken = 0; if (FAILPOINT_INT32("broken", &broken)) {
 *		... return broken; }}
 *		return 0;
 *	}
 *
 * Each line stays where it was. What was written is kept in comments with the
 * marks of points.h, so that the way back needs nothing but the file, and edits
 * of other lines meanwhile are kept. Both ends of a way are compared before a
 * translation is given out.
 */
#ifndef FLAKEY_TOOLS_FAILPOINT_TRANSLATION_H
#define FLAKEY_TOOLS_FAILPOINT_TRANSLATION_H

#include <stdbool.h>
#include <stddef.h>

struct mistake;
struct points;
struct text;

#define TRANSLATION_PREFIX_MAX 256
/* A translated text may be so long. */
#define TRANSLATION_BYTES_MAX ((size_t)512 << 20)

struct translation_options {
	const char *prefix; /* the point's name is PREFIX/NAME; NULL: NAME */
	bool include;	    /* of failpoint.h */
};

/* Whether a prefix can be part of a name. */
bool translation_is_prefix(const char *prefix);

/*
 * text is followed by a NUL, points was found in it. Appends to ret_text. 0,
 * -EINVAL and *reterr_mistake, or -ENOMEM.
 */
int translation_enable(const char *text, size_t length_bytes,
		       const struct points *points,
		       const struct translation_options *options,
		       struct text *ret_text, struct mistake *reterr_mistake);

struct translation_found {
	size_t count; /* of points; 0: text was not enabled */
	bool enabled;
	char prefix[TRANSLATION_PREFIX_MAX + 1]; /* of the first, or "" */
};

/* As translation_enable(). ret_text is the same as text if nothing was enabled.
 */
int translation_disable(const char *text, size_t length_bytes,
			struct text *ret_text,
			struct translation_found *ret_found,
			struct mistake *reterr_mistake);

#endif
