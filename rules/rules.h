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
#ifndef FLAKEY_RULES_RULES_H
#define FLAKEY_RULES_RULES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/rule.h"

struct errmsg;
struct event_log;
struct rules;
struct text;

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

/* The control surface. */

/* More rules than that are refused, and more bytes of text in all. */
#define RULES_MAX 4096
#define RULES_BYTES_MAX ((size_t)8 << 20)

/* What the mount's cache keeps from rules: they are told when they are set. */
enum rules_unseen {
	RULES_UNSEEN_READS = 1 << 0,  /* what the kernel has cached */
	RULES_UNSEEN_WRITES = 1 << 1, /* they come later, and put together */
};
void rules_set_unseen(struct rules *rules, unsigned int unseen);

/* Who knows which crashes and snapshots there can be: asked for each when a rule
 * is set, with no lock held. Set once, before the first rule. */
void rules_set_check(struct rules *rules, rule_check_fn *check, void *user);

/* A rule as it is at the moment. Borrowed. */
struct rules_info {
	const char *name;
	const char *terms;
	uint64_t hits;	/* operations that it selects */
	uint64_t fired; /* of which it did something: `off` is nothing */
};
typedef void rules_visitor(void *user, const struct rules_info *info);

/*
 * Takes rules, one a line or separated by `;`, into the set, where each replaces
 * the one of its name; with all, they become the whole set. Lines that begin
 * with a '#', and what stands behind " #" outside of quotes, are remarks. All or
 * none: 0; -EINVAL with "offset N: ...", or of several rules "rule M, offset N:
 * ..." in that one; -E2BIG for too many, -ENOMEM. Notes that a user should read are
 * appended to notes, a line each.
 */
int rules_set(struct rules *rules, const char *text, size_t length_bytes,
	      bool all, struct text *notes, struct errmsg *reterr_why);

/* The same for one rule, of whose terms blanks at both ends are no part. */
int rules_set_one(struct rules *rules, const char *name, const char *terms,
		  size_t length_bytes, struct errmsg *reterr_why);

/* Removes the rules of these names, which are separated as above, or with
 * -ENOENT none. */
int rules_remove(struct rules *rules, const char *names, size_t length_bytes,
		 struct errmsg *reterr_why);

/* Removes all; returns how many there were. */
size_t rules_clear(struct rules *rules);

/* For a file that is emptied before it is written: removes all and returns what
 * there was, or NULL if that was nothing. */
struct rules_saved;
struct rules_saved *rules_clear_saved(struct rules *rules);
/* Brings it back, unless somebody has set rules meanwhile. Frees it. */
void rules_restore(struct rules *rules, struct rules_saved *saved);
/* Takes NULL. */
void rules_saved_free(struct rules_saved *saved);

/* Shows all rules in their order, or the one of that name (-ENOENT; -EINVAL). */
int rules_visit(struct rules *rules, const char *name, rules_visitor *visitor,
		void *user, struct errmsg *reterr_why);

/* What is waited for: that the rule of the name has fired so often. */
struct rules_wish {
	const char *name;
	uint64_t fired;
	int64_t timeout_ns;
	/* Of the caller, who then calls rules_cancel(); may be NULL. */
	const atomic_bool *cancelled;
};
/*
 * Returns 0; -ETIMEDOUT; -ENOENT, also when the rule was removed or replaced
 * meanwhile; -EINVAL for a bad name; -ECANCELED. ret_fired: how often it has
 * fired, also for -ETIMEDOUT.
 */
int rules_wait(struct rules *rules, const struct rules_wish *wish,
	       uint64_t *ret_fired, struct errmsg *reterr_why);
void rules_cancel(struct rules *rules);

/* Between the two, the descriptor that the first returns becomes readable
 * whenever a rule has fired, or the set has changed; -1: there is none. */
int rules_watch_fired(struct rules *rules);
void rules_unwatch_fired(struct rules *rules);

uint64_t rules_seed(const struct rules *rules);
size_t rules_count(struct rules *rules);

#endif
