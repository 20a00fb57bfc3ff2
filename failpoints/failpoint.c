/* SPDX-License-Identifier: MIT */
/*
 * The public functions that change something: a thin layer over the registry,
 * which keeps the sentence of a failure for its thread.
 */
#include "failpoints/failpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "failpoints/last_error.h"
#include "failpoints/point.h"
#include "failpoints/registry.h"
#include "failpoints/say.h"
#include "failpoints/terms_multi.h"

_Static_assert(FAILPOINT_ERROR_MAX == ERRMSG_MAX, "a sentence has one size");
/* Programs have it compiled in. */
_Static_assert(sizeof(struct failpoint_site) == 64 || sizeof(void *) != 8,
	       "a site keeps its size");

static int enable(const char *name, const char *terms, bool known)
{
	struct registry_orders orders = {NULL, 0};
	int r = registry_order_add(&orders, name, strlen(name), terms,
				   strlen(terms), last_error());

	if (r == 0)
		r = registry_arm(&orders, known, last_error());
	registry_orders_done(&orders);
	return r;
}

int failpoint_enable(const char *name, const char *terms)
{
	return enable(name, terms, false);
}

int failpoint_enable_known(const char *name, const char *terms)
{
	return enable(name, terms, true);
}

static int collect(const char *entries, struct registry_orders *orders,
		   struct errmsg *reterr_why)
{
	size_t length = strlen(entries);
	size_t cursor = 0;
	struct terms_multi_entry entry;
	int r;

	while ((r = terms_multi_next(entries, length, &cursor, &entry,
				     reterr_why)) > 0) {
		r = registry_order_add(orders, entry.name,
				       entry.name_length_bytes, entry.terms,
				       entry.terms_length_bytes, reterr_why);
		if (r < 0)
			return r;
	}
	return r == -EINVAL ? -EBADMSG : r;
}

static int enable_many(const char *entries, bool known)
{
	struct registry_orders orders = {NULL, 0};
	int r = collect(entries, &orders, last_error());

	if (r == 0)
		r = registry_arm(&orders, known, last_error());
	registry_orders_done(&orders);
	return r;
}

int failpoint_enable_many(const char *entries)
{
	return enable_many(entries, false);
}

int failpoint_enable_many_known(const char *entries)
{
	return enable_many(entries, true);
}

int failpoint_disable(const char *name)
{
	return registry_disarm(name, last_error());
}

int failpoint_disable_all(void)
{
	return registry_disarm_all();
}

int failpoint_pause(const char *name)
{
	return failpoint_enable(name, "pause");
}

int failpoint_resume(const char *name)
{
	struct point *point;
	int r = -ENOENT;

	registry_lock();
	point = point_find(name);
	if (point)
		r = (int)gate_open(&point->gate);
	registry_unlock();
	if (r < 0)
		last_error_no_such_point(name);
	return r;
}

void failpoint_set_seed(uint64_t seed)
{
	registry_set_seed(seed);
}

uint64_t failpoint_seed(void)
{
	return registry_seed();
}

/* The names of orders, each with its NUL, and an empty one at the end. */
static char *names_of(const struct registry_orders *orders)
{
	size_t size = 1;
	char *names;
	char *end;

	for (size_t i = 0; i < orders->count; i++)
		size += strlen(orders->items[i].name) + 1;
	names = calloc(1, size);
	end = names;
	for (size_t i = 0; names && i < orders->count; i++)
		end = stpcpy(end, orders->items[i].name) + 1;
	return names;
}

struct failpoint_scope failpoint_scope_begin(const char *entries)
{
	struct failpoint_scope scope = {NULL, 0};
	struct registry_orders orders = {NULL, 0};

	scope.error = collect(entries, &orders, last_error());
	if (scope.error == 0) {
		scope.names = names_of(&orders);
		if (!scope.names) {
			errmsg_set(last_error(), "out of memory");
			scope.error = -ENOMEM;
		}
	}
	if (scope.error == 0)
		scope.error = registry_arm(&orders, false, last_error());
	registry_orders_done(&orders);
	if (scope.error < 0) {
		free(scope.names);
		scope.names = NULL;
	}
	return scope;
}

void failpoint_scope_end(struct failpoint_scope *scope)
{
	int saved_errno = errno;

	/* Somebody else may have disarmed it already. */
	for (const char *name = scope->names; name && *name;
	     name += strlen(name) + 1)
		(void)registry_disarm(name, NULL);
	free(scope->names);
	scope->names = NULL;
	errno = saved_errno;
}

struct failpoint_scope failpoint_scope_require(const char *entries)
{
	struct failpoint_scope scope = failpoint_scope_begin(entries);

	if (scope.error < 0) {
		say(": cannot arm '%s': %s", entries, failpoint_error());
		abort();
	}
	return scope;
}
