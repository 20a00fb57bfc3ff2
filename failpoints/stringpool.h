/* SPDX-License-Identifier: MIT */
/*
 * The strings that points may hand to the program. They are kept for ever, each
 * once, since a program may keep what it got longer than the point is armed.
 * Called with the registry's lock held.
 */
#ifndef FLAKEY_FAILPOINTS_STRINGPOOL_H
#define FLAKEY_FAILPOINTS_STRINGPOOL_H

/* Returns 0 and the one copy of text; -ENOMEM; or -ENOSPC: there are
 * FAILPOINT_STRINGS_BYTES_MAX of them. */
int stringpool_keep(const char *text, const char **ret_kept);

#endif
