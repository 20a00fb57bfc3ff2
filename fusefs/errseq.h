/* SPDX-License-Identifier: MIT */
/*
 * Who is told of a failed write-back, and how often: once for each open file
 * description that was open when it failed, and once for the first that is
 * opened afterwards if nobody had been told. The same rules as lib/errseq.c of
 * Linux, whose layout of a value this follows: errno, a bit for "somebody has
 * seen it", and a counter. Values are guarded by the inode's lock.
 */
#ifndef FLAKEY_FUSEFS_ERRSEQ_H
#define FLAKEY_FUSEFS_ERRSEQ_H

#include <stdint.h>

/* A write-back failed; error is a positive errno. */
void errseq_set(uint32_t *current, int error);

/* What a description that is opened now has to compare with. */
uint32_t errseq_sample(uint32_t current);

/* 0, or the negative errno that this description has not been told yet. */
int errseq_check(uint32_t *current, uint32_t *since);

#endif
