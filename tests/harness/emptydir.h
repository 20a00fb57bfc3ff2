/* SPDX-License-Identifier: MIT */
#ifndef FLAKEY_TESTS_HARNESS_EMPTYDIR_H
#define FLAKEY_TESTS_HARNESS_EMPTYDIR_H

/* Removes all that is in the root of a mount, except its control directory. 0, or
 * a negative errno. */
int emptydir(const char *path);

#endif
