/* SPDX-License-Identifier: MIT */
/*
 * System calls that fail. Linked with --wrap for every call that the store or
 * the scratch file makes; which of the two a call is for is seen by its
 * descriptor. Calls by path count as the store's.
 */
#ifndef FLAKEY_TESTS_UNIT_FUSEFS_NODISK_H
#define FLAKEY_TESTS_UNIT_FUSEFS_NODISK_H

#include <stdbool.h>

enum nodisk_place {
	NODISK_STORE,
	NODISK_SCRATCH,
};

struct nodisk_plan {
	enum nodisk_place place;
	int errno_value;
	bool lasting; /* all calls from the nth on fail, not only that one */
};

/* What arming means from here on. The scratch file must be open by then. */
void nodisk_plan(const struct nodisk_plan *plan);
/* The nth call from here on fails. */
void nodisk_arm(unsigned int nth);
/* No call fails any more: whether one did. */
bool nodisk_disarm(void);
/* The name of the first call that failed. */
const char *nodisk_failed(void);

/* Descriptors that this process has open. */
unsigned int nodisk_descriptors(void);

#endif
