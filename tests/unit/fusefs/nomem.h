/* SPDX-License-Identifier: MIT */
/*
 * Memory that runs out on demand. A test that links this with
 *	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray,
 *	--wrap=strdup
 * has all allocations of the code under test pass here; those inside the C
 * library do not. One thread only.
 */
#ifndef FLAKEY_TESTS_UNIT_FUSEFS_NOMEM_H
#define FLAKEY_TESTS_UNIT_FUSEFS_NOMEM_H

#include <stdbool.h>

/* The nth allocation from now, counted from 1, fails; only that one. */
void nomem_arm(unsigned int nth);
/* No more failures. Whether one has happened since nomem_arm(). */
bool nomem_disarm(void);

#endif
