/* SPDX-License-Identifier: MIT */
/*
 * The names of Linux's error numbers: EIO, ENOSPC, ... The second names that
 * some of them have (EWOULDBLOCK, EDEADLOCK, ENOTSUP) are found, too.
 */
#ifndef FLAKEY_FAILPOINTS_ERRNOS_H
#define FLAKEY_FAILPOINTS_ERRNOS_H

#include <stddef.h>

/* No name has more bytes. */
#define ERRNOS_LENGTH_MAX 15

struct nearest;

/* The number, or 0: there is none of that name. */
int errnos_find(const char *name, size_t length_bytes);

/* The name, or NULL for a number without one. */
const char *errnos_name(int number);

/* Offers all names. */
void errnos_offer(struct nearest *nearest);

#endif
