/* SPDX-License-Identifier: MIT */
/*
 * A crash plan says which part of the journal survives a crash. Parsing and
 * printing only; the profile decides what a plan means for its journal.
 */
#ifndef FLAKEY_COMMON_PLAN_H
#define FLAKEY_COMMON_PLAN_H

#include <stdbool.h>
#include <stddef.h>

struct errmsg;

enum plan_keep {
	PLAN_KEEP_NONE, /* nothing that was not paid for: the default */
	PLAN_KEEP_ALL,	/* everything: a crash of the programs, not of power */
};

#define PLAN_TEXT_MAX 64

struct plan {
	enum plan_keep keep;
	/* The report shall have the digest of the surviving tree, for which all
	 * that is stored must be read. */
	bool digest;
};

/* Takes one KEY=VALUE of a crash line into plan, which the caller began as
 * {0}. Returns 0, -EINVAL with a sentence, or -ENOENT for a key that is no
 * part of a plan. */
int plan_parse_key(const char *key, const char *value, struct plan *plan,
		   struct errmsg *reterr_why);

/* "keep=none", "keep=all digest=yes" */
void plan_format(const struct plan *plan, char *buffer, size_t size_bytes);

#endif
