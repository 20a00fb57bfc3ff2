/* SPDX-License-Identifier: MIT */
#include <failpoint.h>

int module_second_hits(void);

int module_second_hits(void)
{
	int64_t value = 0;

	/* The program has it as a void. */
	return FAILPOINT("module/second") +
	       FAILPOINT_INT("module/conflict", &value);
}
