/* SPDX-License-Identifier: MIT */
/*
 * A rule is a point that is armed; a point without a rule is one that is
 * disabled. Names may be written with %XX, as clients of HTTP like to do.
 */
#include "rules/rules_http.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/text.h"
#include "failpoints/http_reply.h"
#include "failpoints/http_server.h"
#include "rules/rule.h"
#include "rules/rule_points.h"
#include "rules/rules.h"

struct rules_http {
	struct http_host host;
	struct http_server *server;
};

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 'a' - 'A';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Owned by the caller; NULL: out of memory. What is no %XX stays. */
static char *decode(const char *name)
{
	char *decoded = malloc(strlen(name) + 1);
	char *to = decoded;
	if (decoded == NULL)
		return NULL;
	while (*name != '\0') {
		int high = *name == '%' ? digit_of(name[1]) : -1;
		int low = high >= 0 ? digit_of(name[2]) : -1;
		if (low >= 0 && high + low > 0) {
			*to++ = (char)(high << 4 | low);
			name += 3;
		} else {
			*to++ = *name++;
		}
	}
	*to = '\0';
	return decoded;
}

static bool is_point(const char *name)
{
	return rule_points_find(name, strlen(name)) != 0;
}

/* Whether it begins with a point, whatever is wrong behind that. */
static bool has_point(const char *name)
{
	return rule_points_find(name, strcspn(name, "{ ")) != 0;
}

/* What a visit of all has seen: copies, to be sorted. */
struct list {
	struct http_point *points;
	size_t count;
	size_t room;
	bool failed;
};

static void copy_rule(void *user, const struct rules_info *info)
{
	struct list *list = user;
	if (list->count == list->room) {
		size_t room = list->room * 2 + 16;
		struct http_point *grown =
			reallocarray(list->points, room, sizeof(*grown));
		list->failed |= grown == NULL;
		if (grown == NULL)
			return;
		list->points = grown;
		list->room = room;
	}
	struct http_point point = {
		.name = strdup(info->name),
		.terms = strdup(info->terms),
		.hits = info->hits,
		.fired = info->fired,
	};
	list->failed |= point.name == NULL || point.terms == NULL;
	list->points[list->count++] = point;
}

static int compare_points(const void *a, const void *b)
{
	return strcmp(((const struct http_point *)a)->name,
		      ((const struct http_point *)b)->name);
}

static bool has_rule(const struct list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->points[i].name, name) == 0)
			return true;
	return false;
}

/* The points that no rule has for a name. */
static void add_disabled(struct list *list)
{
	size_t rules = list->count;
	for (int p = 0; p < RULE_POINT_COUNT && !list->failed; p++) {
		const struct list named = {list->points, rules, 0, false};
		const char *name = rule_points_name((enum rule_point)p);
		const struct rules_info info = {.name = name, .terms = ""};
		if (has_rule(&named, name))
			continue;
		copy_rule(list, &info);
		if (list->failed)
			return;
		free((char *)list->points[list->count - 1].terms);
		list->points[list->count - 1].terms = NULL;
	}
}

static int visit_all(struct rules *rules, http_host_visitor *visitor,
		     void *context)
{
	struct list list = {0};
	/* All of them: there is no name that could be wrong. */
	(void)rules_visit(rules, NULL, copy_rule, &list, NULL);
	if (!list.failed)
		add_disabled(&list);
	if (!list.failed)
		qsort(list.points, list.count, sizeof(*list.points),
		      compare_points);
	for (size_t i = 0; i < list.count; i++) {
		if (!list.failed)
			visitor(context, &list.points[i]);
		free((char *)list.points[i].name);
		free((char *)list.points[i].terms);
	}
	free(list.points);
	return list.failed ? -ENOMEM : 0;
}

struct visit {
	http_host_visitor *visitor;
	void *context;
};

static void show(void *user, const struct rules_info *info)
{
	const struct visit *visit = user;
	const struct http_point point = {
		.name = info->name,
		.terms = info->terms,
		.hits = info->hits,
		.fired = info->fired,
	};
	visit->visitor(visit->context, &point);
}

static int visit(void *data, const char *encoded, http_host_visitor *visitor,
		 void *context)
{
	struct visit one = {visitor, context};
	if (encoded == NULL)
		return visit_all(data, visitor, context);
	cleanup_free char *name = decode(encoded);
	if (name == NULL)
		return -ENOMEM;
	int r = rules_visit(data, name, show, &one, NULL);
	if (r == -ENOENT && is_point(name)) {
		const struct http_point disabled = {.name = name};
		visitor(context, &disabled);
		return 0;
	}
	return r == -EINVAL ? -ENOENT : r;
}

static int enable(void *data, const char *encoded, const char *terms,
		  size_t length_bytes, struct errmsg *reterr_why)
{
	cleanup_free char *name = decode(encoded);
	if (name == NULL)
		return -ENOMEM;
	if (!has_point(name))
		return -ENOENT;
	return rules_set_one(data, name, terms, length_bytes, reterr_why);
}

static int enable_all(void *data, const char *list, size_t length_bytes,
		      struct errmsg *reterr_why)
{
	struct text notes;
	text_init(&notes);
	int r = rules_set(data, list, length_bytes, false, &notes, reterr_why);
	text_done(&notes); /* the protocol has no place for them */
	return r;
}

static int disable(void *data, const char *encoded)
{
	cleanup_free char *name = decode(encoded);
	if (name == NULL)
		return -ENOMEM;
	int r = rules_remove(data, name, strlen(name), NULL);
	if (r == -ENOENT && is_point(name))
		return -EALREADY;
	return r == -EINVAL ? -ENOENT : r;
}

static void disable_all(void *data)
{
	(void)rules_clear(data); /* how many is not asked for */
}

static int watch(void *data)
{
	return rules_watch_fired(data);
}

static void unwatch(void *data)
{
	rules_unwatch_fired(data);
}

void rules_http_host(struct rules *rules, struct http_host *ret_host)
{
	*ret_host = (struct http_host){
		.visit = visit,
		.enable = enable,
		.enable_all = enable_all,
		.disable = disable,
		.disable_all = disable_all,
		.watch = watch,
		.unwatch = unwatch,
		.data = rules,
	};
}

#ifdef RULES_HTTP_SERVER

int rules_http_start(struct rules *rules, const char *address,
		     struct rules_http **ret_http, struct errmsg *reterr_why)
{
	struct rules_http *http = calloc(1, sizeof(*http));
	if (http == NULL)
		return -ENOMEM;
	const struct http_server_config config = {
		.address = address,
		.host = &http->host,
	};
	rules_http_host(rules, &http->host);
	int r = http_server_start(&config, &http->server, reterr_why);
	if (r < 0) {
		free(http);
		return r;
	}
	*ret_http = http;
	return 0;
}

void rules_http_stop(struct rules_http *http)
{
	if (http == NULL)
		return;
	http_server_stop(http->server, -1);
	free(http);
}

const char *rules_http_address(const struct rules_http *http)
{
	return http_server_address(http->server);
}

#else

int rules_http_start(struct rules *rules, const char *address,
		     struct rules_http **ret_http, struct errmsg *reterr_why)
{
	(void)rules;
	(void)ret_http;
	errmsg_set(reterr_why,
		   "cannot listen on '%.200s': flakey was built without "
		   "libmicrohttpd",
		   address);
	return -ENOTSUP;
}

void rules_http_stop(struct rules_http *http)
{
	(void)http;
}

const char *rules_http_address(const struct rules_http *http)
{
	(void)http;
	return "";
}

#endif
