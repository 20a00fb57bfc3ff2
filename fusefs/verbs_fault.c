/* SPDX-License-Identifier: MIT */
#include "fusefs/verbs_fault.h"

#include <string.h>

#include "fusefs/ops.h"
#include "rules/rules.h"

#define NS_PER_MS INT64_C(1000000)

static struct rules *rules_of(struct backend *backend)
{
	return ((struct fusefs *)backend)->rules;
}

int verbs_fault_change(struct backend *backend,
		       enum backend_fault_change change, const char *text,
		       struct text *notes, struct errmsg *reterr_why)
{
	struct rules *rules = rules_of(backend);
	switch (change) {
	case BACKEND_FAULT_ADD:
	case BACKEND_FAULT_SET:
		return rules_set(rules, text, strlen(text),
				 change == BACKEND_FAULT_SET, notes,
				 reterr_why);
	case BACKEND_FAULT_REMOVE:
		return rules_remove(rules, text, strlen(text), reterr_why);
	case BACKEND_FAULT_CLEAR:
		(void)rules_clear(rules); /* how many is not asked for */
		break;
	}
	return 0;
}

struct visit {
	backend_fault_fn *each;
	void *user;
};

static void show(void *user, const struct rules_info *info)
{
	const struct visit *visit = user;
	const struct backend_fault fault = {
		.name = info->name,
		.terms = info->terms,
		.hits = info->hits,
		.fired = info->fired,
	};
	visit->each(visit->user, &fault);
}

void verbs_fault_each(struct backend *backend, backend_fault_fn *each,
		      void *user)
{
	struct visit visit = {each, user};
	/* All of them: there is no name that could be wrong. */
	(void)rules_visit(rules_of(backend), NULL, show, &visit, NULL);
}

int verbs_fault_wait(struct backend *backend, const struct backend_wait *wait,
		     uint64_t *ret_fired, struct errmsg *reterr_why)
{
	const struct rules_wish wish = {
		.name = wait->rule,
		.fired = wait->fired,
		.timeout_ns = wait->timeout_ms * NS_PER_MS,
		.cancelled = wait->cancelled,
	};
	return rules_wait(rules_of(backend), &wish, ret_fired, reterr_why);
}

void verbs_fault_cancel(struct backend *backend)
{
	rules_cancel(rules_of(backend));
}

void *verbs_fault_empty(struct backend *backend)
{
	return rules_clear_saved(rules_of(backend));
}

void verbs_fault_refill(struct backend *backend, void *emptied)
{
	rules_restore(rules_of(backend), emptied);
}

void verbs_fault_forget(struct backend *backend, void *emptied)
{
	(void)backend;
	rules_saved_free(emptied);
}
