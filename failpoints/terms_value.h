/* SPDX-License-Identifier: MIT */
/*
 * One argument of an action: read and checked against what the parameter takes.
 */
#ifndef FLAKEY_FAILPOINTS_TERMS_VALUE_H
#define FLAKEY_FAILPOINTS_TERMS_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct terms_action;
struct terms_param;
struct terms_scan;
struct terms_value;

/* A percent is kept in parts of a billion. */
#define TERMS_VALUE_BILLION 1000000000
#define TERMS_VALUE_ONE_PERCENT 10000000

/* Room for what a parameter takes, as a sentence lists it. */
#define TERMS_VALUE_WANTED_MAX 320

/* Reads the value at the scan's place, for a parameter of an action. 0 or
 * -EINVAL. A string goes to scan->strings, which is moved behind its NUL. */
int terms_value_read(struct terms_scan *scan, const struct terms_action *action,
		     const struct terms_param *param,
		     struct terms_value *ret_value);

/* "a whole number, a duration such as 10ms or all". Returns buffer. */
const char *terms_value_wanted(const struct terms_param *param,
			       char buffer[static TERMS_VALUE_WANTED_MAX]);

/* The parts of a billion of "12.5" percents, which is digits with a '.' or
 * none. Rounded, but never to 0% or 100%; above 100% it is 100%, and
 * *ret_above. */
uint64_t terms_value_percent(const char *digits, size_t length_bytes,
			     bool *ret_above);

#endif
