/* SPDX-License-Identifier: MIT */
/*
 * Deciding: the table is held, its index says which rules select the hit, and
 * these are asked in their order. Nobody who decides waits for anything but the
 * lock under which the table is taken.
 */
#include "rules/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/event.h"
#include "common/plan.h"
#include "common/text.h"
#include "rules/rule_inside.h"
#include "rules/rule_points.h"
#include "rules/rules_inside.h"
#include "rules/rules_table.h"

#define NS_PER_S 1000000000
#define WORD_BITS RULES_INDEX_WORD_BITS

static void init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

struct rules *rules_new(struct event_log *events, uint64_t seed)
{
	struct rules *rules = calloc(1, sizeof(*rules));
	if (rules == NULL)
		return NULL;
	rules->events = events;
	rules->seed = seed;
	rules->watch_fd = -1;
	rules->nothing = rules_table_new(NULL, 0);
	if (rules->nothing == NULL) {
		free(rules);
		return NULL;
	}
	rules_table_ref(rules->nothing);
	rules->table = rules->nothing;
	pthread_mutex_init(&rules->change_lock, NULL);
	pthread_mutex_init(&rules->lock, NULL);
	pthread_mutex_init(&rules->sleep_lock, NULL);
	init_condition(&rules->ended);
	init_condition(&rules->fired);
	return rules;
}

void rules_free(struct rules *rules)
{
	if (rules == NULL)
		return;
	rules_table_unref(rules->table);
	rules_table_unref(rules->nothing);
	pthread_mutex_destroy(&rules->change_lock);
	pthread_mutex_destroy(&rules->lock);
	pthread_mutex_destroy(&rules->sleep_lock);
	pthread_cond_destroy(&rules->ended);
	pthread_cond_destroy(&rules->fired);
	if (rules->watch_fd >= 0)
		close(rules->watch_fd);
	free(rules);
}

uint64_t rules_seed(const struct rules *rules)
{
	return rules->seed;
}

void rules_set_unseen(struct rules *rules, unsigned int unseen)
{
	rules->unseen = unseen;
}

void rules_set_check(struct rules *rules, rule_check_fn *check, void *user)
{
	rules->check = check;
	rules->check_user = user;
}

void rules_watch(struct rules *rules, rules_woke_fn *woke, void *user)
{
	rules->woke = woke;
	rules->woke_user = user;
}

struct rules_table *rules_hold(struct rules *rules)
{
	pthread_mutex_lock(&rules->lock);
	struct rules_table *table = rules->table;
	rules_table_ref(table);
	pthread_mutex_unlock(&rules->lock);
	return table;
}

static bool ends_operation(int id)
{
	return id == TERMS_RETURN || id == TERMS_PANIC || id == TERMS_EXIT ||
	       id == TERMS_KILL || id == RULE_CRASH;
}

/* Returns whether it fired, and then with a verdict that references it. */
static bool ask(struct rule *rule, struct rule_verdict *ret_verdict)
{
	struct terms_decision decision;
	if (!terms_decide(rule->terms, &decision) || decision.id == TERMS_OFF)
		return false;
	const struct rule_part *part = &rule->parts[decision.term];
	*ret_verdict = (struct rule_verdict){
		.id = decision.id,
		.args = decision.args,
		.error = part->error,
		.plan = &part->plan,
		.rule = rule,
		.term = decision.term,
		.hit = decision.hit,
	};
	rule_ref(rule);
	atomic_fetch_add(&rule->fired, 1);
	return true;
}

static void tell_waits(struct rules *rules)
{
	const uint64_t one = 1;
	if (atomic_load(&rules->waits) == 0)
		return;
	pthread_mutex_lock(&rules->sleep_lock);
	pthread_cond_broadcast(&rules->fired);
	/* Cannot fail: who reads it has it read up to zero. */
	if (rules->watch_fd >= 0)
		(void)!write(rules->watch_fd, &one, sizeof(one));
	pthread_mutex_unlock(&rules->sleep_lock);
}

size_t rules_decide(struct rules *rules, const struct rule_hit *hit,
		    struct rule_verdicts *ret_verdicts)
{
	uint64_t found[RULES_MAX / WORD_BITS + 1];
	uint64_t sequence = atomic_load(&rules->interruptions);
	struct rules_table *table = rules_hold(rules);
	size_t words = rules_table_words(table);
	bool more = !atomic_load(&rules->stopped);
	ret_verdicts->count = 0;
	memset(found, 0, words * sizeof(*found));
	if (more)
		rules_table_select(table, hit, found);
	for (size_t w = 0; more && w < words; w++) {
		for (uint64_t left = found[w]; more && left != 0;
		     left &= left - 1) {
			size_t place =
				w * WORD_BITS + (size_t)__builtin_ctzll(left);
			struct rule_verdict *verdict =
				&ret_verdicts->list[ret_verdicts->count];
			if (!ask(rules_table_at(table, place), verdict))
				continue;
			verdict->sequence = sequence;
			more = !ends_operation(verdict->id) &&
			       ++ret_verdicts->count < RULE_VERDICTS_MAX;
			ret_verdicts->count += ends_operation(verdict->id);
		}
	}
	rules_table_unref(table);
	if (ret_verdicts->count > 0)
		tell_waits(rules);
	return ret_verdicts->count;
}

void rules_done(struct rule_verdicts *verdicts)
{
	for (size_t i = 0; i < verdicts->count; i++)
		rule_unref(verdicts->list[i].rule);
	verdicts->count = 0;
}

static void log_name(struct text *fields, const char *key,
		     const struct rule_hit *hit, rule_name_fn *name_of)
{
	struct text name;
	text_init(&name);
	if (name_of != NULL && name_of(hit->data, 0, &name) == 0 &&
	    text_result(&name) == 0) {
		text_printf(fields, ",\"%s\":", key);
		text_json_string(fields, name.data);
	}
	text_done(&name);
}

static void log_range(struct text *fields, const char *prefix, int64_t offset,
		      int64_t length)
{
	if (offset >= 0)
		text_printf(fields, ",\"%soffset\":%lld", prefix,
			    (long long)offset);
	if (offset >= 0 && length >= 0)
		text_printf(fields, ",\"%slength\":%lld", prefix,
			    (long long)length);
}

static void log_action(struct text *fields, const struct rule_verdict *verdict)
{
	const struct terms_term *term =
		terms_at(verdict->rule->terms, verdict->term);
	struct text action;
	text_init(&action);
	text_printf(&action, "%s", term->action->name);
	terms_print_args(term, &action);
	text_printf(fields, ",\"action\":");
	text_json_string(fields, text_result(&action) == 0 ? action.data : "?");
	text_done(&action);
}

void rules_log(struct rules *rules, const struct rule_hit *hit,
	       const struct rule_verdict *verdict,
	       const struct rule_effect *effect)
{
	struct text fields;
	text_init(&fields);
	text_printf(&fields, "\"rule\":");
	text_json_string(&fields, rule_name(verdict->rule));
	text_printf(&fields, ",\"op\":\"%s\"", rule_points_name(hit->point));
	if (hit->after)
		text_printf(&fields, ",\"when\":\"after\"");
	log_name(&fields, "path", hit, hit->path);
	log_name(&fields, "to", hit, hit->to);
	log_range(&fields, "", hit->offset_bytes, hit->length_bytes);
	if (hit->pid != 0)
		text_printf(&fields, ",\"pid\":%d", (int)hit->pid);
	text_printf(&fields, ",\"seed\":%llu,\"hit\":%llu",
		    (unsigned long long)rules->seed,
		    (unsigned long long)verdict->hit);
	log_action(&fields, verdict);
	text_printf(&fields, ",\"effect\":");
	text_json_string(&fields, effect->what);
	log_range(&fields, "effect_", effect->offset_bytes,
		  effect->length_bytes);
	event_add(rules->events, "fault", "%s",
		  text_result(&fields) == 0 ? fields.data : "\"rule\":null");
	text_done(&fields);
}

bool rules_sleeps(const struct rules *rules, const struct rule_verdict *verdict)
{
	return !atomic_load(&verdict->rule->gone) &&
	       !atomic_load(&rules->stopped) &&
	       atomic_load(&rules->interruptions) == verdict->sequence;
}

int rules_sleep(struct rules *rules, const struct rule_verdict *verdict,
		int64_t ns)
{
	struct timespec until;
	int r = 0;
	clock_gettime(CLOCK_MONOTONIC, &until);
	if (ns > 0) {
		until.tv_sec += ns / NS_PER_S;
		until.tv_nsec += ns % NS_PER_S;
	}
	if (until.tv_nsec >= NS_PER_S) {
		until.tv_sec++;
		until.tv_nsec -= NS_PER_S;
	}
	pthread_mutex_lock(&rules->sleep_lock);
	while (r == 0 && rules_sleeps(rules, verdict))
		r = ns < 0 ? pthread_cond_wait(&rules->ended,
					       &rules->sleep_lock)
			   : pthread_cond_timedwait(&rules->ended,
						    &rules->sleep_lock, &until);
	pthread_mutex_unlock(&rules->sleep_lock);
	return r == ETIMEDOUT ? 0 : -ECANCELED;
}

void rules_wake(struct rules *rules)
{
	pthread_mutex_lock(&rules->sleep_lock);
	pthread_cond_broadcast(&rules->ended);
	pthread_mutex_unlock(&rules->sleep_lock);
	tell_waits(rules);
	if (rules->woke != NULL)
		rules->woke(rules->woke_user);
}

void rules_interrupt(struct rules *rules)
{
	atomic_fetch_add(&rules->interruptions, 1);
	rules_wake(rules);
}

void rules_stop(struct rules *rules)
{
	atomic_store(&rules->stopped, true);
	rules_wake(rules);
}
