/* SPDX-License-Identifier: MIT */
#include "fusefs/verbs_fault.h"

#include <errno.h>
#include <string.h>

#include "common/errmsg.h"
#include "fusefs/crash.h"
#include "fusefs/ops.h"
#include "fusefs/snapshot.h"
#include "rules/rules.h"

#define NS_PER_MS INT64_C(1000000)

static struct rules *rules_of(struct backend *backend)
{
	return ((struct fusefs *)backend)->rules;
}

/* By its path alone: to open it could take a request that a rule holds up. */
static bool is_in_mount(const struct fusefs *fusefs, const char *path)
{
	const char *mountpoint = fusefs->config.mountpoint;
	size_t length = strlen(mountpoint);
	return strncmp(path, mountpoint, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

static int check_snapshot(const struct fusefs *fusefs,
			  const struct snapshot *snapshot,
			  struct errmsg *reterr_why)
{
	if (!is_in_mount(fusefs, snapshot->directory))
		return snapshot_check(snapshot, reterr_why);
	errmsg_set(reterr_why,
		   "a snapshot cannot lie in the mount itself, as '%.200s'"
		   " does: name a directory elsewhere",
		   snapshot->directory);
	return -EINVAL;
}

int verbs_fault_check(void *user, const struct plan *plan,
		      const char *directory, struct errmsg *reterr_why)
{
	const struct fusefs *fusefs = user;
	const struct snapshot snapshot = {
		.volume = fusefs->volume,
		.plan = plan,
		.directory = directory,
		.mount_device = fusefs->mount_device,
	};
	int r = directory == NULL
			? crash_check(fusefs->volume, plan, reterr_why)
			: check_snapshot(fusefs, &snapshot, reterr_why);
	return r == 0 || r == -ENOMEM ? r : -EINVAL;
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
