/* SPDX-License-Identifier: MIT */
/*
 * What takes the thread of the verbs: a crash and a snapshot. The request is
 * parked meanwhile; it may be woken by something else before its turn has come,
 * and then nothing is done.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/backend.h"
#include "common/errmsg.h"
#include "common/plan.h"
#include "controlfs/controlfs.h"
#include "fusefs/fault.h"
#include "fusefs/fault_inside.h"
#include "fusefs/verbs.h"
#include "rules/rules.h"

struct job {
	struct faults *faults;
	uint64_t number; /* 0: no request waits for it */
	struct plan plan;
	char *directory; /* of a snapshot */
	char *rule;
};

static void free_job(struct job *job)
{
	if (job == NULL)
		return;
	free(job->directory);
	free(job->rule);
	free(job);
}

static struct job *new_job(struct faults *faults,
			   const struct rule_verdict *verdict)
{
	struct job *job = calloc(1, sizeof(*job));
	if (job == NULL)
		return NULL;
	job->faults = faults;
	job->number = ++faults->jobs;
	if (verdict->plan != NULL)
		job->plan = *verdict->plan;
	job->rule = strdup(rule_name(verdict->rule));
	if (verdict->id == RULE_SNAPSHOT)
		job->directory = strdup(verdict->args[0].text);
	if (job->rule == NULL ||
	    (verdict->id == RULE_SNAPSHOT && job->directory == NULL)) {
		free_job(job);
		return NULL;
	}
	return job;
}

static bool waits_for(void *what, struct parked *parked)
{
	return fault_of(parked)->job == *(const uint64_t *)what;
}

static bool end_wait(void *what, struct parked *parked)
{
	bool found = waits_for(what, parked);
	if (found)
		fault_of(parked)->job_over = true;
	return found;
}

/* Something else may have woken the request. */
static bool is_awaited(struct job *job)
{
	return !job->faults->stopped &&
	       (job->number == 0 ||
		park_find(job->faults->park, waits_for, &job->number));
}

static void end_job(struct job *job)
{
	(void)park_find(job->faults->park, end_wait, &job->number);
	park_look(job->faults->park);
	free_job(job);
}

static void do_crash(void *user)
{
	struct job *job = user;
	struct faults *faults = job->faults;
	struct backend_report report = {0};
	struct errmsg why = {0};
	if (is_awaited(job)) {
		int r = verbs_table.crash((struct backend *)faults->fusefs,
					  &job->plan, &report, &why);
		backend_report_done(&report);
		if (r < 0)
			fault_complain(faults, job->rule, why.text);
	}
	fault_crash_over(faults); /* one that failed has woken nobody */
	end_job(job);
}

static void do_snapshot(void *user)
{
	struct job *job = user;
	struct faults *faults = job->faults;
	struct backend_report report = {0};
	struct errmsg why = {0};
	if (is_awaited(job)) {
		int r = verbs_table.snapshot((struct backend *)faults->fusefs,
					     &job->plan, job->directory,
					     &report, &why);
		backend_report_done(&report);
		if (r < 0)
			fault_complain(faults, job->rule, why.text);
	}
	end_job(job);
}

void fault_job_alone(struct faults *faults, const struct rule_verdict *verdict)
{
	struct job *job = new_job(faults, verdict);
	bool snapshot = verdict->id == RULE_SNAPSHOT;
	if (job != NULL)
		job->number = 0;
	if (job == NULL ||
	    controlfs_do(faults->fusefs->controlfs,
			 snapshot ? do_snapshot : do_crash, job) < 0) {
		fault_complain(faults, rule_name(verdict->rule),
			       "out of memory");
		free_job(job);
		fault_crash_over(faults);
	}
}

void fault_job_owed(const struct fault *fault)
{
	const struct rule_verdicts *owed = &fault->verdicts[FAULT_OWED];
	for (size_t i = 0; i < owed->count; i++) {
		int id = owed->list[i].id;
		if (id == TERMS_PANIC || id == RULE_CRASH ||
		    id == RULE_SNAPSHOT)
			fault_job_alone(fault->faults, &owed->list[i]);
	}
}

static enum fault_turn start(struct fault *fault, struct fuse_buf *buffer,
			     struct job *job, void (*work)(void *user))
{
	struct faults *faults = fault->faults;
	uint64_t number = job->number;
	fault->job = number;
	enum fault_turn turn = fault_park(fault, buffer, NULL, -1);
	if (turn == FAULT_PARKED &&
	    controlfs_do(faults->fusefs->controlfs, work, job) == 0)
		return turn;
	fault_complain(faults, job->rule, "out of memory");
	free_job(job);
	(void)park_find(faults->park, end_wait, &number);
	fault_crash_over(faults);
	return turn;
}

/* The operation of a crash before it gets EIO: the power failed under it. A last
 * close has no answer, and its handle must go. */
enum fault_turn fault_job_crash(struct fault *fault, struct fuse_buf *buffer,
				const struct rule_verdict *verdict)
{
	struct faults *faults = fault->faults;
	if (fault->phase < FAULT_OWED &&
	    fault->request.hit.point != RULE_FS_CLOSE)
		fault->error = EIO;
	fault_log(fault, verdict, "crash");
	bool crashes = fault_crash_comes(faults);
	struct job *job = crashes ? new_job(faults, verdict) : NULL;
	if (crashes && job == NULL) {
		fault_log(fault, verdict, "no crash: out of memory");
		fault_crash_over(faults);
	}
	enum fault_turn turn = FAULT_GO;
	if (job != NULL)
		turn = start(fault, buffer, job, do_crash);
	if (turn == FAULT_GO && fault->error != 0)
		turn = fault_refuse(fault, fault->error);
	return turn;
}

enum fault_turn fault_job_snapshot(struct fault *fault, struct fuse_buf *buffer,
				   const struct rule_verdict *verdict)
{
	fault_log(fault, verdict, verdict->args[0].text);
	if (fault->faults->stopped)
		return FAULT_GO;
	struct job *job = new_job(fault->faults, verdict);
	if (job == NULL) {
		fault_log(fault, verdict, "no snapshot: out of memory");
		return FAULT_GO;
	}
	return start(fault, buffer, job, do_snapshot);
}
