/* SPDX-License-Identifier: MIT */
/*
 * A file's new content, in two steps: a file beside it, complete and synced,
 * then a rename. Whoever looks sees the old file or the new one. Owner, mode,
 * access lists and other extended attributes are kept; other hard links keep
 * the old content.
 */
#ifndef FLAKEY_TOOLS_FAILPOINT_REPLACEMENT_H
#define FLAKEY_TOOLS_FAILPOINT_REPLACEMENT_H

#include <stddef.h>
#include <sys/stat.h>

struct errmsg;

/* A longer file is refused. */
#define REPLACEMENT_BYTES_MAX ((size_t)64 << 20)

struct replacement {
	char *path;	 /* of the file, without symbolic links; owned */
	char *temporary; /* beside it; owned */
	struct stat before;
	char *text; /* the old content, and a NUL; owned */
	size_t length_bytes;
};

/* Reads the file. 0, or a negative errno and why. */
int replacement_open(struct replacement *replacement, const char *path,
		     struct errmsg *reterr_why);

/* Removes the file beside it, if it was not renamed. */
void replacement_close(struct replacement *replacement);

int replacement_prepare(struct replacement *replacement, const char *text,
			size_t length_bytes, struct errmsg *reterr_why);

/* -EBUSY: somebody has changed the file since it was read. */
int replacement_commit(struct replacement *replacement,
		       struct errmsg *reterr_why);

#endif
