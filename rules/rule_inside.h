/* SPDX-License-Identifier: MIT */
/*
 * A rule inside, for the files rule*.c and rules*.c: what its text was made
 * into, and its counters.
 */
#ifndef FLAKEY_RULES_RULE_INSIDE_H
#define FLAKEY_RULES_RULE_INSIDE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/plan.h"
#include "rules/rule_process.h"

struct glob;
struct terms;

/* Of one selector. */
#define RULE_RANGES_MAX 64

/* From a byte of the file up to, but without, another. */
struct rule_range {
	int64_t begin;
	int64_t end;
};

/* Which operations a rule is for; what is not given lets all pass. */
struct rule_select {
	struct glob *path;
	struct glob *to;
	struct rule_range *ranges; /* in their order, apart from each other */
	size_t range_count;
	pid_t pid; /* 0: any */
	bool has_process;
	char process[RULE_PROCESS_NAME_MAX + 1];
	bool has_uid;
	uid_t uid;
	bool has_flags;
	int flags;	 /* that all must be set */
	int access_mode; /* O_RDONLY ..., or -1 */
	bool after;
	bool force; /* any error is allowed */
};

/* What belongs to one term of the chain. */
struct rule_part {
	int error;
	struct plan plan;
	_Atomic uint64_t spent_bytes; /* of nospace */
};

struct rule {
	atomic_uint refs;
	atomic_bool gone; /* it is in the set no more: sleepers wake */
	bool stays;	  /* rules_change.c's, while it changes the set */
	_Atomic uint64_t fired;
	char *name; /* in normal form */
	uint64_t points;
	struct rule_select select;
	struct terms *terms;
	struct rule_part *parts;
};

#endif
