/* SPDX-License-Identifier: MIT */
/*
 * Several points in one string, as in GOFAIL_FAILPOINTS and in a list of fault
 * rules:
 *
 *	fs/write{path=*.wal}=3*off->return(EIO); b = return("x;y")
 *
 * Entries end at a `;`, a name ends at the first `=`, and blanks around both
 * are no part of them. Neither counts inside of "quotes" and `raw quotes`; in a
 * name, nor inside of `{}`. A quote or brace that is never closed takes the
 * rest of the string along. Splits only: terms are terms_parse()'s. Takes
 * linear time.
 */
#ifndef FLAKEY_FAILPOINTS_TERMS_MULTI_H
#define FLAKEY_FAILPOINTS_TERMS_MULTI_H

#include <stddef.h>

struct errmsg;

/* Borrows from the string; nothing ends with a NUL. */
struct terms_multi_entry {
	const char *text; /* all of it, trimmed; set for a bad entry, too */
	size_t length_bytes;
	size_t offset; /* of text in the string */
	/* Of a good entry; neither is empty. */
	const char *name;
	size_t name_length_bytes;
	const char *terms;
	size_t terms_length_bytes;
	size_t terms_offset; /* of terms in the string */
};

/*
 * Takes the next entry from *cursor on, which is 0 at first, and moves *cursor
 * behind it; empty entries are passed over. Returns 1 and an entry, 0 at the
 * end, or -EINVAL for an entry that has no `=`, no name or no terms, with
 * "offset N: ..." in reterr_why (N counts bytes of string from 0). One may go
 * on behind it.
 */
int terms_multi_next(const char *string, size_t length_bytes, size_t *cursor,
		     struct terms_multi_entry *ret_entry,
		     struct errmsg *reterr_why);

#endif
