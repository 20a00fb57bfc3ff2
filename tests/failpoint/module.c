/* SPDX-License-Identifier: MIT */
/* A shared object with points, in two source files. */
#include "tests/failpoint/module.h"

#include <failpoint.h>

int module_second_hits(void);

int module_hits(void)
{
	return FAILPOINT("module/c", "in C") + FAILPOINT("module/shared") +
	       module_second_hits();
}
