/* SPDX-License-Identifier: MIT */
/*
 * arm PLAN memory|store NTH once|lasting ERRNO: see preload.h.
 * arm PLAN off: nothing fails any more; prints how many did.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/faults/planfile.h"

#define ERRNO_MAX 200

static int error_named(const char *name)
{
	for (int error = 1; error < ERRNO_MAX; error++) {
		const char *known = strerrorname_np(error);
		if (known != NULL && strcmp(known, name) == 0)
			return error;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct preload_plan *plan = argc > 1 ? planfile_map(argv[1]) : NULL;

	if (plan == NULL) {
		perror("arm");
		return 2;
	}
	if (argc == 3 && strcmp(argv[2], "off") == 0) {
		printf("%d\n", planfile_disarm(plan));
		return 0;
	}
	int error = argc == 6 ? error_named(argv[5]) : 0;
	if (error == 0) {
		fputs("arm: wrong arguments\n", stderr);
		return 2;
	}
	planfile_arm(plan,
		     strcmp(argv[2], "memory") == 0 ? PRELOAD_MEMORY
						    : PRELOAD_STORE,
		     atoi(argv[3]), strcmp(argv[4], "lasting") == 0, error);
	return 0;
}
