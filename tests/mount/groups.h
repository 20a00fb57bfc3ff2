/* SPDX-License-Identifier: MIT */
/* The groups of the conformance suite; X_GROUP is defined in X.c. */
#ifndef FLAKEY_TESTS_MOUNT_GROUPS_H
#define FLAKEY_TESTS_MOUNT_GROUPS_H

#include "tests/mount/cases.h"

extern const struct case_group attributes_group;
extern const struct case_group data_group;
extern const struct case_group locks_group;
extern const struct case_group names_group;
extern const struct case_group special_group;

#endif
