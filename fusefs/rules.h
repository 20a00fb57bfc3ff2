/* SPDX-License-Identifier: MIT */
/*
 * The fault rules of a mount: an ordered set, replaced as a whole. Who decides
 * takes a reference to the table of the moment; who changes makes a new one. A
 * rule that both have in common keeps its counters.
 *
 * Operations use the first part of this file, the control surface the second.
 *
 * Threads: any, for all but rules_new() and rules_free().
 */
#ifndef FLAKEY_FUSEFS_RULES_H
#define FLAKEY_FUSEFS_RULES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fusefs/rule.h"

struct errmsg;
struct event_log;
struct rules;

/* How a struct rules begins, so that asking costs one load. */
struct rules_armed {
	_Atomic uint64_t points; /* a bit for each enum rule_point */
};

/* Whether some rule, of either when=, looks at the point. */
static inline bool rules_armed(const struct rules *rules, enum rule_point point)
{
	const struct rules_armed *armed = (const struct rules_armed *)rules;
	return atomic_load_explicit(&armed->points, memory_order_relaxed) >>
		       point &
	       1;
}

/* Asks the rules. ret_verdicts has to be given to rules_done() if there are
 * any. Returns how many. */
size_t rules_decide(struct rules *rules, const struct rule_hit *hit,
		    struct rule_verdicts *ret_verdicts);
void rules_done(struct rule_verdicts *verdicts);

/* One line in the event log for a firing. */
void rules_log(struct rules *rules, const struct rule_hit *hit,
	       const struct rule_verdict *verdict,
	       const struct rule_effect *effect);

/* Sleeps; ns < 0: for ever. Ends early, with -ECANCELED, when the rule is
 * removed or replaced, and by rules_interrupt() or rules_stop() since it was
 * decided. No lock may be held, and another thread must lead the loop. */
int rules_sleep(struct rules *rules, const struct rule_verdict *verdict,
		int64_t ns);

/* The same for who has no thread to spare, as operations have not: whether a
 * sleep goes on, which rules_sleep() would ask itself; a few loads. */
bool rules_sleeps(const struct rules *rules,
		  const struct rule_verdict *verdict);
/* And who wants to hear of all that may have ended one: called afterwards, with
 * no lock held, by the thread that did it. Set once, before the first rule. */
typedef void rules_woke_fn(void *user);
void rules_watch(struct rules *rules, rules_woke_fn *woke, void *user);

/* A crash: ends all sleeps of what was decided until now. */
void rules_interrupt(struct rules *rules);
/* The mount ends: so do all sleeps, now and later, and all waits. */
void rules_stop(struct rules *rules);

/* events is borrowed. seed: of all chance. NULL: out of memory. */
struct rules *rules_new(struct event_log *events, uint64_t seed);
/* Takes NULL. Nobody may be using it. */
void rules_free(struct rules *rules);

#endif
