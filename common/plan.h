/* SPDX-License-Identifier: MIT */
/*
 * A crash plan says which part of the journal survives a crash. Parsing and
 * printing only; the profile decides what a plan means for its journal.
 */
#ifndef FLAKEY_COMMON_PLAN_H
#define FLAKEY_COMMON_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct errmsg;

enum plan_keep {
	PLAN_KEEP_NONE,	 /* nothing that was not paid for: the default */
	PLAN_KEEP_ALL,	 /* everything: a crash of the programs, not of power */
	PLAN_KEEP_SHARE, /* by chance, about a share of it */
};

/* In which order the survivors are chosen; both are legal for the profile. */
enum plan_order {
	PLAN_ORDER_PREFIX, /* what came first: up to one moment */
	PLAN_ORDER_ANY,	   /* each by itself, as far as the profile allows */
};

/* Where a run of unsynced bytes may be cut. */
enum plan_torn {
	PLAN_TORN_NONE,	  /* nowhere: it survives as a whole, or not at all */
	PLAN_TORN_SECTOR, /* at multiples of 512 bytes */
	PLAN_TORN_PAGE,	  /* at multiples of 4096 bytes */
};

/* What a place reads as that a file got and whose bytes did not arrive. */
enum plan_fill {
	PLAN_FILL_OLD, /* the file did not get it either */
	PLAN_FILL_ZERO,
	PLAN_FILL_GARBAGE,
};

#define PLAN_TEXT_MAX 160

/* The unit of keep_ppm: 100%. */
#define PLAN_PPM_MAX 1000000

struct plan {
	enum plan_keep keep;
	uint32_t keep_ppm; /* of PLAN_KEEP_SHARE: parts of a million */
	enum plan_order order;
	enum plan_torn torn;
	enum plan_fill fill;
	/* All chance comes from it; if it was not given, one is made up. */
	uint64_t seed;
	bool has_seed;
	bool kill; /* SIGKILL first to whoever has the mount open */
	/* The report shall have the digest of the surviving tree, for which all
	 * that is stored must be read. */
	bool digest;
};

/* Takes one KEY=VALUE of a crash line into plan, which the caller began as
 * {0}. Returns 0, -EINVAL with a sentence, or -ENOENT for a key that is no
 * part of a plan. */
int plan_parse_key(const char *key, const char *value, struct plan *plan,
		   struct errmsg *reterr_why);

/* "keep=50% order=any seed=7", words separated by blanks or commas; nothing is
 * the plan that keeps nothing. The sentence of a refusal begins with the place,
 * counted in bytes from `at`, which is where text begins in what the user wrote.
 * Results as above; *ret_plan is changed only by 0. */
int plan_parse(const char *text, size_t at, struct plan *ret_plan,
	       struct errmsg *reterr_why);

/* "keep=none", "keep=50% order=any torn=sector seed=7": what is not as by default,
 * the seed always if there is chance in it. */
void plan_format(const struct plan *plan, char *buffer, size_t size_bytes);

/* "12.5%" into parts of a million. -EINVAL: no percentage from 0 to 100. */
int plan_parse_percent(const char *value, uint32_t *ret_ppm);

#endif
