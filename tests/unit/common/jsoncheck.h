/* SPDX-License-Identifier: MIT */
/*
 * Says whether a text is one JSON value (RFC 8259), and nothing else but white
 * space around it. A second opinion, written apart from the writer's code.
 */
#ifndef FLAKEY_TESTS_UNIT_COMMON_JSONCHECK_H
#define FLAKEY_TESTS_UNIT_COMMON_JSONCHECK_H

#include <stdbool.h>

bool jsoncheck_valid(const char *text);

#endif
