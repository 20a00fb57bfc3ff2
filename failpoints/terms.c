/* SPDX-License-Identifier: MIT */
/*
 * A hit takes its number from a counter, and all its chance follows from that
 * number and the seed, not from a generator's state: so the n-th hit is the
 * same in every run, whichever thread it is on. A count is one more counter:
 * who gets a number below the limit passes.
 *
 * Each counter is exact by itself. Who has seen a hit counted has seen what its
 * thread did before it.
 */
#include "failpoints/terms.h"

#include <assert.h>
#include <stdlib.h>

#include "failpoints/terms_program.h"
#include "failpoints/terms_value.h"

#define NS_PER_MS 1000000
/* Streams of chance from here on are the modifiers', those below the host's. */
#define STREAM_MODIFIERS (UINT32_C(1) << 31)

/* The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

uint64_t terms_seed(uint64_t seed, const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return mix(mix(seed + UINT64_C(0x9e3779b97f4a7c15)) ^ hash);
}

static uint64_t chance(const struct terms *terms, uint64_t hit, uint64_t stream)
{
	/* Odd factors: no two pairs of small numbers give the same sum. */
	return mix(mix(terms->seed + hit * UINT64_C(0x9e3779b97f4a7c15)) +
		   stream * UINT64_C(0xd1342543de82ef95));
}

uint64_t terms_random(const struct terms *terms, uint64_t hit, uint32_t stream)
{
	assert(stream < STREAM_MODIFIERS);
	return chance(terms, hit, stream);
}

/* 0 to a billion, the latter without, each as likely. */
static uint64_t toss(const struct terms *terms, uint64_t hit, size_t index)
{
	uint64_t bits = chance(terms, hit, STREAM_MODIFIERS + (uint64_t)index);

	return (uint64_t)(((unsigned __int128)bits * TERMS_VALUE_BILLION) >>
			  64);
}

/* Whether a modifier lets the hit pass; if it counts, that is spent. */
static bool allows(struct terms *terms, size_t index, uint64_t hit)
{
	const struct terms_modifier *modifier = &terms->modifiers[index];
	_Atomic uint64_t *passed = &terms->passed[index];

	if (modifier->percent)
		return toss(terms, hit, index) < modifier->number;
	/* Looking first keeps the counter from growing for ever. */
	return atomic_load_explicit(passed, memory_order_relaxed) <
		       modifier->number &&
	       atomic_fetch_add_explicit(passed, 1, memory_order_relaxed) <
		       modifier->number;
}

static bool all_allow(struct terms *terms, const struct terms_term *term,
		      uint64_t hit)
{
	size_t first = (size_t)(term->modifiers - terms->modifiers);

	for (size_t i = 0; i < term->modifier_count; i++)
		if (!allows(terms, first + i, hit))
			return false;
	return true;
}

/* Then hits are what fires, and need no second counter: threads that hit one
 * point fight for it. */
static bool fires_always(const struct terms *terms)
{
	return terms->terms[0].modifier_count == 0;
}

bool terms_decide(struct terms *terms, struct terms_decision *ret_decision)
{
	uint64_t hit = 1 + atomic_fetch_add_explicit(&terms->hits, 1,
						     memory_order_release);

	for (size_t i = 0; i < terms->term_count; i++) {
		const struct terms_term *term = &terms->terms[i];

		if (!all_allow(terms, term, hit))
			continue;
		if (!fires_always(terms))
			atomic_fetch_add_explicit(&terms->fired, 1,
						  memory_order_release);
		*ret_decision = (struct terms_decision){
			.id = term->action->id,
			.action = term->action,
			.args = term->args,
			.term = i,
			.hit = hit,
		};
		return true;
	}
	return false;
}

struct terms_counts terms_counts(const struct terms *terms)
{
	struct terms_counts counts;

	/* In this order, so that no more seem to have fired than were hit. */
	counts.fired =
		atomic_load_explicit(&terms->fired, memory_order_acquire);
	counts.hits = atomic_load_explicit(&terms->hits, memory_order_acquire);
	if (fires_always(terms))
		counts.fired = counts.hits;
	return counts;
}

const struct terms_term *terms_at(const struct terms *terms, size_t index)
{
	return index < terms->term_count ? &terms->terms[index] : NULL;
}

int64_t terms_nanoseconds(const struct terms_value *value)
{
	/* Parsing has refused what does not fit. */
	return value->kind == TERMS_DURATION ? value->number
					     : value->number * NS_PER_MS;
}

const char *terms_source(const struct terms *terms)
{
	return terms->source;
}

void terms_free(struct terms *terms)
{
	if (!terms)
		return;
	free(terms->terms);
	free(terms->modifiers);
	free(terms->values);
	free(terms->passed);
	free(terms->source);
	free(terms->strings);
	free(terms);
}
