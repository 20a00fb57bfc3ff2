/* SPDX-License-Identifier: MIT */
/* What the control files ask of this backend. */
#ifndef FLAKEY_DMBACKEND_DISK_VERBS_H
#define FLAKEY_DMBACKEND_DISK_VERBS_H

#include "common/backend.h"

/* Its struct backend is a struct dmbackend. */
extern const struct backend_ops disk_verbs_table;

#endif
