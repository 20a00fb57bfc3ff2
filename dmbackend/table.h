/* SPDX-License-Identifier: MIT */
/*
 * The lines that tell the kernel's dm-flakey target what to do. Text only; the
 * device is device.c's.
 */
#ifndef FLAKEY_DMBACKEND_TABLE_H
#define FLAKEY_DMBACKEND_TABLE_H

#include <stddef.h>

#include "common/mode.h"

/* Device, interval and features, with a NUL. */
#define TABLE_PARAMETERS_MAX 4352

/* What is behind "0 SECTORS flakey ": "/dev/loop3 0 0 1 1 drop_writes", for a
 * mode that is in force without end. 0, or -ENAMETOOLONG. */
int table_parameters(const char *device, const struct mode *mode,
		     char ret_parameters[static TABLE_PARAMETERS_MAX]);

/* The feature of the target that a mode needs, "drop_writes", and the first
 * kernel that has it; NULL for allow-writes. */
const char *table_feature(const struct mode *mode);
const char *table_since(const struct mode *mode);

#endif
