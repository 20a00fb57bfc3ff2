/* SPDX-License-Identifier: MIT */
/* The names that ld gives to wrapper and wrapped are reserved ones, so they are
 * given to the assembler only. */
#include "tests/unit/fusefs/nomem.h"

#include <stddef.h>

void *nomem_real_malloc(size_t size) __asm__("__real_malloc");
void *nomem_real_calloc(size_t count, size_t size) __asm__("__real_calloc");
void *nomem_real_realloc(void *old, size_t size) __asm__("__real_realloc");
void *nomem_real_reallocarray(void *old, size_t count,
			      size_t size) __asm__("__real_reallocarray");
char *nomem_real_strdup(const char *string) __asm__("__real_strdup");

void *nomem_malloc(size_t size) __asm__("__wrap_malloc");
void *nomem_calloc(size_t count, size_t size) __asm__("__wrap_calloc");
void *nomem_realloc(void *old, size_t size) __asm__("__wrap_realloc");
void *nomem_reallocarray(void *old, size_t count,
			 size_t size) __asm__("__wrap_reallocarray");
char *nomem_strdup(const char *string) __asm__("__wrap_strdup");

static unsigned int countdown; /* 0: not armed */
static bool fired;

void nomem_arm(unsigned int nth)
{
	countdown = nth;
	fired = false;
}

bool nomem_disarm(void)
{
	countdown = 0;
	return fired;
}

static bool fails(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	fired = true;
	return true;
}

void *nomem_malloc(size_t size)
{
	return fails() ? NULL : nomem_real_malloc(size);
}

void *nomem_calloc(size_t count, size_t size)
{
	return fails() ? NULL : nomem_real_calloc(count, size);
}

void *nomem_realloc(void *old, size_t size)
{
	return fails() ? NULL : nomem_real_realloc(old, size);
}

void *nomem_reallocarray(void *old, size_t count, size_t size)
{
	return fails() ? NULL : nomem_real_reallocarray(old, count, size);
}

char *nomem_strdup(const char *string)
{
	return fails() ? NULL : nomem_real_strdup(string);
}
