/* SPDX-License-Identifier: MIT */
/* What objects.c finds in each module: hits its points, and says how many did. */
#ifndef FLAKEY_TESTS_FAILPOINT_MODULE_H
#define FLAKEY_TESTS_FAILPOINT_MODULE_H

#ifdef __cplusplus
extern "C" {
#endif

__attribute__((visibility("default"))) int module_hits(void);

#ifdef __cplusplus
}
#endif

#endif
