/* SPDX-License-Identifier: MIT */
/*
 * One sentence that explains a failure to a person: what was wrong, with which
 * thing, and how to mend it. Functions whose error needs words take a
 * `struct errmsg *reterr_why`, which may be NULL.
 */
#ifndef FLAKEY_COMMON_ERRMSG_H
#define FLAKEY_COMMON_ERRMSG_H

#define ERRMSG_MAX 512

struct errmsg {
	char text[ERRMSG_MAX]; /* NUL-terminated, no newline; cut when longer */
};

/* Formats into msg, unless msg is NULL. Control characters of quoted input
 * are replaced by '?', so that a hostile name cannot forge a second line. */
__attribute__((format(printf, 2, 3))) void errmsg_set(struct errmsg *msg,
						      const char *format, ...);

#endif
