/* SPDX-License-Identifier: MIT */
/*
 * A request on its way through the rules, for the files fault*.c.
 */
#ifndef FLAKEY_FUSEFS_FAULT_INSIDE_H
#define FLAKEY_FUSEFS_FAULT_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fusefs/fault_request.h"
#include "fusefs/ops.h"
#include "fusefs/park.h"
#include "rules/rule.h"

struct fault;
struct fault_forgetter;
struct rules;
struct text;

struct faults {
	struct fusefs *fusefs;
	struct rules *rules;
	struct park *park;
	struct fault_forgetter *forgetter;
	/* Guards that the next is not set any more once a crash has begun. */
	pthread_mutex_t crash_lock;
	/* A rule has said crash, and it has not happened yet: what comes has to
	 * wait for it. */
	atomic_bool crashing;
	atomic_bool stopped;
	_Atomic uint64_t jobs; /* given to the thread of the verbs */
	/* By enum fault_sleepers: how often they were woken, and how many do
	 * not let them sleep. */
	atomic_uint woken[2];
	atomic_int held[2];
};

enum fault_phase {
	FAULT_ARRIVING, /* nothing was decided yet */
	FAULT_BEFORE,
	FAULT_STORE, /* at a point of the store, and to be done again */
	FAULT_OWED,  /* what was put off there until the handler is through */
	FAULT_AFTER,
	FAULT_PHASES,
};

/* What the rules have said of a commit. */
struct fault_told {
	bool known;
	uint64_t file;
	int result;
	bool dropped;
	int fail_after;
};

enum fault_turn {
	FAULT_GO,
	FAULT_PARKED,	/* it is somebody else's now */
	FAULT_ANSWERED, /* and is to be freed */
};

struct fault {
	struct parked parked; /* first: see fault_of() */
	struct faults *faults;
	struct fault_request request;

	enum fault_phase phase;
	size_t next; /* of the verdicts of the phase */
	struct rule_verdicts verdicts[FAULT_PHASES];

	/* What it is told. */
	bool drops;
	int sync_error;
	int fail_after;
	int error; /* what it is answered when it wakes; 0: it goes on */

	/* While it is parked. */
	const struct rule_verdict *sleep; /* or NULL: for a job or a crash */
	unsigned int woken[2];		  /* of faults, when it fell asleep */
	uint64_t job;			  /* number of the one it waits for */
	bool job_over;			  /* the park's lock */
	bool interrupted; /* the program has got a signal; too */

	/* At a point of the store. */
	bool again; /* the handler has to be called once more */
	unsigned int repeats;
	enum rule_point store_point;
	uint64_t store_file;
	int64_t store_offset;
	size_t store_bytes;
	struct fault_told commit;
	size_t owed_bytes; /* of all that was put off */

	/* The request, if it was set aside, with what has landed of it. */
	void *memory;
	size_t size_bytes;
	size_t landed_bytes;
	uint64_t landed_at;
	/* The answer, if it is held back. */
	char *answer;
	size_t answer_bytes;
	bool denied; /* it says that what was done has failed */
};

static inline struct fault *fault_of(struct parked *parked)
{
	return (struct fault *)parked;
}

/* Performs what the phase has left to be done. buffer is the request's, NULL
 * behind the handler. */
enum fault_turn fault_act(struct fault *fault, struct fuse_buf *buffer);

/* What takes the thread of the verbs (fault_job.c). */
enum fault_turn fault_job_crash(struct fault *fault, struct fuse_buf *buffer,
				const struct rule_verdict *verdict);
enum fault_turn fault_job_snapshot(struct fault *fault, struct fuse_buf *buffer,
				   const struct rule_verdict *verdict);

/* What a reader gets is corrupted, as the request was told. */
void fault_act_on_read(struct fault *fault, void *data, size_t size_bytes);

/* The request that this thread is about, or NULL. */
struct fault *fault_here(void);

/* Harms data as a rule says, and tells which bytes: words and range. words is
 * appended to. */
void fault_act_harm(const struct rule_verdict *verdict, void *data,
		    size_t size_bytes, int64_t offset_bytes, struct text *words,
		    struct rule_effect *ret_effect);

/* What needs no request: done, unless it ends the daemon, and words is
 * appended to. False: another action. */
bool fault_act_plain(const struct rule_verdict *verdict, struct text *words);
/* Ends the daemon, if that is the action. */
void fault_act_last(const struct rule_verdict *verdict);

/* Whether a program is kept waiting by it, and for how long in words. */
bool fault_act_waits(const struct rule_verdict *verdict);
void fault_act_describe(const struct rule_verdict *verdict, size_t size_bytes,
			struct text *words);

/* A rule says crash: what comes now waits for it. False: one is under way, which
 * is this one's as well, and what it lets in must not be held up: it waits for
 * that. */
bool fault_crash_comes(struct faults *faults);
/* It has happened, or will not. */
void fault_crash_over(struct faults *faults);

/* What was put off by a request that has been answered already. */
void fault_job_owed(const struct fault *fault);
/* Has a crash or snapshot done that no request waits for. */
void fault_job_alone(struct faults *faults, const struct rule_verdict *verdict);

/* One line for the log, unless it has one already, from the store. */
void fault_log(struct fault *fault, const struct rule_verdict *verdict,
	       const char *what);

/* And one for what a rule wanted and could not be done. */
void fault_complain(struct faults *faults, const char *rule, const char *why);

/* Sets the request aside until it has slept. buffer as above. FAULT_GO if there
 * is no room, which is logged. */
enum fault_turn fault_park(struct fault *fault, struct fuse_buf *buffer,
			   const struct rule_verdict *sleep, int64_t ns);

/* The request is answered with an error, positive; nobody has heard of it. */
enum fault_turn fault_refuse(struct fault *fault, int error);

/* The kernel shall forget what it takes the request not to have done. NULL: out of
 * memory; free takes NULL, when requests are not answered any more. */
struct fault_forgetter *fault_forget_new(struct fusefs *fusefs);
void fault_forget_add(struct fault_forgetter *forgetter,
		      const struct fault_request *request);
void fault_forget_free(struct fault_forgetter *forgetter);

/* What a program is stopped by, or the daemon is ended (fault_end.c). */
const char *fault_end_break(void);
_Noreturn void fault_end_exit(const struct rule_verdict *verdict);
_Noreturn void fault_end_kill(const struct rule_verdict *verdict);
/* Whether the thread of a program is about to be gone. */
bool fault_end_is_near(pid_t thread);

#endif
