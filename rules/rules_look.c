/* SPDX-License-Identifier: MIT */
/* Looking at the rules, and waiting for what they do. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "failpoints/excerpt.h"
#include "rules/rule_inside.h"
#include "rules/rule_parse.h"
#include "rules/rules.h"
#include "rules/rules_inside.h"
#include "rules/rules_table.h"

#define NS_PER_S 1000000000

static void show(const struct rule *rule, rules_visitor *visitor, void *user)
{
	struct rules_info info = {
		.name = rule_name(rule),
		.terms = rule_terms(rule),
	};
	/* In this order, so that no more seem to have fired than were hit. */
	info.fired = atomic_load(&rule->fired);
	info.hits = terms_counts(rule->terms).hits;
	visitor(user, &info);
}

static int normal_name(const char *name, struct text *normal,
		       struct errmsg *reterr_why)
{
	const struct rule_source source = {name, 0, strlen(name)};
	return rule_parse_name(&source, normal, reterr_why);
}

static int find(struct rules_table *table, const char *name,
		struct rule **ret_rule, struct errmsg *reterr_why)
{
	struct text normal;
	char shown[EXCERPT_MAX];
	text_init(&normal);
	int r = normal_name(name, &normal, reterr_why);
	if (r == 0) {
		size_t place = rules_table_find(table, normal.data);
		if (place < rules_table_count(table))
			*ret_rule = rules_table_at(table, place);
		else
			r = -ENOENT;
	}
	text_done(&normal);
	if (r == -ENOENT)
		errmsg_set(reterr_why,
			   "there is no rule '%s'; list shows the rules",
			   excerpt_of(name, strlen(name), shown));
	return r;
}

int rules_visit(struct rules *rules, const char *name, rules_visitor *visitor,
		void *user, struct errmsg *reterr_why)
{
	struct rules_table *table = rules_hold(rules);
	int r = 0;
	if (name != NULL) {
		struct rule *rule;
		r = find(table, name, &rule, reterr_why);
		if (r == 0)
			show(rule, visitor, user);
	}
	for (size_t i = 0; name == NULL && i < rules_table_count(table); i++)
		show(rules_table_at(table, i), visitor, user);
	rules_table_unref(table);
	return r;
}

size_t rules_count(struct rules *rules)
{
	struct rules_table *table = rules_hold(rules);
	size_t count = rules_table_count(table);
	rules_table_unref(table);
	return count;
}

/* The rule of the name as it is now, with a reference. */
static int hold_rule(struct rules *rules, const char *name,
		     struct rule **ret_rule, struct errmsg *reterr_why)
{
	struct rules_table *table = rules_hold(rules);
	int r = find(table, name, ret_rule, reterr_why);
	if (r == 0)
		rule_ref(*ret_rule);
	rules_table_unref(table);
	return r;
}

/* 1: not yet. */
static int look(struct rules *rules, const struct rule *rule,
		const struct rules_wish *wish)
{
	if (atomic_load(&rule->fired) >= wish->fired)
		return 0;
	if (atomic_load(&rule->gone))
		return -ENOENT;
	if (atomic_load(&rules->stopped) ||
	    (wish->cancelled != NULL && atomic_load(wish->cancelled)))
		return -ECANCELED;
	return 1;
}

static struct timespec deadline(int64_t timeout_ns)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ns / NS_PER_S;
	until.tv_nsec += timeout_ns % NS_PER_S;
	if (until.tv_nsec >= NS_PER_S) {
		until.tv_sec++;
		until.tv_nsec -= NS_PER_S;
	}
	return until;
}

static void explain(int r, const struct rules_wish *wish, uint64_t has,
		    struct errmsg *reterr_why)
{
	char shown[EXCERPT_MAX];
	excerpt_of(wish->name, strlen(wish->name), shown);
	if (r == -ETIMEDOUT)
		errmsg_set(reterr_why,
			   "the rule '%s' has fired %llu of %llu times", shown,
			   (unsigned long long)has,
			   (unsigned long long)wish->fired);
	else if (r == -ENOENT)
		errmsg_set(reterr_why,
			   "the rule '%s' was removed or replaced when it had "
			   "fired %llu of %llu times",
			   shown, (unsigned long long)has,
			   (unsigned long long)wish->fired);
	else if (r == -ECANCELED)
		errmsg_set(reterr_why, "the wait for the rule '%s' was ended",
			   shown);
}

int rules_wait(struct rules *rules, const struct rules_wish *wish,
	       uint64_t *ret_fired, struct errmsg *reterr_why)
{
	const struct timespec until = deadline(wish->timeout_ns);
	struct rule *rule;
	int r = hold_rule(rules, wish->name, &rule, reterr_why);
	if (r < 0)
		return r;
	atomic_fetch_add(&rules->waits, 1);
	pthread_mutex_lock(&rules->sleep_lock);
	int slept = 0;
	while ((r = look(rules, rule, wish)) > 0 && slept == 0)
		slept = pthread_cond_timedwait(&rules->fired,
					       &rules->sleep_lock, &until);
	pthread_mutex_unlock(&rules->sleep_lock);
	atomic_fetch_sub(&rules->waits, 1);
	*ret_fired = atomic_load(&rule->fired);
	if (r > 0)
		r = -ETIMEDOUT;
	explain(r, wish, *ret_fired, reterr_why);
	rule_unref(rule);
	return r;
}

void rules_cancel(struct rules *rules)
{
	pthread_mutex_lock(&rules->sleep_lock);
	pthread_cond_broadcast(&rules->fired);
	pthread_mutex_unlock(&rules->sleep_lock);
}

int rules_watch_fired(struct rules *rules)
{
	pthread_mutex_lock(&rules->sleep_lock);
	if (rules->watch_fd < 0)
		rules->watch_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int fd = rules->watch_fd;
	pthread_mutex_unlock(&rules->sleep_lock);
	atomic_fetch_add(&rules->waits, 1);
	return fd;
}

void rules_unwatch_fired(struct rules *rules)
{
	atomic_fetch_sub(&rules->waits, 1);
}
