/* SPDX-License-Identifier: MIT */
#include "rules/rule.h"

#include <stdlib.h>

#include "failpoints/terms.h"
#include "rules/rule_inside.h"
#include "rules/rule_select.h"

#define BILLION 1000000000
/* Streams of rule_random() from here on are this file's. */
#define STREAM_SLOW (UINT32_C(1) << 30)
/* What a sleep adds up to at most: some 146 years. */
#define SLEEP_MAX_NS (INT64_MAX / 2)

const char *rule_name(const struct rule *rule)
{
	return rule->name;
}

const char *rule_terms(const struct rule *rule)
{
	return terms_source(rule->terms);
}

uint64_t rule_random(const struct rule_verdict *verdict, uint32_t stream)
{
	return terms_random(verdict->rule->terms, verdict->hit, stream);
}

uint64_t rule_take(const struct rule_verdict *verdict, uint64_t bytes,
		   bool parts)
{
	uint64_t most = (uint64_t)verdict->args[0].number;
	_Atomic uint64_t *spent =
		&verdict->rule->parts[verdict->term].spent_bytes;
	uint64_t before = atomic_load(spent);
	uint64_t taken;
	do {
		uint64_t left = most - before;
		taken = bytes <= left ? bytes : parts ? left : 0;
	} while (!atomic_compare_exchange_weak(spent, &before, before + taken));
	return taken;
}

size_t rule_short_bytes(const struct rule_verdict *verdict, size_t size_bytes)
{
	const struct terms_value *size = &verdict->args[0];
	uint64_t bytes = (uint64_t)size->number;
	if (size->kind == TERMS_PERCENT)
		bytes = (uint64_t)((unsigned __int128)size_bytes * bytes /
				   BILLION);
	return bytes < size_bytes ? (size_t)bytes : size_bytes;
}

static int64_t add(int64_t sum, unsigned __int128 more)
{
	return more > (unsigned __int128)(SLEEP_MAX_NS - sum)
		       ? SLEEP_MAX_NS
		       : sum + (int64_t)more;
}

static unsigned __int128 nanoseconds(const struct terms_value *value)
{
	return value->kind == TERMS_NONE
		       ? 0
		       : (unsigned __int128)terms_nanoseconds(value);
}

static int64_t slow_ns(const struct rule_verdict *verdict, size_t size_bytes)
{
	const struct terms_value *args = verdict->args;
	uint64_t toss = rule_random(verdict, STREAM_SLOW);
	int64_t sum = add(0, nanoseconds(&args[0]));
	/* 63 bits of time and 64 of size fit. */
	sum = add(sum, nanoseconds(&args[1]) * size_bytes);
	return add(sum, nanoseconds(&args[2]) * toss >> 64);
}

int64_t rule_sleep_ns(const struct rule_verdict *verdict, size_t size_bytes)
{
	switch (verdict->id) {
	case TERMS_SLEEP:
	case TERMS_DELAY:
		return add(0, nanoseconds(&verdict->args[0]));
	case TERMS_PAUSE:
		return -1;
	case RULE_SLOW:
		return slow_ns(verdict, size_bytes);
	default:
		return 0;
	}
}

bool rule_selects_range(const struct rule *rule, int64_t from, int64_t to)
{
	const struct rule_select *select = &rule->select;
	bool selects = select->range_count == 0;
	for (size_t i = 0; i < select->range_count; i++)
		selects |= from < select->ranges[i].end &&
			   select->ranges[i].begin < to;
	return selects;
}

bool rule_narrow_range(const struct rule *rule, int64_t *from, int64_t *to)
{
	const struct rule_select *select = &rule->select;
	for (size_t i = 0; i < select->range_count; i++) {
		const struct rule_range *range = &select->ranges[i];
		if (*from >= range->end || range->begin >= *to)
			continue;
		if (*from < range->begin)
			*from = range->begin;
		if (*to > range->end)
			*to = range->end;
		return true;
	}
	return select->range_count == 0;
}

void rule_ref(struct rule *rule)
{
	atomic_fetch_add_explicit(&rule->refs, 1, memory_order_relaxed);
}

void rule_unref(struct rule *rule)
{
	if (rule == NULL || atomic_fetch_sub(&rule->refs, 1) > 1)
		return;
	rule_select_done(&rule->select);
	terms_free(rule->terms);
	free(rule->parts);
	free(rule->name);
	free(rule);
}
