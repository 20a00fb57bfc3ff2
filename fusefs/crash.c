/* SPDX-License-Identifier: MIT */
/*
 * All memory that is needed is had before the first thing is let go, so that a
 * crash happens as a whole or not at all.
 */
#include "fusefs/crash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer.h"
#include "common/backend.h"
#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/event.h"
#include "common/plan.h"
#include "common/text.h"
#include "fusefs/abort.h"
#include "fusefs/commit.h"
#include "fusefs/dentry.h"
#include "fusefs/disk.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/limbo.h"
#include "fusefs/logtree.h"
#include "fusefs/profile.h"
#include "fusefs/risk.h"
#include "fusefs/salvage.h"
#include "fusefs/scratch.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"

/* Losses that the report lists one by one. */
#define NOTES_MAX 200

/* The inodes that the crash touches, each once and pinned. */
struct doomed {
	struct inode **list;
	size_t count;
	size_t capacity;
};

void crash_stales_done(struct crash_stales *stales)
{
	for (size_t i = 0; i < stales->count; i++)
		free(stales->list[i].name);
	free(stales->list);
	*stales = (struct crash_stales){0};
}

int crash_stales_add(struct crash_stales *stales, uint64_t nodeid,
		     const char *name)
{
	if (stales->count == stales->capacity) {
		size_t capacity = stales->capacity ? stales->capacity * 2 : 64;
		struct crash_stale *list =
			reallocarray(stales->list, capacity, sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
		stales->list = list;
		stales->capacity = capacity;
	}
	char *copy = NULL;
	if (name != NULL && (copy = strdup(name)) == NULL)
		return -ENOMEM;
	stales->list[stales->count++] =
		(struct crash_stale){.nodeid = nodeid, .name = copy};
	return 0;
}

static int add_stale_name(struct volume *volume, struct crash_stales *stales,
			  const struct dentry *dentry)
{
	if (dentry == NULL || dentry->directory->nlookup == 0)
		return 0;
	return crash_stales_add(stales, inode_nodeid(volume, dentry->directory),
				dentry->name);
}

static int doom(struct doomed *doomed, struct inode *inode)
{
	if (inode == NULL || inode->doomed || inode->dead)
		return 0;
	if (doomed->count == doomed->capacity) {
		size_t capacity = doomed->capacity ? doomed->capacity * 2 : 64;
		struct inode **list = reallocarray(doomed->list, capacity,
						   sizeof(struct inode *));
		if (list == NULL)
			return -ENOMEM;
		doomed->list = list;
		doomed->capacity = capacity;
	}
	doomed->list[doomed->count++] = inode;
	inode->doomed = true;
	inode_pin(inode);
	return 0;
}

static int doom_records(struct volume *volume, const struct list *records,
			struct doomed *doomed, struct crash_stales *stales)
{
	int r = 0;
	list_for_each(node, following, records) {
		struct record *record = list_entry(node, struct record, link);
		r = doom(doomed, record->inode);
		if (r == 0)
			r = doom(doomed, record->replaced);
		if (r == 0)
			r = add_stale_name(volume, stales, record->from);
		if (r == 0)
			r = add_stale_name(volume, stales, record->to);
		/* Their link counts, too, were those of the lost past. */
		if (r == 0 && record->from != NULL)
			r = doom(doomed, record->from->directory);
		if (r == 0 && record->to != NULL)
			r = doom(doomed, record->to->directory);
		if (r < 0)
			break;
	}
	return r;
}

static int doom_dirty(struct volume *volume, struct doomed *doomed)
{
	cleanup_free struct inode **inodes = NULL;
	size_t count = 0;
	int r = inode_list_dirty_locked(volume, &inodes, &count);
	for (size_t i = 0; i < count && r == 0; i++)
		r = doom(doomed, inodes[i]);
	return r;
}

/* All that is in limbo, and what its names mean. */
static int doom_limbo(struct volume *volume, struct doomed *doomed,
		      struct crash_stales *stales)
{
	int r = 0;
	list_for_each(node, following, &volume->limbo) {
		struct inode *inode =
			list_entry(node, struct limbo, link)->inode;
		if (r == 0)
			r = doom(doomed, inode);
		if (!inode_is_directory(inode))
			continue;
		list_for_each(name, next, &inode->directory->overlay) {
			struct dentry *dentry =
				list_entry(name, struct dentry, overlay_link);
			if (r == 0)
				r = doom(doomed, dentry->live);
			if (r == 0)
				r = doom(doomed, dentry->durable);
			if (r == 0)
				r = add_stale_name(volume, stales, dentry);
		}
	}
	return r;
}

static int doom_list(const struct list *head, size_t offset,
		     struct doomed *doomed)
{
	int r = 0;
	for (const struct list *node = head->next; node != head && r == 0;
	     node = node->next)
		r = doom(doomed, (struct inode *)((char *)node - offset));
	return r;
}

/* The changes that a plan kept are not in the journal any more, but the next commit
 * would still write out what they zeroed. */
static int doom_ordered(const struct volume *volume, struct doomed *doomed)
{
	int r = 0;
	list_for_each(node, following, &volume->ordered) {
		const struct inode_written *written =
			list_entry(node, struct inode_written, ordered_link);
		if (r == 0)
			r = doom(doomed, written->inode);
	}
	return r;
}

/* What the kernel caches of a doomed inode: itself, and the names that would
 * lead to it. */
static int stale_inode(struct volume *volume, struct crash_stales *stales,
		       struct inode *inode)
{
	int r = 0;
	if (inode->nlookup > 0)
		r = crash_stales_add(stales, inode_nodeid(volume, inode), NULL);
	if (inode_is_directory(inode))
		return r;
	list_for_each(node, following, &inode->durable)
		if (r == 0)
			r = add_stale_name(
				volume, stales,
				list_entry(node, struct dentry, durable_link));
	return r;
}

static int gather(struct volume *volume, struct doomed *doomed,
		  struct crash_stales *stales)
{
	struct journal *journal = &volume->journal;
	int r = doom_records(volume, &journal->records, doomed, stales);
	if (r == 0)
		r = doom_records(volume, &journal->dropped, doomed, stales);
	if (r == 0)
		r = doom_limbo(volume, doomed, stales);
	if (r == 0)
		r = doom_dirty(volume, doomed);
	if (r == 0)
		r = doom_ordered(volume, doomed);
	if (r == 0)
		r = doom_list(&volume->times,
			      offsetof(struct inode, times_link), doomed);
	if (r == 0)
		r = doom_list(&volume->times_dropped,
			      offsetof(struct inode, times_link), doomed);
	if (r == 0)
		r = doom_list(&volume->open, offsetof(struct inode, open_link),
			      doomed);
	for (size_t i = 0; i < doomed->count && r == 0; i++)
		r = stale_inode(volume, stales, doomed->list[i]);
	return r;
}

/* From here on nothing can fail. */

static void revert_name(struct dentry *dentry)
{
	if (dentry != NULL)
		dentry_set_live_locked(dentry, dentry->durable);
}

static void revert_records(struct volume *volume, struct list *records)
{
	while (!list_empty(records)) {
		struct record *record =
			list_entry(records->next, struct record, link);
		revert_name(record->from);
		revert_name(record->to);
		journal_settle_locked(volume, record);
	}
}

/* The names in directories that never were in the store. All inodes of limbo are
 * pinned. */
static void forget_limbo(struct volume *volume)
{
	list_for_each(node, following, &volume->limbo) {
		struct inode *inode =
			list_entry(node, struct limbo, link)->inode;
		while (inode_is_directory(inode) &&
		       !list_empty(&inode->directory->overlay)) {
			struct dentry *dentry =
				list_entry(inode->directory->overlay.next,
					   struct dentry, overlay_link);
			dentry_free_locked(volume, dentry);
		}
	}
}

static void forget_content(struct volume *volume, struct inode *inode)
{
	limbo_free(volume, inode);
	inode->lingers = false;
	extents_free(inode->extents);
	inode->extents = NULL;
	xattrs_free(inode->xattrs);
	inode->xattrs = NULL;
	inode->lists_absent = 0;
	inode->times_dirty = false;
	inode->times_dropped = false;
	inode->diverged = false;
	struct inode_written *written = inode->written;
	pthread_mutex_lock(&volume->times_lock);
	list_remove(&inode->times_link);
	if (written != NULL) {
		list_remove(&written->dirty_link);
		list_remove(&written->ordered_link);
	}
	pthread_mutex_unlock(&volume->times_lock);
	inode->written = NULL;
	free(written);
}

/* A file: a new inode will be made when its surviving name is looked up. */
static void kill_file(struct volume *volume, struct inode *inode)
{
	while (!list_empty(&inode->durable)) {
		struct dentry *dentry = list_entry(inode->durable.next,
						   struct dentry, durable_link);
		struct inode *directory = dentry->directory;
		dentry_free_locked(volume, dentry);
		inode_release_locked(volume, directory);
	}
	store_forget_fd(volume->store, inode);
	inode_leave_store_locked(volume, inode);
	inode->dead = true;
}

static void revert_directory(struct volume *volume, struct inode *inode)
{
	if (inode != volume->root && list_empty(&inode->durable)) {
		inode_leave_store_locked(volume, inode);
		inode->dead = true;
		inode->nlink = 0;
	} else if (inode->nlink == 0) {
		/* For the kernel it is dead for good: it comes back as another
		 * one. What it holds was removed, too, and is doomed itself. */
		kill_file(volume, inode);
	} else {
		inode->attributes_stale = true;
	}
}

static void let_go(struct volume *volume, struct doomed *doomed)
{
	scratch_defer(volume->scratch);
	logtree_reset_locked(volume);
	revert_records(volume, &volume->journal.records);
	revert_records(volume, &volume->journal.dropped);
	forget_limbo(volume);
	for (size_t i = 0; i < doomed->count; i++) {
		struct inode *inode = doomed->list[i];
		inode->doomed = false;
		forget_content(volume, inode);
		if (inode_is_directory(inode))
			revert_directory(volume, inode);
		else
			kill_file(volume, inode);
	}
	for (size_t i = 0; i < doomed->count; i++)
		inode_unpin_locked(volume, doomed->list[i]);
	volume->journal.committed = volume->journal.seq;
	abort_undo(volume);
	volume->invalidating = true;
	volume->incarnation++;
}

static void undoom(struct volume *volume, struct doomed *doomed)
{
	for (size_t i = 0; i < doomed->count; i++) {
		doomed->list[i]->doomed = false;
		inode_unpin_locked(volume, doomed->list[i]);
	}
}

static int lose_past(struct volume *volume, struct crash_stales *ret_stales)
{
	struct doomed doomed = {0};
	pthread_mutex_lock(&volume->lock);
	int r = gather(volume, &doomed, ret_stales);
	if (r == 0)
		let_go(volume, &doomed);
	else
		undoom(volume, &doomed);
	if (r == 0)
		disk_forget_locked(volume);
	pthread_mutex_unlock(&volume->lock);
	free(doomed.list);
	return r;
}

/* The first of what is lost or kept, in words; the summary counts the rest. */
struct notes {
	struct answer_losses losses;
	unsigned int count;
	struct text text;
};

static int take_note(void *user, const struct backend_loss *loss)
{
	struct notes *notes = user;
	if (notes->count++ < NOTES_MAX)
		return answer_losses_add(&notes->losses, loss);
	if (strcmp(loss->kind, "data") == 0)
		notes->losses.data_bytes += (uint64_t)loss->length_bytes;
	notes->losses.count++;
	notes->losses.unlisted++;
	return 0;
}

static void begin_notes(struct notes *notes, bool kept)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	notes->count = 0;
	text_init(&notes->text);
	answer_losses_begin(&notes->losses, &notes->text, FIELDS_TEXT,
			    inode_nanoseconds(now));
	notes->losses.kept = kept;
}

/* NULL without memory: the numbers of the report still stand. */
static char *end_notes(struct notes *notes)
{
	answer_losses_end(&notes->losses);
	if (text_result(&notes->text) == 0 && notes->text.data != NULL)
		return notes->text.data;
	text_done(&notes->text);
	return NULL;
}

static char *describe_losses(struct volume *volume)
{
	struct notes notes;
	begin_notes(&notes, false);
	(void)risk_each(volume, take_note, &notes); /* never stops early */
	return end_notes(&notes);
}

static int keep_share(struct volume *volume, const struct plan *plan,
		      struct backend_report *report)
{
	struct notes notes;
	begin_notes(&notes, true);
	const struct salvage salvage = {
		.volume = volume,
		.plan = plan,
		.note = take_note,
		.user = &notes,
	};
	int r = salvage_run(&salvage);
	report->seed = plan->seed;
	report->kept_list = end_notes(&notes);
	return r;
}

int crash_keep(struct volume *volume, const struct plan *plan,
	       struct backend_report *ret_report, struct errmsg *reterr_why)
{
	struct risk_totals before;
	struct risk_totals lost;
	int r = 0;
	risk_sum(volume, &before);
	volume->rescuing = true;
	if (plan->keep == PLAN_KEEP_ALL)
		r = commit_all(volume);
	else if (plan->keep == PLAN_KEEP_SHARE)
		r = keep_share(volume, plan, ret_report);
	volume->rescuing = false;
	if (r < 0) {
		errmsg_set(reterr_why,
			   "cannot store what is to be kept: %s; free the"
			   " cause or crash with keep=none",
			   strerror(-r));
		return r;
	}
	risk_sum(volume, &lost);
	ret_report->incarnation = volume->incarnation;
	ret_report->lost_records = lost.records;
	ret_report->lost_bytes = lost.dirty_bytes + lost.dropped_bytes;
	ret_report->lost_files = lost.files;
	ret_report->kept_records = before.records - lost.records;
	/* Bytes that the disk dropped meanwhile are lost. */
	uint64_t bytes = before.dirty_bytes + before.dropped_bytes;
	if (bytes > ret_report->lost_bytes)
		ret_report->kept_bytes = bytes - ret_report->lost_bytes;
	ret_report->lost_list = describe_losses(volume);
	return 0;
}

int crash_check(const struct volume *volume, const struct plan *plan,
		struct errmsg *reterr_why)
{
	const struct profile *profile = volume->profile;
	if (plan->keep != PLAN_KEEP_SHARE || plan->fill != PLAN_FILL_GARBAGE ||
	    profile_survival(profile)->garbage)
		return 0;
	errmsg_set(reterr_why,
		   "a file of the profile '%s' never shows garbage: use"
		   " fill=zero or fill=old, or the profile 'posix'",
		   profile_name(profile));
	return -EINVAL;
}

/* The crash has happened; without a digest it is 0. */
void crash_digest(struct volume *volume, const struct plan *plan,
		  struct backend_report *report)
{
	if (plan->digest && store_digest(volume->store, &report->digest) < 0)
		event_add(volume->events, "store-error",
			  "\"reason\":\"cannot read the store for the"
			  " digest\"");
}

int crash_power(struct volume *volume, const struct plan *plan,
		struct crash_stales *ret_stales,
		struct backend_report *ret_report, struct errmsg *reterr_why)
{
	int r = crash_check(volume, plan, reterr_why);
	if (r < 0)
		return r;
	pthread_rwlock_wrlock(&volume->gate);
	r = crash_keep(volume, plan, ret_report, reterr_why);
	if (r == 0)
		r = lose_past(volume, ret_stales);
	if (r == 0) {
		/* The power comes back to a disk that works. */
		const struct mode healthy = {.kind = MODE_ALLOW_WRITES};
		volume_set_mode(volume, &healthy);
		ret_report->incarnation = volume->incarnation;
		crash_digest(volume, plan, ret_report);
	}
	pthread_rwlock_unlock(&volume->gate);
	return r;
}
