/* SPDX-License-Identifier: MIT */
/*
 * A length of time as Go writes it: 10s, 1.5ms, 1h15m30.918s, 5us (or 5µs, with
 * either of the two letters that look so). Numbers with a unit, one after the
 * other and added up; only a lone 0 needs no unit. A sign may stand in front,
 * but nothing below zero is taken. Counted in nanoseconds; what is finer is cut
 * off.
 */
#ifndef FLAKEY_FAILPOINTS_DURATION_H
#define FLAKEY_FAILPOINTS_DURATION_H

#include <stddef.h>
#include <stdint.h>

struct errmsg;
struct text;

/* As sentences list them. */
#define DURATION_UNITS "ns, us, ms, s, m or h"

/*
 * Returns 0, or -EINVAL and in reterr_why "offset N: ...", where N is offset
 * for the first byte of text. Takes linear time.
 */
int duration_parse(const char *text, size_t length_bytes, size_t offset,
		   int64_t *ret_ns, struct errmsg *reterr_why);

/* Appends what duration_parse() reads back as the same, as short as Go's form
 * or shorter: 1h15m30.918s, 10ms, 0s. ns is not negative. */
void duration_print(int64_t ns, struct text *text);

#endif
