/* SPDX-License-Identifier: MIT */
/*
 * The left side of a rule, `fs/write{path=*.wal,offset=0..4096}`: its points and
 * its selectors. docs/fault-rules.md says what they mean.
 */
#ifndef FLAKEY_RULES_RULE_SELECT_H
#define FLAKEY_RULES_RULE_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rule_hit;
struct rule_process_line;
struct rule_select;
struct terms_scan;
struct text;

/* Longer names of rules, with their selectors, are refused. */
#define RULE_SELECT_LENGTH_MAX 4096

/* Reads all of scan, from its place on. Fills ret_select, which was zero and is
 * the caller's to release also after a failure, appends the normal form to name,
 * and returns the points in ret_points. 0, -EINVAL with an offset in scan->source
 * and a reason, or -ENOMEM. */
int rule_select_parse(struct terms_scan *scan, uint64_t *ret_points,
		      struct rule_select *ret_select, struct text *name);

void rule_select_done(struct rule_select *select);

/* What of rule_points.h a point must know for it, as bits. */
unsigned int rule_select_wants(const struct rule_select *select);

/* Whether it lets the hit pass, but for path and to. line: of the hit, looked up
 * when it is needed. */
bool rule_select_passes(const struct rule_select *select,
			const struct rule_hit *hit,
			struct rule_process_line *line);

#endif
