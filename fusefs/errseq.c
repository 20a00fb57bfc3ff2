/* SPDX-License-Identifier: MIT */
#include "fusefs/errseq.h"

#include <assert.h>

#define ERRNO_MASK 0xfffU
#define SEEN 0x1000U
#define COUNT 0x2000U

void errseq_set(uint32_t *current, int error)
{
	assert(error > 0 && (unsigned int)error <= ERRNO_MASK);
	uint32_t value = *current;
	if (value & SEEN)
		value += COUNT; /* a new one: those who saw the last do not
				 * know it */
	*current = (value & ~(ERRNO_MASK | SEEN)) | (uint32_t)error;
}

uint32_t errseq_sample(uint32_t current)
{
	return current & SEEN ? current : 0;
}

int errseq_check(uint32_t *current, uint32_t *since)
{
	if (*current == *since)
		return 0;
	*current |= SEEN;
	*since = *current;
	return -(int)(*current & ERRNO_MASK);
}
