/* SPDX-License-Identifier: MIT */
/*
 * A pattern of paths. `*` is any bytes within a name, `**` any bytes at all,
 * `?` one byte of a name, `[a-z]` one of these and `[!a-z]` one that is none of
 * them, never a slash; `\` takes the meaning from the byte behind it.
 *
 * A pattern without a slash and without `**` is one of the last name, anywhere:
 * `*.wal`. Any other is one of the whole path from the mount's root, and needs no
 * slash in front: `db/log`. `**` as a whole name, with others behind it, is also
 * no name at all.
 *
 * Matching takes time in proportion to the product of both lengths at worst, and
 * no memory. A glob does not change.
 */
#ifndef FLAKEY_RULES_GLOB_H
#define FLAKEY_RULES_GLOB_H

#include <stdbool.h>
#include <stddef.h>

struct errmsg;

/* A longer pattern is refused, and one with wildcards if it has more parts. */
#define GLOB_LENGTH_MAX 4096
/* The longest name, in any directory, and some. */
#define GLOB_PARTS_MAX 319

struct glob;

/* 0; -EINVAL with a sentence and where in the pattern it went wrong; -ENOMEM. */
int glob_parse(const char *pattern, size_t length_bytes, struct glob **ret_glob,
	       size_t *reterr_offset, struct errmsg *reterr_why);
/* Takes NULL. */
void glob_free(struct glob *glob);

/* path begins with a slash; the root is "/". */
bool glob_matches(const struct glob *glob, const char *path,
		  size_t length_bytes);

/* What every path that matches begins and ends with. Owned by the glob. */
const char *glob_head(const struct glob *glob, size_t *ret_length_bytes);
const char *glob_tail(const struct glob *glob, size_t *ret_length_bytes);
/* What the last name of every path that matches begins with, behind the slash in
 * front of it, which is the first byte; empty if that is not known. */
const char *glob_name(const struct glob *glob, size_t *ret_length_bytes);
/* What it was parsed from, with a NUL. */
const char *glob_pattern(const struct glob *glob);
/* Nothing but its head matches. */
bool glob_is_literal(const struct glob *glob);

#endif
