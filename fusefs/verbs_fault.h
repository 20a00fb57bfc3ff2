/* SPDX-License-Identifier: MIT */
/* Fault rules of a mount, as backend.h has them. */
#ifndef FLAKEY_FUSEFS_VERBS_FAULT_H
#define FLAKEY_FUSEFS_VERBS_FAULT_H

#include "common/backend.h"

/* For rules_set_check(); user: the struct fusefs. */
int verbs_fault_check(void *user, const struct plan *plan,
		      const char *directory, struct errmsg *reterr_why);
int verbs_fault_change(struct backend *backend,
		       enum backend_fault_change change, const char *text,
		       struct text *notes, struct errmsg *reterr_why);
void verbs_fault_each(struct backend *backend, backend_fault_fn *each,
		      void *user);
int verbs_fault_wait(struct backend *backend, const struct backend_wait *wait,
		     uint64_t *ret_fired, struct errmsg *reterr_why);
void verbs_fault_cancel(struct backend *backend);
void *verbs_fault_empty(struct backend *backend);
void verbs_fault_refill(struct backend *backend, void *emptied);
void verbs_fault_forget(struct backend *backend, void *emptied);

#endif
