/* SPDX-License-Identifier: MIT */
/*
 * Actions as a host of the engine registers them: with all kinds of arguments,
 * required ones and others.
 */
#ifndef FLAKEY_TESTS_UNIT_FAILPOINTS_LANGUAGE_H
#define FLAKEY_TESTS_UNIT_FAILPOINTS_LANGUAGE_H

#include "failpoints/terms.h"

enum language_id {
	LANGUAGE_DROP = TERMS_HOST,
	LANGUAGE_SHORT,	     /* short(N|P%) */
	LANGUAGE_CORRUPT,    /* corrupt(how, count=1..4096, at=N) */
	LANGUAGE_CRASH,	     /* crash(keep=P%|none|all, seed=N, kill=BOOL) */
	LANGUAGE_SNAPSHOT,   /* snapshot("DIR") */
	LANGUAGE_FAIL_AFTER, /* fail-after(ERRNO) */
	LANGUAGE_FOR,	     /* for(DURATION) */
	LANGUAGE_ALL,	     /* all8(...): as many as there may be */
};

extern const struct terms_language language;

#endif
