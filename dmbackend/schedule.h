/* SPDX-License-Identifier: MIT */
/*
 * When a mode has to be switched next. dm-flakey's own intervals have whole
 * seconds, and none at all where one of them is 0; so the daemon switches by
 * itself.
 */
#ifndef FLAKEY_DMBACKEND_SCHEDULE_H
#define FLAKEY_DMBACKEND_SCHEDULE_H

#include <stdint.h>

struct mode;

/* The first moment after elapsed_ms, both since the switch to mode, at which
 * what is in force changes; -1: never. */
int64_t schedule_next(const struct mode *mode, int64_t elapsed_ms);

#endif
