/* SPDX-License-Identifier: MIT */
/*
 * Values that a hit hands out: whether they fit a site, and how they look.
 * Async-signal-safe.
 */
#ifndef FLAKEY_FAILPOINTS_VALUE_H
#define FLAKEY_FAILPOINTS_VALUE_H

#include <stdbool.h>

#include "failpoints/failpoint.h"

/* Longer ones are cut. */
#define VALUE_BYTES_MAX 1024

/* No value fits everywhere. */
bool value_fits(const struct failpoint_value *value, int site_type);

/* As terms write it: "a string" in quotes. Both return buffer, a part of it, or
 * what is static. */
const char *value_quoted(const struct failpoint_value *value,
			 char buffer[VALUE_BYTES_MAX]);
/* The same, but a string as it is, with escapes for what would spoil a line. */
const char *value_plain(const struct failpoint_value *value,
			char buffer[VALUE_BYTES_MAX]);

#endif
