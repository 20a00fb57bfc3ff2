/* SPDX-License-Identifier: MIT */
#include "failpoints/http_points.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "common/errmsg.h"
#include "failpoints/bell.h"
#include "failpoints/death.h"
#include "failpoints/failpoint.h"
#include "failpoints/http_reply.h"
#include "failpoints/last_error.h"
#include "failpoints/registry.h"
#include "failpoints/terms_multi.h"

struct visit {
	http_host_visitor *visitor;
	void *context;
};

static int visit_one(void *user, const struct failpoint_info *info)
{
	const struct visit *visit = user;
	const struct http_point point = {
		.name = info->name,
		.terms = info->terms,
		.hits = info->hits,
		.fired = info->fired,
		.paused = info->paused,
		.location = info->location,
		.type = failpoint_type_name(info->type),
		.doc = info->doc,
		.pending = info->sites == 0,
	};

	visit->visitor(visit->context, &point);
	return 0;
}

static int visit_points(void *data, const char *name,
			http_host_visitor *visitor, void *context)
{
	struct visit visit = {visitor, context};
	int r;

	(void)data;
	if (name)
		return failpoint_status(name, visit_one, &visit);
	r = failpoint_list(visit_one, &visit);
	return r < 0 ? r : 0;
}

static bool exists(const char *name)
{
	return failpoint_hits(name) != -ENOENT;
}

static int enable_point(void *data, const char *name, const char *terms,
			size_t length_bytes, struct errmsg *reterr_why)
{
	struct registry_orders orders = {NULL, 0};
	int r;

	(void)data;
	/* Before the terms are looked at, as gofail does. */
	if (!exists(name))
		return -ENOENT;
	r = registry_order_add(&orders, name, strlen(name), terms, length_bytes,
			       reterr_why);
	if (r == 0)
		r = registry_arm(&orders, true, reterr_why);
	registry_orders_done(&orders);
	return r;
}

static int enable_points(void *data, const char *list, size_t length_bytes,
			 struct errmsg *reterr_why)
{
	struct registry_orders orders = {NULL, 0};
	struct terms_multi_entry entry;
	struct errmsg why;
	size_t cursor = 0;
	int r = 0;

	(void)data;
	while (r == 0 && (r = terms_multi_next(list, length_bytes, &cursor,
					       &entry, reterr_why)) > 0) {
		r = registry_order_add(&orders, entry.name,
				       entry.name_length_bytes, entry.terms,
				       entry.terms_length_bytes, &why);
		if (r < 0)
			errmsg_set(reterr_why, "%.*s: %s",
				   entry.name_length_bytes < 100
					   ? (int)entry.name_length_bytes
					   : 100,
				   entry.name, why.text);
	}
	if (r == 0)
		r = registry_arm(&orders, true, reterr_why);
	registry_orders_done(&orders);
	return r;
}

static int disable_point(void *data, const char *name)
{
	(void)data;
	return failpoint_disable(name);
}

static void disable_points(void *data)
{
	(void)data;
	(void)failpoint_disable_all(); /* how many is not asked for */
}

static void hold_deaths(void *data)
{
	(void)data;
	death_hold();
}

static void release_deaths(void *data)
{
	(void)data;
	death_release();
}

static int watch_points(void *data)
{
	(void)data;
	return bell_watch();
}

static void unwatch_points(void *data)
{
	(void)data;
	bell_unwatch();
}

const struct http_host *http_points(void)
{
	static const struct http_host host = {
		.visit = visit_points,
		.enable = enable_point,
		.enable_all = enable_points,
		.disable = disable_point,
		.disable_all = disable_points,
		.hold_deaths = hold_deaths,
		.release_deaths = release_deaths,
		.watch = watch_points,
		.unwatch = unwatch_points,
	};

	return &host;
}
