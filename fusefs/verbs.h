/* SPDX-License-Identifier: MIT */
/* What the control files ask of this backend. */
#ifndef FLAKEY_FUSEFS_VERBS_H
#define FLAKEY_FUSEFS_VERBS_H

struct backend_ops;

/* The backend of these is a struct fusefs. */
extern const struct backend_ops verbs_table;

#endif
