/* SPDX-License-Identifier: MIT */
/*
 * Looks before a mount: are the two places such that it can work? Changes
 * nothing.
 */
#ifndef FLAKEY_TOOLS_PREFLIGHT_H
#define FLAKEY_TOOLS_PREFLIGHT_H

#include <stdbool.h>

struct errmsg;

/* The places, as absolute paths without symbolic links; owned. */
struct preflight {
	char *source;
	char *mountpoint;
	bool dead; /* a mount of ours whose server is dead is in the way */
};

/* 0, or a negative errno with a sentence that says what to do. */
int preflight_check(const char *source, const char *mountpoint,
		    struct preflight *ret_preflight, struct errmsg *reterr_why);
/* Only the mountpoint, and nothing may be mounted there. */
int preflight_mountpoint(const char *mountpoint,
			 struct preflight *ret_preflight,
			 struct errmsg *reterr_why);
void preflight_done(struct preflight *preflight);

#endif
