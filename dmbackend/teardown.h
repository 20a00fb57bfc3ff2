/* SPDX-License-Identifier: MIT */
/*
 * Takes a mount down, from the outside: it asks the kernel what there is, so it
 * works as well on what a killed server has left half done, and twice.
 */
#ifndef FLAKEY_DMBACKEND_TEARDOWN_H
#define FLAKEY_DMBACKEND_TEARDOWN_H

#include <stdbool.h>

struct errmsg;
struct runtime;

struct teardown {
	const char *mountpoint;
	const char *control; /* the name of the control directory, or NULL */
	bool kill;	     /* the programs that use the mount */
};

/* Unmounts, removes the device and the view of the control files. -EBUSY: in
 * use; then all is as it was. The server ends by itself when its control files
 * are no longer mounted; the directory of runtime is left to it. */
int teardown_run(const struct teardown *teardown, const struct runtime *runtime,
		 struct errmsg *reterr_why);

#endif
