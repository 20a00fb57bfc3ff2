/* SPDX-License-Identifier: MIT */
/* The sentence that failpoint_error() gives, one for each thread. */
#ifndef FLAKEY_FAILPOINTS_LAST_ERROR_H
#define FLAKEY_FAILPOINTS_LAST_ERROR_H

struct errmsg;

/* To be written to on failure. */
struct errmsg *last_error(void);
void last_error_no_such_point(const char *name);

#endif
