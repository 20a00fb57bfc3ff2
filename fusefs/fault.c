/* SPDX-License-Identifier: MIT */
#include "fusefs/fault.h"

#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "fusefs/commit.h"
#include "fusefs/crash.h"
#include "fusefs/fault_inside.h"
#include "fusefs/journal.h"
#include "fusefs/landing.h"
#include "fusefs/loop.h"
#include "fusefs/volume.h"
#include "fusefs/wire.h"
#include "rules/rules.h"

#define NS_PER_S INT64_C(1000000000)

/* What a crash waits at most for requests that it has woken. */
#define ROUSE_S 2

/* The request that this thread is about, if rules look at it. */
static _Thread_local struct fault *here;

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static bool holds_pages(const struct fault *fault)
{
	return fault->request.opcode == FUSE_READ ||
	       fault->request.opcode == FUSE_WRITE;
}

/* Whether it may sleep at all, and was not woken since it began to. */
static bool is_let_sleep(const struct fault *fault)
{
	const struct faults *faults = fault->faults;
	if (faults->stopped)
		return false;
	for (int whose = 0; whose < 2; whose++) {
		if (whose == FAULT_SLEEPERS_OF_PAGES && !holds_pages(fault))
			continue;
		if (faults->held[whose] > 0 ||
		    faults->woken[whose] != fault->woken[whose])
			return false;
	}
	return true;
}

/* Whether it comes between a rule that has said crash and the crash. Not while
 * the kernel is made to give pages back: that waits for requests. */
static bool is_kept_out(const struct faults *faults)
{
	return faults->crashing && !faults->stopped &&
	       faults->held[FAULT_SLEEPERS_OF_PAGES] == 0;
}

static bool sleeps(void *user, struct parked *parked, bool *ret_ask_again)
{
	struct faults *faults = user;
	struct fault *fault = fault_of(parked);
	if (fault->phase == FAULT_ARRIVING)
		return is_kept_out(faults);
	if (fault->job_over || !is_let_sleep(fault))
		return false;
	if (fault->sleep == NULL)
		return true;
	/* A program that is killed must not have to wait for it. */
	*ret_ask_again = fault->interrupted;
	if (fault->interrupted && fault_end_is_near(fault->request.hit.pid)) {
		fault->error = EINTR;
		return false;
	}
	return rules_sleeps(faults->rules, fault->sleep);
}

static void free_fault(struct fault *fault)
{
	for (int i = 0; i < FAULT_PHASES; i++)
		rules_done(&fault->verdicts[i]);
	if (fault->landed_bytes > 0)
		landing_give(fault->faults->fusefs->volume->scratch,
			     fault->landed_at, fault->landed_bytes);
	landing_drop();
	free(fault->memory);
	free(fault->answer);
	free(fault);
}

static void send_bytes(struct faults *faults, void *data, size_t size)
{
	/* Nobody is there any more to hear of an error. */
	(void)!write(fuse_session_fd(faults->fusefs->session), data, size);
}

enum fault_turn fault_refuse(struct fault *fault, int error)
{
	struct fuse_out_header header = {
		.len = sizeof(header),
		.error = -error,
		.unique = fault->request.unique,
	};
	send_bytes(fault->faults, &header, sizeof(header));
	return FAULT_ANSWERED;
}

/* Keeps the request: it is in a buffer of the loop's. */
static int set_aside(struct fault *fault, const struct fuse_buf *buffer)
{
	fault->landed_bytes = landing_take(&fault->landed_at);
	if (fault->memory != NULL || buffer == NULL)
		return 0;
	fault->memory = malloc(buffer->size);
	if (fault->memory == NULL)
		return -ENOMEM;
	memcpy(fault->memory, buffer->mem, buffer->size);
	fault->size_bytes = buffer->size;
	return 0;
}

enum fault_turn fault_park(struct fault *fault, struct fuse_buf *buffer,
			   const struct rule_verdict *sleep, int64_t ns)
{
	struct faults *faults = fault->faults;
	int64_t now = now_ns();
	bool for_ever = ns < 0 || ns > INT64_MAX - now;
	fault->sleep = sleep;
	fault->job_over = false;
	fault->parked.until_ns = for_ever ? PARK_FOR_EVER : now + ns;
	int r = set_aside(fault, buffer);
	fault->parked.size_bytes =
		sizeof(*fault) + fault->size_bytes + fault->answer_bytes;
	if (r == 0)
		r = park_add(faults->park, &fault->parked);
	if (r == 0)
		return FAULT_PARKED;
	if (sleep != NULL)
		fault_log(fault, sleep, "not at all: too many sleep already");
	return FAULT_GO;
}

/* Until it sleeps, what wakes others does not concern it. */
static void note_woken(struct fault *fault)
{
	for (int whose = 0; whose < 2; whose++)
		fault->woken[whose] = fault->faults->woken[whose];
}

static void decide(struct fault *fault, enum fault_phase phase)
{
	struct rule_hit hit = *fault_request_hit(&fault->request);
	hit.after = phase == FAULT_AFTER;
	note_woken(fault);
	if (rules_armed(fault->faults->rules, hit.point))
		rules_decide(fault->faults->rules, &hit,
			     &fault->verdicts[phase]);
}

/* Before the handler; GO: it shall be called. */
static enum fault_turn arrive(struct fault *fault, struct fuse_buf *buffer)
{
	struct faults *faults = fault->faults;
	fault->phase = FAULT_ARRIVING;
	if (is_kept_out(faults) &&
	    fault_park(fault, buffer, NULL, -1) == FAULT_PARKED)
		return FAULT_PARKED;
	decide(fault, FAULT_BEFORE);
	fault->phase = FAULT_BEFORE;
	fault->next = 0;
	return fault_act(fault, buffer);
}

/* The handler is through. */
static enum fault_turn depart(struct fault *fault, struct fuse_buf *buffer)
{
	if (fault->again) {
		fault->again = false;
		fault->repeats++;
		return fault_act(fault, buffer);
	}
	if (fault->answer == NULL) {
		fault_job_owed(fault);
		return FAULT_ANSWERED;
	}
	if (fault->phase < FAULT_OWED) {
		fault->phase = FAULT_OWED;
		fault->next = 0;
	}
	enum fault_turn turn = fault_act(fault, NULL);
	if (turn == FAULT_GO && fault->phase == FAULT_OWED) {
		fault->phase = FAULT_AFTER;
		fault->next = 0;
		turn = fault_act(fault, NULL);
	}
	if (turn == FAULT_GO) {
		send_bytes(fault->faults, fault->answer, fault->answer_bytes);
		if (fault->denied)
			fault_forget_add(fault->faults->forgetter,
					 &fault->request);
		turn = FAULT_ANSWERED;
	}
	return turn;
}

/* The thread is about it; and no longer. */
static void enter(struct fault *fault)
{
	here = fault;
	if (fault->drops)
		journal_drop_appended(true);
}

static void leave(struct fault *fault)
{
	here = NULL;
	if (fault->drops)
		journal_drop_appended(false);
}

/* In a thread of the park, which is not the loop's. */
static void process(struct fault *fault)
{
	struct fuse_buf buffer = {.mem = fault->memory,
				  .size = fault->size_bytes};
	enum fault_turn turn = FAULT_GO;
	while (turn == FAULT_GO) {
		enter(fault);
		landing_give(fault->faults->fusefs->volume->scratch,
			     fault->landed_at, fault->landed_bytes);
		fault->landed_bytes = 0;
		wire_note(&buffer);
		fuse_session_process_buf(fault->faults->fusefs->session,
					 &buffer);
		leave(fault);
		turn = depart(fault, &buffer);
	}
	if (turn == FAULT_ANSWERED)
		free_fault(fault);
}

static void wake(void *user, struct parked *parked)
{
	(void)user;
	struct fault *fault = fault_of(parked);
	struct fuse_buf buffer = {.mem = fault->memory,
				  .size = fault->size_bytes};
	enum fault_turn turn;
	if (fault->phase >= FAULT_OWED) {
		turn = depart(fault, NULL);
	} else if (fault->error != 0) {
		turn = fault_refuse(fault, fault->error);
	} else if (fault->phase == FAULT_ARRIVING) {
		turn = arrive(fault, &buffer);
	} else {
		turn = fault_act(fault, &buffer);
	}
	if (turn == FAULT_GO)
		process(fault);
	else if (turn == FAULT_ANSWERED)
		free_fault(fault);
}

static bool mark_interrupted(void *what, struct parked *parked)
{
	struct fault *fault = fault_of(parked);
	if (fault->request.unique != *(const uint64_t *)what)
		return false;
	fault->interrupted = true;
	return true;
}

/* libfuse does not know of requests that are parked. */
static bool is_interrupt(struct faults *faults, const struct fuse_buf *buffer)
{
	uint64_t unique = fault_request_interrupted(buffer);
	if (unique == 0 || !park_find(faults->park, mark_interrupted, &unique))
		return false;
	park_look(faults->park);
	return true;
}

static struct fault *new_fault(struct faults *faults)
{
	struct fault *fault = malloc(sizeof(*fault));
	if (fault == NULL)
		return NULL;
	/* Not its lists, which are large. */
	for (int i = 0; i < FAULT_PHASES; i++)
		fault->verdicts[i].count = 0;
	fault->faults = faults;
	fault->next = 0;
	fault->drops = false;
	fault->sync_error = 0;
	fault->fail_after = 0;
	fault->error = 0;
	fault->sleep = NULL;
	fault->job = 0;
	fault->job_over = false;
	fault->interrupted = false;
	fault->again = false;
	fault->repeats = 0;
	fault->commit.known = false;
	fault->owed_bytes = 0;
	fault->memory = NULL;
	fault->size_bytes = 0;
	fault->landed_bytes = 0;
	fault->answer = NULL;
	fault->answer_bytes = 0;
	fault->denied = false;
	return fault;
}

/* Whether any rule could have to do with the request. */
static bool is_wanted(const struct faults *faults,
		      const struct fault_request *request)
{
	return faults->crashing ||
	       rules_armed(faults->rules, request->hit.point) ||
	       rules_armed(faults->rules, RULE_STORE_READ) ||
	       rules_armed(faults->rules, RULE_STORE_WRITE) ||
	       rules_armed(faults->rules, RULE_STORE_COMMIT);
}

static bool take(struct faults *faults, struct fuse_buf *buffer)
{
	if (is_interrupt(faults, buffer))
		return true;
	struct fault_request request;
	if (!fault_request_read(faults->fusefs, buffer, &request) ||
	    !is_wanted(faults, &request))
		return false;
	struct fault *fault = new_fault(faults);
	if (fault == NULL) {
		struct fault bare = {.faults = faults, .request = request};
		landing_drop();
		(void)fault_refuse(&bare, ENOMEM);
		return true;
	}
	fault->request = request;
	enum fault_turn turn = arrive(fault, buffer);
	if (turn == FAULT_ANSWERED)
		free_fault(fault);
	else if (turn == FAULT_GO)
		enter(fault);
	return turn != FAULT_GO;
}

bool fault_takes(struct faults *faults, struct fuse_buf *buffer)
{
	const struct rules_armed *armed =
		(const struct rules_armed *)faults->rules;
	if (atomic_load_explicit(&armed->points, memory_order_relaxed) == 0)
		return false;
	return take(faults, buffer);
}

void fault_leave(struct fuse_buf *buffer)
{
	struct fault *fault = here;
	if (fault == NULL)
		return;
	leave(fault);
	enum fault_turn turn = depart(fault, buffer);
	if (turn == FAULT_ANSWERED)
		free_fault(fault);
	/* It has slept no moment, and the buffer is the loop's. */
	else if (turn == FAULT_GO && set_aside(fault, buffer) == 0)
		process(fault);
	else if (turn == FAULT_GO) {
		(void)fault_refuse(fault, ENOMEM);
		free_fault(fault);
	}
}

struct fault *fault_here(void)
{
	return here;
}

bool fault_is_here(void)
{
	return here != NULL;
}

bool fault_drops(void)
{
	return here != NULL && here->drops;
}

bool fault_sync(struct commit_fault *ret_fault)
{
	if (here == NULL || !fault_request_syncs(&here->request))
		return false;
	*ret_fault = (struct commit_fault){
		.mode = here->drops ? MODE_DROP_WRITES : MODE_ERROR_WRITES,
		.error = here->sync_error,
	};
	return here->drops || here->sync_error != 0;
}

bool fault_is_repeated(void)
{
	return here != NULL && here->repeats > 0;
}

static size_t total(const struct iovec *iov, int count)
{
	size_t bytes = 0;
	for (int i = 0; i < count; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

/* The error that rules answer instead, or 0. What is held back is sent in
 * depart(). */
static int judge(struct fault *fault)
{
	decide(fault, FAULT_AFTER);
	const struct rule_verdicts *after = &fault->verdicts[FAULT_AFTER];
	int error = fault->fail_after;
	for (size_t i = 0; i < after->count && error == 0; i++)
		error = after->list[i].error;
	return error;
}

/* 0, or -1 with errno set. */
static int hold_back(struct fault *fault, const struct iovec *iov, int count)
{
	size_t size = total(iov, count);
	char *answer = malloc(size);
	if (answer == NULL) {
		errno = ENOMEM;
		return -1;
	}
	fault->answer = answer;
	fault->answer_bytes = size;
	for (int i = 0; i < count; i++) {
		memcpy(answer, iov[i].iov_base, iov[i].iov_len);
		answer += iov[i].iov_len;
	}
	return 0;
}

/* The handler has done its work. What is to be done now waits until it has left
 * the gate; only whether it succeeds must be said here, because of what it has
 * made for the kernel: without an answer it takes that back. */
static ssize_t reply_done(struct fault *fault, int fd, const struct iovec *iov,
			  int count)
{
	const struct fuse_out_header *header = iov[0].iov_base;
	int error = judge(fault);
	if (error == 0 && fault->verdicts[FAULT_AFTER].count == 0 &&
	    fault->verdicts[FAULT_OWED].count == 0)
		return writev(fd, iov, count);
	if (error == 0)
		return hold_back(fault, iov, count) < 0
			       ? -1
			       : (ssize_t)total(iov, count);
	struct fuse_out_header failed = {.len = sizeof(failed),
					 .error = -error,
					 .unique = header->unique};
	const struct iovec part = {&failed, sizeof(failed)};
	fault->denied = true;
	if (hold_back(fault, &part, 1) == 0)
		errno = ENOENT; /* what an answer gets that nobody awaits */
	return -1;
}

ssize_t fault_reply(int fd, const struct iovec *iov, int count)
{
	struct fault *fault = here;
	const struct fuse_out_header *header = iov[0].iov_base;
	if (header->unique != fault->request.unique)
		return writev(fd, iov, count);
	if (header->error == -FAULT_AGAIN && fault->again)
		return (ssize_t)total(iov, count);
	if (header->error != 0 && fault->verdicts[FAULT_OWED].count == 0)
		return writev(fd, iov, count);
	if (header->error != 0)
		return hold_back(fault, iov, count) < 0
			       ? -1
			       : (ssize_t)total(iov, count);
	if (fault->request.opcode == FUSE_READ && count > 1)
		fault_act_on_read(fault, iov[1].iov_base, iov[1].iov_len);
	return reply_done(fault, fd, iov, count);
}

void fault_hold(struct faults *faults, enum fault_sleepers whose)
{
	pthread_mutex_lock(&faults->crash_lock);
	faults->held[whose]++;
	pthread_mutex_unlock(&faults->crash_lock);
}

bool fault_crash_comes(struct faults *faults)
{
	pthread_mutex_lock(&faults->crash_lock);
	bool comes = faults->held[FAULT_SLEEPERS_ALL] == 0 && !faults->stopped;
	if (comes)
		faults->crashing = true;
	pthread_mutex_unlock(&faults->crash_lock);
	return comes;
}

void fault_crash_over(struct faults *faults)
{
	faults->crashing = false;
	park_look(faults->park);
}

void fault_unhold(struct faults *faults, enum fault_sleepers whose)
{
	/* One that has failed has woken nobody, and who relied on it has no job
	 * of its own. */
	if (whose == FAULT_SLEEPERS_ALL)
		fault_crash_over(faults);
	faults->held[whose]--;
}

void fault_rouse(struct faults *faults, enum fault_sleepers whose)
{
	if (whose == FAULT_SLEEPERS_ALL) {
		faults->crashing = false;
		rules_interrupt(faults->rules);
	}
	faults->woken[whose]++;
	park_look(faults->park);
	park_drain(faults->park, now_ns() + ROUSE_S * NS_PER_S);
}

/* The node that an answer to open(2) tells of; 0: it is another one. */
static uint64_t opened_node(const struct fault *fault)
{
	const struct fuse_out_header *header = (void *)fault->answer;
	if ((fault->request.opcode != FUSE_CREATE &&
	     fault->request.hit.point != RULE_FS_TMPFILE) ||
	    fault->answer_bytes <
		    sizeof(*header) + sizeof(struct fuse_entry_out) ||
	    header->error != 0)
		return 0;
	return ((const struct fuse_entry_out *)(header + 1))->nodeid;
}

static bool spare(void *what, struct parked *parked)
{
	struct crash_stales *stales = what;
	uint64_t node = opened_node(fault_of(parked));
	for (size_t i = 0; node != 0 && i < stales->count; i++)
		if (stales->list[i].name == NULL &&
		    stales->list[i].nodeid == node)
			stales->list[i].nodeid = 0;
	return false; /* and so all are asked */
}

void fault_spare(struct faults *faults, struct crash_stales *stales)
{
	(void)park_find(faults->park, spare, stales);
}

static void look(void *user)
{
	park_look(((struct faults *)user)->park);
}

struct faults *fault_new(struct fusefs *fusefs)
{
	struct faults *faults = calloc(1, sizeof(*faults));
	if (faults == NULL)
		return NULL;
	const struct park_owner owner = {
		.sleeps = sleeps,
		.wake = wake,
		.leave = loop_forget_room,
		.user = faults,
	};
	pthread_mutex_init(&faults->crash_lock, NULL);
	faults->fusefs = fusefs;
	faults->rules = fusefs->rules;
	faults->park = park_new(&owner);
	faults->forgetter = fault_forget_new(fusefs);
	if (faults->park == NULL || faults->forgetter == NULL) {
		park_free(faults->park);
		fault_forget_free(faults->forgetter);
		pthread_mutex_destroy(&faults->crash_lock);
		free(faults);
		return NULL;
	}
	fusefs->volume->rules = faults->rules;
	fusefs->volume->faults = faults;
	rules_watch(faults->rules, look, faults);
	return faults;
}

void fault_stop(struct faults *faults)
{
	if (faults == NULL)
		return;
	pthread_mutex_lock(&faults->crash_lock);
	faults->stopped = true;
	faults->crashing = false;
	pthread_mutex_unlock(&faults->crash_lock);
	rules_stop(faults->rules);
	park_look(faults->park);
}

void fault_free(struct faults *faults)
{
	if (faults == NULL)
		return;
	fault_stop(faults);
	faults->fusefs->volume->rules = NULL;
	faults->fusefs->volume->faults = NULL;
	park_free(faults->park);
	fault_forget_free(faults->forgetter);
	pthread_mutex_destroy(&faults->crash_lock);
	free(faults);
}
