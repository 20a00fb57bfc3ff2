/* SPDX-License-Identifier: MIT */
/* The test's side of preload.h: arming a daemon that runs with it. */
#ifndef FLAKEY_TESTS_FAULTS_PLANFILE_H
#define FLAKEY_TESTS_FAULTS_PLANFILE_H

#include <stdbool.h>

#include "tests/faults/preload.h"

struct preload_plan;

/* Maps the plan in a file, making it if it is not there. NULL with errno. */
struct preload_plan *planfile_map(const char *path);

/* The nth call of this kind fails with error, and all behind it if lasting. */
void planfile_arm(struct preload_plan *plan, enum preload_what what, int nth,
		  bool lasting, int error);
/* Nothing fails any more: how many did. */
int planfile_disarm(struct preload_plan *plan);

#endif
