/* SPDX-License-Identifier: MIT */
/* The names that ld gives to wrapper and wrapped are reserved ones, so they are
 * given to the assembler only. */
#include "tests/unit/fusefs/nomem.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

void *nomem_real_malloc(size_t size) __asm__("__real_malloc");
void *nomem_real_calloc(size_t count, size_t size) __asm__("__real_calloc");
void *nomem_real_realloc(void *old, size_t size) __asm__("__real_realloc");
void *nomem_real_reallocarray(void *old, size_t count,
			      size_t size) __asm__("__real_reallocarray");
char *nomem_real_strdup(const char *string) __asm__("__real_strdup");
char *nomem_real_strndup(const char *string,
			 size_t size) __asm__("__real_strndup");
char *nomem_real_realpath(const char *path,
			  char *buffer) __asm__("__real_realpath");
int nomem_real_vasprintf(char **ret_string, const char *format,
			 va_list arguments) __asm__("__real_vasprintf");

void *nomem_malloc(size_t size) __asm__("__wrap_malloc");
void *nomem_calloc(size_t count, size_t size) __asm__("__wrap_calloc");
void *nomem_realloc(void *old, size_t size) __asm__("__wrap_realloc");
void *nomem_reallocarray(void *old, size_t count,
			 size_t size) __asm__("__wrap_reallocarray");
char *nomem_strdup(const char *string) __asm__("__wrap_strdup");
char *nomem_strndup(const char *string, size_t size) __asm__("__wrap_strndup");
char *nomem_realpath(const char *path, char *buffer) __asm__("__wrap_realpath");
__attribute__((format(printf, 2, 0))) int
nomem_vasprintf(char **ret_string, const char *format,
		va_list arguments) __asm__("__wrap_vasprintf");
__attribute__((format(printf, 2, 3))) int
nomem_asprintf(char **ret_string, const char *format,
	       ...) __asm__("__wrap_asprintf");

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
	errno = ENOMEM;
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

char *nomem_strndup(const char *string, size_t size)
{
	return fails() ? NULL : nomem_real_strndup(string, size);
}

char *nomem_realpath(const char *path, char *buffer)
{
	return fails() ? NULL : nomem_real_realpath(path, buffer);
}

int nomem_vasprintf(char **ret_string, const char *format, va_list arguments)
{
	return fails() ? -1
		       : nomem_real_vasprintf(ret_string, format, arguments);
}

int nomem_asprintf(char **ret_string, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	int n = nomem_vasprintf(ret_string, format, arguments);
	va_end(arguments);
	return n;
}
