/* SPDX-License-Identifier: MIT */
/*
 * Points of a TAP test, in C and C++, with nothing but the C library: the same
 * tests are built against an installed libfailpoint, too.
 */
#ifndef FLAKEY_TESTS_FAILPOINT_TAP_H
#define FLAKEY_TESTS_FAILPOINT_TAP_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned int tap_points;
static unsigned int tap_failures;

static inline bool ok(bool good, const char *name)
{
	tap_failures += !good;
	printf("%sok %u - %s\n", good ? "" : "not ", ++tap_points, name);
	(void)fflush(stdout); /* a crash must not lose points */
	return good;
}

static inline void is(int64_t got, int64_t wanted, const char *name)
{
	if (!ok(got == wanted, name))
		printf("# wanted %lld, got %lld\n", (long long)wanted,
		       (long long)got);
}

static inline void same(const char *got, const char *wanted, const char *name)
{
	if (!ok(strcmp(got, wanted) == 0, name))
		printf("# wanted '%s', got '%s'\n", wanted, got);
}

static inline void has(const char *text, const char *part, const char *name)
{
	if (!ok(strstr(text, part) != NULL, name))
		printf("# '%s' is not in '%s'\n", part, text);
}

static inline int tap_end(void)
{
	printf("1..%u\n", tap_points);
	return tap_failures > 0;
}

/* What is written to stderr from the first call to the second; the text is
 * valid until the next. */
static int tap_stderr = -1;
static int tap_caught = -1;

static inline void catch_stderr(void)
{
	tap_caught = memfd_create("stderr", MFD_CLOEXEC);
	tap_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	if (tap_caught < 0 || tap_stderr < 0 ||
	    /* keeps-open: a child has a stderr, too */
	    dup2(tap_caught, STDERR_FILENO) < 0) {
		printf("Bail out! cannot catch stderr\n");
		exit(1);
	}
}

static inline const char *caught_stderr(void)
{
	static char text[8192];
	ssize_t length;

	/* keeps-open: it was open before */
	(void)dup2(tap_stderr, STDERR_FILENO);
	(void)close(tap_stderr);
	length = pread(tap_caught, text, sizeof(text) - 1, 0);
	text[length < 0 ? 0 : length] = '\0';
	(void)close(tap_caught);
	return text;
}

static inline unsigned int lines_of(const char *text)
{
	unsigned int count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

#endif
