/* SPDX-License-Identifier: MIT */
/*
 * What a preloaded process shall fail at: a plan in a file that the process and
 * the test both map. FLAKEY_TEST_PLAN names it; it must be there, of the size of
 * the struct, when the process starts.
 */
#ifndef FLAKEY_TESTS_FAULTS_PRELOAD_H
#define FLAKEY_TESTS_FAULTS_PRELOAD_H

#include <stdatomic.h>

enum preload_what {
	PRELOAD_NOTHING,
	PRELOAD_MEMORY, /* allocations */
	PRELOAD_STORE,	/* system calls that change a file with a name */
};

struct preload_plan {
	_Atomic int what;
	_Atomic int countdown; /* the nth from here on */
	_Atomic int lasting;   /* and all behind it */
	_Atomic int error;
	_Atomic int fired; /* how many failed */
};

#endif
