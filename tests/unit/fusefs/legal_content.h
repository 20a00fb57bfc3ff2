/* SPDX-License-Identifier: MIT */
/* What may be left of a file's size and bytes (legal.h). */
#ifndef FLAKEY_TESTS_UNIT_FUSEFS_LEGAL_CONTENT_H
#define FLAKEY_TESTS_UNIT_FUSEFS_LEGAL_CONTENT_H

struct legal;
struct legal_found;
struct legal_plan;

/* Of a file that is there, if its changes up to a moment survive: NULL, or what is
 * wrong. */
const char *legal_content_judge(const struct legal *legal,
				const struct legal_plan *plan, int object,
				int moment, const struct legal_found *found);

#endif
