/* SPDX-License-Identifier: MIT */
/* What each action does to a request. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fuse.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/event.h"
#include "common/text.h"
#include "failpoints/errnos.h"
#include "fusefs/disk_corrupt.h"
#include "fusefs/fault.h"
#include "fusefs/fault_inside.h"
#include "fusefs/landing.h"
#include "rules/rules.h"

#define WORDS_MAX 160
#define NS_PER_MS 1000000

static void log_effect(struct fault *fault, const struct rule_verdict *verdict,
		       const struct rule_effect *effect)
{
	struct rule_hit hit = *fault_request_hit(&fault->request);
	hit.after = fault->phase == FAULT_AFTER;
	rules_log(fault->faults->rules, &hit, verdict, effect);
}

void fault_log(struct fault *fault, const struct rule_verdict *verdict,
	       const char *what)
{
	const struct rule_effect effect = {
		.what = what, .offset_bytes = -1, .length_bytes = -1};
	if (fault->phase == FAULT_STORE || fault->phase == FAULT_OWED)
		return;
	log_effect(fault, verdict, &effect);
}

void fault_complain(struct faults *faults, const char *rule, const char *why)
{
	struct text name;
	struct text reason;
	text_init(&name);
	text_init(&reason);
	text_json_string(&name, rule);
	text_json_string(&reason, why);
	if (text_result(&name) == 0 && text_result(&reason) == 0)
		event_add(faults->fusefs->events, "fault-failed",
			  "\"rule\":%s,\"reason\":%s", name.data, reason.data);
	text_done(&name);
	text_done(&reason);
}

static const char *error_name(int error)
{
	const char *name = errnos_name(error);
	return name == NULL ? "an error" : name;
}

/* One turn of acting on the request. */
typedef enum fault_turn act_fn(struct fault *fault, struct fuse_buf *buffer,
			       const struct rule_verdict *verdict);

/* A sync fails in the handler: what becomes of the pages is the profile's. */
static enum fault_turn act_return(struct fault *fault, struct fuse_buf *buffer,
				  const struct rule_verdict *verdict)
{
	(void)buffer;
	fault_log(fault, verdict, error_name(verdict->error));
	if (fault->phase > FAULT_BEFORE)
		return FAULT_GO; /* the answer says so already */
	if (!fault_request_syncs(&fault->request))
		return fault_refuse(fault, verdict->error);
	fault->sync_error = verdict->error;
	return FAULT_GO;
}

static enum fault_turn act_fail_after(struct fault *fault,
				      struct fuse_buf *buffer,
				      const struct rule_verdict *verdict)
{
	(void)buffer;
	char words[WORDS_MAX];
	snprintf(words, sizeof(words), "%s, though it is done",
		 error_name(verdict->error));
	fault_log(fault, verdict, words);
	if (fault->phase == FAULT_BEFORE)
		fault->fail_after = verdict->error;
	return FAULT_GO;
}

bool fault_act_waits(const struct rule_verdict *verdict)
{
	switch (verdict->id) {
	case TERMS_SLEEP:
	case TERMS_DELAY:
	case TERMS_PAUSE:
	case RULE_SLOW:
	case RULE_SNAPSHOT:
		return true;
	default:
		return false;
	}
}

void fault_act_describe(const struct rule_verdict *verdict, size_t size_bytes,
			struct text *words)
{
	if (verdict->id == RULE_SNAPSHOT) {
		text_printf(words, "into %s", verdict->args[0].text);
		return;
	}
	int64_t ns = rule_sleep_ns(verdict, size_bytes);
	if (ns < 0)
		text_printf(words, "sleeps until the rule is gone");
	else
		text_printf(words, "sleeps for %" PRId64 ".%06" PRId64 " ms",
			    ns / NS_PER_MS, ns % NS_PER_MS);
}

/* How much is transferred, for what takes its time by that. */
static size_t bytes_of(struct fault *fault)
{
	size_t bytes = fault_request_bytes(&fault->request);
	if (fault->phase == FAULT_STORE) {
		bytes = fault->store_bytes;
	} else if (fault->phase == FAULT_OWED) {
		bytes = fault->owed_bytes;
		fault->owed_bytes = 0;
	}
	return bytes;
}

static enum fault_turn act_sleep(struct fault *fault, struct fuse_buf *buffer,
				 const struct rule_verdict *verdict)
{
	size_t bytes = bytes_of(fault);
	int64_t ns = rule_sleep_ns(verdict, bytes);
	struct text words;
	if (ns == 0)
		return FAULT_GO;
	text_init(&words);
	fault_act_describe(verdict, bytes, &words);
	fault_log(fault, verdict,
		  text_result(&words) == 0 ? words.data : "sleeps");
	text_done(&words);
	return fault_park(fault, buffer, verdict, ns);
}

static void print(const struct rule_verdict *verdict, struct text *words)
{
	const struct terms_value *value = &verdict->args[0];
	if (value->kind == TERMS_STRING)
		text_printf(words, "%s", value->text);
	else if (value->kind != TERMS_NONE)
		terms_print_value(value, words);
	else
		text_printf(words, "was here");
}

bool fault_act_plain(const struct rule_verdict *verdict, struct text *words)
{
	switch (verdict->id) {
	case TERMS_YIELD:
		(void)sched_yield(); /* cannot fail */
		text_printf(words, "yields");
		return true;
	case TERMS_PRINT:
		print(verdict, words);
		return true;
	case TERMS_BREAK:
		text_printf(words, "%s", fault_end_break());
		return true;
	case TERMS_EXIT:
	case TERMS_KILL:
		text_printf(words, "ends the daemon");
		return true;
	default:
		return false;
	}
}

void fault_act_last(const struct rule_verdict *verdict)
{
	if (verdict->id == TERMS_EXIT)
		fault_end_exit(verdict);
	if (verdict->id == TERMS_KILL)
		fault_end_kill(verdict);
}

static enum fault_turn act_plain(struct fault *fault, struct fuse_buf *buffer,
				 const struct rule_verdict *verdict)
{
	(void)buffer;
	struct text words;
	text_init(&words);
	(void)fault_act_plain(verdict, &words);
	fault_log(fault, verdict,
		  text_result(&words) == 0 ? words.data : "done");
	text_done(&words);
	fault_act_last(verdict);
	return FAULT_GO;
}

/* Of pages for its cache the kernel takes a part for the end of the file, and of
 * pages that it writes back it takes none. */
static bool may_be_short(const struct fault *fault)
{
	if (fault->request.opcode == FUSE_WRITE)
		return !fault->request.written_back;
	return fault->request.hit.flags & O_DIRECT ||
	       fault->faults->fusefs->config.cache == FUSEFS_CACHE_NONE;
}

static enum fault_turn act_short(struct fault *fault, struct fuse_buf *buffer,
				 const struct rule_verdict *verdict)
{
	if (!may_be_short(fault)) {
		fault_log(fault, verdict,
			  "not at all: mount with -o cache=none for it");
		return FAULT_GO;
	}
	size_t size = fault_request_bytes(&fault->request);
	size_t less = rule_short_bytes(verdict, size);
	char words[WORDS_MAX];
	snprintf(words, sizeof(words), "%zu of %zu bytes", less, size);
	fault_log(fault, verdict, words);
	if (fault->request.opcode == FUSE_WRITE)
		landing_return(fault_request_data(buffer));
	fault_request_shorten(&fault->request, buffer, less);
	return FAULT_GO;
}

static enum fault_turn act_drop(struct fault *fault, struct fuse_buf *buffer,
				const struct rule_verdict *verdict)
{
	(void)buffer;
	fault_log(fault, verdict, "will not be stored");
	fault->drops = true;
	return FAULT_GO;
}

/* What it would take: bytes of data; of a new name, one. */
static uint64_t wanted(const struct fault_request *request)
{
	switch (request->hit.point) {
	case RULE_FS_WRITE:
	case RULE_FS_FALLOCATE:
		return (uint64_t)request->hit.length_bytes;
	default:
		return 1;
	}
}

static enum fault_turn act_nospace(struct fault *fault, struct fuse_buf *buffer,
				   const struct rule_verdict *verdict)
{
	uint64_t want = wanted(&fault->request);
	/* Pages that are written back are taken as a whole, or not at all. */
	bool parts = fault->request.hit.point == RULE_FS_WRITE &&
		     !fault->request.written_back;
	uint64_t got = rule_take(verdict, want, parts);
	char words[WORDS_MAX];
	if (got == want)
		return FAULT_GO;
	if (got == 0) {
		fault_log(fault, verdict, "ENOSPC");
		return fault_refuse(fault, ENOSPC);
	}
	snprintf(words, sizeof(words), "%" PRIu64 " of %" PRIu64 " bytes", got,
		 want);
	fault_log(fault, verdict, words);
	landing_return(fault_request_data(buffer));
	fault_request_shorten(&fault->request, buffer, (size_t)got);
	return FAULT_GO;
}

/* What was harmed, in words. */
struct harm {
	struct text *words;
	int64_t base; /* of the data, in the file */
	int64_t from;
	int64_t to;
};

static void note_harm(void *user, const struct disk_damage *damage)
{
	struct harm *harm = user;
	int64_t at = harm->base + (int64_t)damage->offset;
	if (harm->to == 0)
		harm->from = at;
	harm->to = at + (int64_t)damage->length_bytes;
	if (damage->flipped != 0)
		text_printf(harm->words, " %" PRId64 ":0x%02x", at,
			    damage->flipped);
}

void fault_act_harm(const struct rule_verdict *verdict, void *data,
		    size_t size_bytes, int64_t offset_bytes, struct text *words,
		    struct rule_effect *ret_effect)
{
	static const enum disk_corrupt_kind kinds[] = {
		[RULE_CORRUPT_BITFLIP] = DISK_CORRUPT_BITFLIP,
		[RULE_CORRUPT_ZERO] = DISK_CORRUPT_ZERO,
		[RULE_CORRUPT_GARBAGE] = DISK_CORRUPT_GARBAGE,
	};
	const struct terms_value *count = &verdict->args[1];
	const struct terms_value *at = &verdict->args[2];
	const struct disk_corruption how = {
		.kind = kinds[verdict->args[0].number],
		.count =
			count->kind == TERMS_NONE ? 1 : (uint64_t)count->number,
		.at = at->kind == TERMS_NONE ? -1 : at->number,
		.seed = rule_random(verdict, 0),
	};
	int64_t from = offset_bytes;
	int64_t to = offset_bytes + (int64_t)size_bytes;
	/* Chance has the bytes that the rule is about, a place all of them. */
	bool any = how.at >= 0 || rule_narrow_range(verdict->rule, &from, &to);
	struct harm harm = {.words = words, .base = from};
	text_printf(words, "%s", disk_corrupt_name(how.kind));
	if (any)
		(void)disk_corrupt(&how, (char *)data + (from - offset_bytes),
				   (size_t)(to - from), note_harm, &harm);
	if (harm.to == 0)
		text_printf(words, " of nothing: the transfer has %zu bytes",
			    size_bytes);
	*ret_effect = (struct rule_effect){
		.what = text_result(words) == 0 ? words->data : "corrupted",
		.offset_bytes = harm.to > 0 ? harm.from : -1,
		.length_bytes = harm.to - harm.from,
	};
}

static void corrupt(struct fault *fault, const struct rule_verdict *verdict,
		    void *data, size_t size)
{
	struct text words;
	struct rule_effect effect;
	text_init(&words);
	fault_act_harm(verdict, data, size, fault->request.hit.offset_bytes,
		       &words, &effect);
	log_effect(fault, verdict, &effect);
	text_done(&words);
}

static enum fault_turn act_corrupt(struct fault *fault, struct fuse_buf *buffer,
				   const struct rule_verdict *verdict)
{
	if (fault->request.opcode != FUSE_WRITE)
		return FAULT_GO; /* when it was read */
	landing_return(fault_request_data(buffer));
	corrupt(fault, verdict, fault_request_data(buffer),
		fault_request_bytes(&fault->request));
	return FAULT_GO;
}

void fault_act_on_read(struct fault *fault, void *data, size_t size_bytes)
{
	const struct rule_verdicts *before = &fault->verdicts[FAULT_BEFORE];
	for (size_t i = 0; i < before->count; i++)
		if (before->list[i].id == RULE_CORRUPT)
			corrupt(fault, &before->list[i], data, size_bytes);
}

static act_fn *const acts[RULE_ACTION_END] = {
	[TERMS_RETURN] = act_return,
	[TERMS_SLEEP] = act_sleep,
	[TERMS_PANIC] = fault_job_crash,
	[TERMS_BREAK] = act_plain,
	[TERMS_PRINT] = act_plain,
	[TERMS_PAUSE] = act_sleep,
	[TERMS_YIELD] = act_plain,
	[TERMS_DELAY] = act_sleep,
	[TERMS_EXIT] = act_plain,
	[TERMS_KILL] = act_plain,
	[RULE_SHORT] = act_short,
	[RULE_DROP] = act_drop,
	[RULE_CORRUPT] = act_corrupt,
	[RULE_CRASH] = fault_job_crash,
	[RULE_SNAPSHOT] = fault_job_snapshot,
	[RULE_NOSPACE] = act_nospace,
	[RULE_FAIL_AFTER] = act_fail_after,
	[RULE_SLOW] = act_sleep,
};

enum fault_turn fault_act(struct fault *fault, struct fuse_buf *buffer)
{
	const struct rule_verdicts *verdicts = &fault->verdicts[fault->phase];
	enum fault_turn turn = FAULT_GO;
	while (turn == FAULT_GO && fault->next < verdicts->count) {
		const struct rule_verdict *verdict =
			&verdicts->list[fault->next];
		/* The rest is for the transfer, when it is done again. */
		if (fault->phase == FAULT_STORE && !fault_act_waits(verdict))
			break;
		fault->next++;
		if (acts[verdict->id] != NULL)
			turn = acts[verdict->id](fault, buffer, verdict);
	}
	return turn;
}
