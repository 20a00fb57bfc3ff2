/* SPDX-License-Identifier: MIT */
#include "fusefs/fault_store.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>

#include "failpoints/errnos.h"
#include "fusefs/dentry.h"
#include "fusefs/fault.h"
#include "fusefs/fault_inside.h"
#include "fusefs/inode.h"
#include "fusefs/store.h"

/* A file with more names is found by the first ones. */
#define NAMES_MAX 16

/* A disk refuses whole ones. */
#define SECTOR_BYTES 512

static int add_name(void *data, size_t index, struct text *text)
{
	const struct fault_store *store = data;
	if (index >= store->name_count)
		return -ENOENT;
	const char *name = store->names.data;
	while (index-- > 0)
		name += strlen(name) + 1;
	text_printf(text, "%s", name);
	return 0;
}

static void add_names_locked(struct fault_store *store, struct inode *inode)
{
	struct volume *volume = store->volume;
	if (inode == volume->root) {
		dentry_inode_path_locked(volume, inode, &store->names);
		text_append(&store->names, "", 1);
		store->name_count = 1;
	}
	list_for_each(link, following, &inode->live) {
		struct dentry *dentry =
			list_entry(link, struct dentry, live_link);
		if (store->name_count == NAMES_MAX)
			break;
		dentry_path_locked(volume, dentry->directory, dentry->name,
				   &store->names);
		text_append(&store->names, "", 1);
		store->name_count++;
	}
	if (text_result(&store->names) < 0)
		store->name_count = 0;
}

void fault_store_begin(struct fault_store *store, struct volume *volume,
		       struct inode *inode, enum rule_point point)
{
	*store = (struct fault_store){.volume = volume, .point = point};
	text_init(&store->names);
	if (inode == NULL)
		return;
	store->file = inode->number;
	pthread_mutex_lock(&volume->lock);
	add_names_locked(store, inode);
	pthread_mutex_unlock(&volume->lock);
}

void fault_store_end(struct fault_store *store)
{
	text_done(&store->names);
}

static struct rule_hit hit_of(struct fault_store *store, int64_t offset,
			      int64_t length, bool after)
{
	const struct fault *fault = fault_here();
	return (struct rule_hit){
		.point = store->point,
		.after = after,
		.pid = fault == NULL ? 0 : fault->request.hit.pid,
		.uid = fault == NULL ? (uid_t)-1 : fault->request.hit.uid,
		.flags = -1,
		.offset_bytes = offset,
		.length_bytes = length,
		.path = store->name_count > 0 ? add_name : NULL,
		.data = store,
	};
}

static void log_words(struct fault_store *store, const struct rule_hit *hit,
		      const struct rule_verdict *verdict, const char *words)
{
	const struct rule_effect effect = {
		.what = words, .offset_bytes = -1, .length_bytes = -1};
	rules_log(store->volume->rules, hit, verdict, &effect);
}

static const char *error_name(int error)
{
	const char *name = errnos_name(error);
	return name == NULL ? "an error" : name;
}

/* Whether the request can be done again from its beginning. Of a write only the
 * sync that it owes has to do with the store. */
static bool may_repeat(const struct fault *fault)
{
	return fault->request.opcode == FUSE_READ ||
	       fault->request.opcode == FUSE_WRITE ||
	       fault_request_syncs(&fault->request);
}

/* Puts it off until the handler is through. False: it is not done at all. */
static bool owe(struct fault *fault, const struct rule_verdict *verdict,
		size_t bytes)
{
	struct rule_verdicts *owed = &fault->verdicts[FAULT_OWED];
	if (owed->count == RULE_VERDICTS_MAX)
		return false;
	owed->list[owed->count++] = *verdict;
	rule_ref(verdict->rule);
	fault->owed_bytes += bytes;
	return true;
}

/* One question on its way. */
struct question {
	struct fault_store *store;
	const struct rule_hit *hit;
	struct fault_deed *deed;
};

static size_t bytes_of(const struct rule_hit *hit)
{
	return hit->length_bytes < 0 ? 0 : (size_t)hit->length_bytes;
}

static void log_wait(const struct question *question,
		     const struct rule_verdict *verdict, const char *instead)
{
	struct text words;
	text_init(&words);
	fault_act_describe(verdict, bytes_of(question->hit), &words);
	if (instead != NULL) {
		text_clear(&words);
		text_printf(&words, "%s", instead);
	}
	log_words(question->store, question->hit, verdict,
		  text_result(&words) == 0 ? words.data : "waits");
	text_done(&words);
}

/* A sleep or a snapshot. 0: it goes on now. */
static int wait(const struct question *question,
		const struct rule_verdict *verdict)
{
	struct fault *fault = fault_here();
	struct volume *volume = question->store->volume;
	if (fault == NULL && verdict->id == RULE_SNAPSHOT) {
		log_wait(question, verdict, NULL);
		fault_job_alone(volume->faults, verdict);
		return 0;
	}
	if (fault == NULL) {
		log_wait(question, verdict, "not at all: nobody waits for it");
		return 0;
	}
	log_wait(question, verdict, NULL);
	if (!question->hit->after && may_repeat(fault))
		return -FAULT_AGAIN;
	(void)owe(fault, verdict, bytes_of(question->hit));
	return 0;
}

/* Nothing arrives any more: the power is failing. */
static int crash(const struct question *question,
		 const struct rule_verdict *verdict)
{
	struct fault *fault = fault_here();
	struct faults *faults = question->store->volume->faults;
	log_words(question->store, question->hit, verdict, "crash");
	(void)fault_crash_comes(faults);
	if (fault == NULL || !owe(fault, verdict, 0))
		fault_job_alone(faults, verdict);
	return -EIO;
}

static int fail(const struct question *question,
		const struct rule_verdict *verdict)
{
	log_words(question->store, question->hit, verdict,
		  error_name(verdict->error));
	question->deed->simulated = true;
	question->deed->error = -verdict->error;
	return -verdict->error;
}

/* The real store would be full the same way: all stays in the journal. */
static int take_space(const struct question *question,
		      const struct rule_verdict *verdict)
{
	uint64_t want = (uint64_t)question->hit->length_bytes;
	if (rule_take(verdict, want, false) == want)
		return 0;
	log_words(question->store, question->hit, verdict, "ENOSPC");
	return -ENOSPC;
}

/* What is to become of the transfer; false: it is something to be done now. */
static bool note(struct fault_deed *deed, const struct rule_verdict *verdict)
{
	switch (verdict->id) {
	case RULE_DROP:
		deed->dropped = true;
		return true;
	case RULE_CORRUPT:
		deed->harms++;
		return true;
	case RULE_FAIL_AFTER:
		deed->fail_after = -verdict->error;
		return true;
	default:
		return false;
	}
}

static int act(const struct question *question,
	       const struct rule_verdict *verdict)
{
	struct text words;
	switch (verdict->id) {
	case TERMS_RETURN:
		return fail(question, verdict);
	case RULE_FAIL_AFTER:
		if (question->hit->after)
			return fail(question, verdict);
		log_words(question->store, question->hit, verdict,
			  error_name(verdict->error));
		(void)note(question->deed, verdict);
		return 0;
	case TERMS_PANIC:
	case RULE_CRASH:
		return crash(question, verdict);
	case RULE_NOSPACE:
		return take_space(question, verdict);
	case RULE_DROP:
		log_words(question->store, question->hit, verdict,
			  "will not be stored");
		(void)note(question->deed, verdict);
		return 0;
	case RULE_CORRUPT:
		(void)note(question->deed, verdict);
		return 0; /* when the data is there */
	default:
		break;
	}
	if (fault_act_waits(verdict))
		return wait(question, verdict);
	text_init(&words);
	(void)fault_act_plain(verdict, &words);
	log_words(question->store, question->hit, verdict,
		  text_result(&words) == 0 ? words.data : "done");
	text_done(&words);
	fault_act_last(verdict);
	return 0;
}

/* Whether this is what the request has waited for; then what was said of it is
 * taken over, but for what was done. ret_noted: how many of these have been acted
 * on already. */
static bool resume(struct fault *fault, const struct rule_hit *hit,
		   uint64_t file, struct fault_deed *deed, size_t *ret_noted)
{
	struct rule_verdicts *rest = &fault->verdicts[FAULT_STORE];
	if (rest->count == 0 || fault->store_file != file ||
	    fault->store_point != hit->point ||
	    fault->store_offset != hit->offset_bytes)
		return false;
	for (size_t i = 0; i < rest->count; i++) {
		if (i == fault->next)
			*ret_noted = deed->verdicts.count;
		if (i < fault->next && !note(deed, &rest->list[i]))
			continue;
		deed->verdicts.list[deed->verdicts.count++] = rest->list[i];
		rule_ref(rest->list[i].rule);
	}
	if (fault->next >= rest->count)
		*ret_noted = deed->verdicts.count;
	rules_done(rest);
	return true;
}

/* A part of the same read was asked about before the one that has waited. */
static bool was_asked(const struct fault *fault, const struct rule_hit *hit,
		      uint64_t file)
{
	return fault->verdicts[FAULT_STORE].count > 0 &&
	       hit->point == RULE_STORE_READ &&
	       fault->store_point == hit->point && fault->store_file == file &&
	       hit->offset_bytes < fault->store_offset;
}

/* The rest of what was said is for when it is done again. */
static void keep(struct fault *fault, const struct rule_hit *hit, uint64_t file,
		 struct fault_deed *deed, size_t next)
{
	struct rule_verdicts *rest = &fault->verdicts[FAULT_STORE];
	rules_done(rest);
	*rest = deed->verdicts;
	deed->verdicts.count = 0;
	fault->phase = FAULT_STORE;
	fault->next = next;
	fault->again = true;
	fault->store_point = hit->point;
	fault->store_file = file;
	fault->store_offset = hit->offset_bytes;
	fault->store_bytes = bytes_of(hit);
}

int fault_store_ask(struct fault_store *store, int64_t offset_bytes,
		    int64_t length_bytes, struct fault_deed *ret_deed)
{
	const struct rule_hit hit =
		hit_of(store, offset_bytes, length_bytes, false);
	const struct question question = {store, &hit, ret_deed};
	struct fault *fault = fault_here();
	const struct faults *faults = store->volume->faults;
	struct rule_verdicts *verdicts = &ret_deed->verdicts;
	ret_deed->dropped = false;
	ret_deed->simulated = false;
	ret_deed->error = 0;
	ret_deed->fail_after = 0;
	ret_deed->harms = 0;
	verdicts->count = 0;
	/* What a crash stores is what has survived it. */
	if (fault == NULL && faults->held[FAULT_SLEEPERS_ALL] > 0)
		return 0;
	if (faults->crashing)
		return -EIO;
	if (fault != NULL && was_asked(fault, &hit, store->file))
		return 0;
	size_t noted = 0;
	if (fault == NULL ||
	    !resume(fault, &hit, store->file, ret_deed, &noted))
		rules_decide(store->volume->rules, &hit, verdicts);
	int r = 0;
	for (size_t i = noted; i < verdicts->count && r == 0; i++) {
		r = act(&question, &verdicts->list[i]);
		if (r == -FAULT_AGAIN) {
			keep(fault, &hit, store->file, ret_deed, i);
			return r;
		}
	}
	return r;
}

static enum fault_fate fate_of_sector(const struct fault_deed *deed,
				      int64_t from)
{
	enum fault_fate fate = FAULT_WRITTEN;
	for (size_t i = 0; i < deed->verdicts.count; i++) {
		const struct rule_verdict *verdict = &deed->verdicts.list[i];
		if ((verdict->id != TERMS_RETURN && verdict->id != RULE_DROP) ||
		    !rule_selects_range(verdict->rule, from,
					from + SECTOR_BYTES))
			continue;
		if (verdict->id == TERMS_RETURN)
			return FAULT_REFUSED;
		fate = FAULT_DROPPED;
	}
	return fate;
}

enum fault_fate fault_store_fate(const struct fault_deed *deed, int64_t from,
				 int64_t to, int64_t *ret_to)
{
	int64_t sector = from / SECTOR_BYTES * SECTOR_BYTES;
	*ret_to = to;
	if (!deed->simulated && !deed->dropped)
		return FAULT_WRITTEN;
	enum fault_fate fate = fate_of_sector(deed, sector);
	for (sector += SECTOR_BYTES; sector < to; sector += SECTOR_BYTES)
		if (fate_of_sector(deed, sector) != fate) {
			*ret_to = sector;
			break;
		}
	return fate;
}

int fault_store_after(struct fault_store *store, int64_t offset_bytes,
		      int64_t length_bytes)
{
	const struct rule_hit hit =
		hit_of(store, offset_bytes, length_bytes, true);
	struct fault_deed deed = {0};
	const struct question question = {store, &hit, &deed};
	int r = 0;
	rules_decide(store->volume->rules, &hit, &deed.verdicts);
	for (size_t i = 0; i < deed.verdicts.count && r == 0; i++)
		r = act(&question, &deed.verdicts.list[i]);
	rules_done(&deed.verdicts);
	return r;
}

void fault_store_harm(struct fault_store *store, const struct fault_deed *deed,
		      void *data, size_t size_bytes, int64_t offset_bytes)
{
	const struct rule_hit hit =
		hit_of(store, offset_bytes, (int64_t)size_bytes, false);
	for (size_t i = 0; i < deed->verdicts.count; i++) {
		const struct rule_verdict *verdict = &deed->verdicts.list[i];
		if (verdict->id != RULE_CORRUPT)
			continue;
		struct text words;
		struct rule_effect effect;
		text_init(&words);
		fault_act_harm(verdict, data, size_bytes, offset_bytes, &words,
			       &effect);
		rules_log(store->volume->rules, &hit, verdict, &effect);
		text_done(&words);
	}
}

void fault_store_done(struct fault_deed *deed)
{
	rules_done(&deed->verdicts);
}

static int read_run(struct fault_store *store, char *data, int64_t from,
		    int64_t to)
{
	struct fault_deed deed;
	int r = fault_store_ask(store, from, to - from, &deed);
	if (r == 0)
		fault_store_harm(store, &deed, data, (size_t)(to - from), from);
	fault_store_done(&deed);
	return r < 0 ? r : fault_store_after(store, from, to - from);
}

/* Holes are not read from a disk. */
int fault_store_read(struct fault_store *store, int fd, void *data,
		     size_t size_bytes, int64_t offset_bytes)
{
	int64_t end = offset_bytes + (int64_t)size_bytes;
	int64_t at = offset_bytes;
	int r = 0;
	while (r == 0 && at < end) {
		int64_t begin = store_seek(fd, at, false);
		if (begin == -ENXIO || begin >= end)
			break;
		if (begin < 0)
			begin = at;
		int64_t to = store_seek(fd, begin, true);
		if (to < 0 || to > end)
			to = end;
		r = read_run(store, (char *)data + (begin - offset_bytes),
			     begin, to);
		at = to;
	}
	return r;
}
