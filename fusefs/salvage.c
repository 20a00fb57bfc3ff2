/* SPDX-License-Identifier: MIT */
#include "fusefs/salvage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/plan.h"
#include "common/text.h"
#include "fusefs/data.h"
#include "fusefs/dentry.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/logtree.h"
#include "fusefs/profile.h"
#include "fusefs/risk.h"
#include "fusefs/salvage_data.h"
#include "fusefs/step.h"
#include "fusefs/store.h"
#include "fusefs/surface.h"
#include "fusefs/survivors.h"
#include "fusefs/volume.h"
#include "fusefs/writeback.h"

/* Something whose time of modification the steps have changed in the store. */
struct touched {
	struct inode *inode; /* pinned */
	int64_t time_ns;     /* of the change that was kept */
};

struct rescue {
	const struct salvage *salvage;
	struct volume *volume;
	struct record **records; /* all of the journal, in order */
	struct survivors_change *changes;
	size_t count;
	struct touched *touched; /* up to three for each */
	size_t touched_count;
	struct salvage_cut *cuts; /* one for each at most */
	size_t cut_count;
	uint64_t whole_seq; /* every change up to it is kept */
};

/* Chains of changes that need each other, as numbers. */
enum chain {
	CHAIN_NAME,
	CHAIN_CONTENT, /* of a file */
	CHAIN_STATUS,  /* its attributes */
	CHAIN_MADE,    /* that it is there at all */
	CHAIN_INSIDE,  /* the names in a directory */
};

static uint64_t chain_of(const void *object, enum chain chain)
{
	/* Objects begin at multiples of 8. */
	return object == NULL ? 0 : (uint64_t)(uintptr_t)object + chain;
}

static void wait_for(struct survivors_change *change, uint64_t chain)
{
	for (int i = 0; i < SURVIVORS_CHAINS && chain != 0; i++) {
		if (change->waits_for[i] == 0) {
			change->waits_for[i] = chain;
			break;
		}
	}
}

static void belong_to(struct survivors_change *change, uint64_t chain)
{
	for (int i = 0; i < SURVIVORS_CHAINS && chain != 0; i++) {
		if (change->belongs_to[i] == 0) {
			change->belongs_to[i] = chain;
			break;
		}
	}
}

static bool is_between(const struct record *record)
{
	return record->from != NULL && record->to != NULL &&
	       record->from->directory != record->to->directory;
}

static void describe_names(const struct record *record,
			   struct survivors_change *change)
{
	const struct dentry *names[] = {record->from, record->to};
	for (int i = 0; i < 2; i++) {
		if (names[i] == NULL)
			continue;
		wait_for(change, chain_of(names[i], CHAIN_NAME));
		belong_to(change, chain_of(names[i], CHAIN_NAME));
		belong_to(change, chain_of(names[i]->directory, CHAIN_INSIDE));
	}
	if (record->to != NULL) {
		wait_for(change, chain_of(record->to->directory, CHAIN_MADE));
		change->names = chain_of(record->inode, CHAIN_MADE);
	}
	if (record->kind == RECORD_CREATE)
		belong_to(change, chain_of(record->inode, CHAIN_MADE));
	/* What was in a directory has gone before it. */
	const struct inode *removed = record->kind == RECORD_UNLINK
					      ? record->inode
					      : record->replaced;
	if (removed != NULL && inode_is_directory(removed) &&
	    record->kind != RECORD_EXCHANGE)
		wait_for(change, chain_of(removed, CHAIN_INSIDE));
	/* A directory that moves takes what is below it along, and must not end
	 * up below itself. */
	change->waits_for_all = is_between(record);
}

static void describe(const struct volume *volume, const struct record *record,
		     struct survivors_change *change)
{
	/* A rename of a file to another directory is two, if each of those is
	 * committed by itself. */
	*change = (struct survivors_change){
		.group = record->moved ? 0 : record->group,
		.late = record->late,
	};
	if (record->from != NULL || record->to != NULL) {
		describe_names(record, change);
		return;
	}
	bool status = record->kind == RECORD_ATTRIBUTES ||
		      record->kind == RECORD_XATTR;
	uint64_t chain =
		chain_of(record->inode, status ? CHAIN_STATUS : CHAIN_CONTENT);
	wait_for(change, chain);
	belong_to(change, chain);
	if (list_empty(&record->inode->durable) &&
	    record->inode != volume->root)
		change->needs_name = chain_of(record->inode, CHAIN_MADE);
}

/* Where one order is cut, it is at a moment that there was: not within a change,
 * nor while there was something that has left no records; and where the log was
 * made durable, not before that, as that commit would be behind us. */
static void tie_locked(struct rescue *rescue)
{
	const struct volume *volume = rescue->volume;
	uint64_t group = 0;
	size_t last = 0; /* of the group */
	for (size_t i = rescue->count; i > 1; i--) {
		const struct record *record = rescue->records[i - 1];
		const struct record *before = rescue->records[i - 2];
		if (record->group != 0 && record->group != group) {
			group = record->group;
			last = i - 1;
			while (last > 0 &&
			       rescue->records[last - 1]->seq >= group)
				last--;
		}
		rescue->changes[i - 1].tied =
			(group != 0 && i - 1 > last) ||
			record->seq <= volume->logged_seq ||
			!journal_has_moment_locked(&volume->journal,
						   before->seq, record->seq);
	}
}

static int gather_locked(struct rescue *rescue)
{
	struct journal *journal = &rescue->volume->journal;
	pthread_mutex_lock(&journal->lock);
	size_t count = journal->count;
	rescue->records = calloc(count + 1, sizeof(struct record *));
	rescue->changes = calloc(count + 1, sizeof(*rescue->changes));
	rescue->touched = calloc(3 * count + 1, sizeof(*rescue->touched));
	rescue->cuts = calloc(count + 1, sizeof(*rescue->cuts));
	bool has = rescue->records != NULL && rescue->changes != NULL &&
		   rescue->touched != NULL && rescue->cuts != NULL;
	if (has)
		list_for_each(node, following, &journal->records)
			rescue->records[rescue->count++] =
				list_entry(node, struct record, link);
	for (size_t i = 0; i < rescue->count; i++)
		describe(rescue->volume, rescue->records[i],
			 &rescue->changes[i]);
	tie_locked(rescue);
	pthread_mutex_unlock(&journal->lock);
	return has ? 0 : -ENOMEM;
}

static void touch(struct rescue *rescue, struct inode *inode, int64_t time_ns)
{
	inode_pin(inode);
	rescue->touched[rescue->touched_count++] =
		(struct touched){.inode = inode, .time_ns = time_ns};
}

static void touch_all(struct rescue *rescue, const struct record *record)
{
	if (record->from != NULL)
		touch(rescue, record->from->directory, record->time_ns);
	if (record->to != NULL)
		touch(rescue, record->to->directory, record->time_ns);
	switch (record->kind) {
	case RECORD_CREATE:
	case RECORD_SIZE:
	case RECORD_DATA:
	case RECORD_SPACE:
		touch(rescue, record->inode, record->time_ns);
		break;
	default:
		break;
	}
}

static void note_cut(struct rescue *rescue, const struct record *record)
{
	bool sizes = record->kind == RECORD_SIZE;
	if (record->grows || (!sizes && record->kind != RECORD_DATA &&
			      record->kind != RECORD_SPACE))
		return;
	rescue->cuts[rescue->cut_count++] = (struct salvage_cut){
		.inode = record->inode,
		.seq = record->seq,
		.size_bytes = sizes ? record->size_bytes : -1,
	};
}

static uint64_t moment_before(struct rescue *rescue,
			      const struct record *record)
{
	struct journal *journal = &rescue->volume->journal;
	pthread_mutex_lock(&journal->lock);
	uint64_t seq = journal_moment_before_locked(journal, record->seq);
	pthread_mutex_unlock(&journal->lock);
	return seq;
}

/* What comes back from the planner, for the steps: a record that is selected is
 * not taken away by what the others do. */
static void select_locked(struct rescue *rescue)
{
	rescue->whole_seq = UINT64_MAX;
	for (size_t i = 0; i < rescue->count; i++) {
		struct record *record = rescue->records[i];
		record->selected = rescue->changes[i].kept;
		record->unwritten = rescue->changes[i].filled;
		if (record->selected) {
			touch_all(rescue, record);
			note_cut(rescue, record);
		} else if (rescue->whole_seq == UINT64_MAX) {
			rescue->whole_seq = moment_before(rescue, record);
		}
	}
	qsort(rescue->cuts, rescue->cut_count, sizeof(*rescue->cuts),
	      salvage_data_compare_cuts);
}

static int take_locked(struct rescue *rescue)
{
	int refused = 0;
	int r = 0;
	for (size_t i = 0; i < rescue->count; i++) {
		struct record *record = rescue->records[i];
		/* It is not there any more if it was not selected and buried
		 * with its file. */
		if (!rescue->changes[i].kept)
			continue;
		if (r == 0)
			r = step_record_locked(rescue->volume,
					       MODE_ALLOW_WRITES, record,
					       &refused);
		if (r < 0)
			record->selected = false;
	}
	return r;
}

static int keep_names_locked(struct rescue *rescue)
{
	const struct salvage *salvage = rescue->salvage;
	int r = gather_locked(rescue);
	if (r == 0)
		r = survivors_choose_changes(
			salvage->plan,
			profile_survival(rescue->volume->profile),
			rescue->changes, rescue->count);
	if (r < 0)
		return r;
	logtree_reset_locked(rescue->volume); /* as a full commit does */
	select_locked(rescue);
	if (salvage->note != NULL)
		(void)risk_each_selected_locked(rescue->volume, salvage->note,
						salvage->user);
	return take_locked(rescue);
}

static int keep_data(struct rescue *rescue)
{
	struct volume *volume = rescue->volume;
	const struct salvage_data data = {
		.volume = volume,
		.plan = rescue->salvage->plan,
		.note = rescue->salvage->note,
		.user = rescue->salvage->user,
		.whole_seq = rescue->whole_seq,
		.any_names = rescue->touched_count > 0,
		.cuts = rescue->cuts,
		.cut_count = rescue->cut_count,
	};
	cleanup_free struct inode **inodes = NULL;
	size_t count = 0;
	pthread_mutex_lock(&volume->lock);
	int r = inode_list_dirty_locked(volume, &inodes, &count);
	for (size_t i = 0; i < count; i++)
		inode_pin(inodes[i]);
	pthread_mutex_unlock(&volume->lock);
	for (size_t i = 0; i < count && r == 0; i++)
		r = salvage_data_of(&data, inodes[i]);
	pthread_mutex_lock(&volume->lock);
	for (size_t i = 0; i < count; i++)
		inode_unpin_locked(volume, inodes[i]);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

/* Whether all that an inode has seen survives, its times with it. */
static bool is_whole(const struct rescue *rescue, const struct inode *inode)
{
	return inode->sync_seq <= rescue->whole_seq &&
	       (inode->extents == NULL || inode->extents->dirty_bytes == 0);
}

/* 0, or an error that can go away. One without a name has no times to store, and
 * a file of another owner refuses. */
static int set_times_locked(struct rescue *rescue, struct inode *inode,
			    int64_t modified_ns)
{
	struct volume *volume = rescue->volume;
	const struct timespec times[2] = {
		{.tv_nsec = UTIME_OMIT},
		{.tv_sec = modified_ns / 1000000000,
		 .tv_nsec = modified_ns % 1000000000},
	};
	if ((!inode->in_store && inode != volume->root) || inode->dead)
		return 0;
	int r = store_set_times_locked(volume, inode, times);
	return r < 0 && store_error_passes(r) && r != -EPERM && r != -ENOENT
		       ? r
		       : 0;
}

/* Of what has survived in part, the time is that of the newest change that has. */
static int keep_touched_locked(struct rescue *rescue)
{
	int r = 0;
	for (size_t i = rescue->touched_count; i > 0; i--) {
		struct touched *touched = &rescue->touched[i - 1];
		struct inode *inode = touched->inode;
		if (r == 0 && !inode->doomed)
			r = set_times_locked(rescue, inode, touched->time_ns);
		inode->doomed = true;
	}
	for (size_t i = 0; i < rescue->touched_count; i++) {
		rescue->touched[i].inode->doomed = false;
		inode_unpin_locked(rescue->volume, rescue->touched[i].inode);
	}
	return r;
}

static int keep_times_locked(struct rescue *rescue)
{
	struct volume *volume = rescue->volume;
	int r = keep_touched_locked(rescue);
	struct list rest;
	list_init(&rest);
	pthread_mutex_lock(&volume->times_lock);
	while (!list_empty(&volume->times)) {
		struct inode *inode = list_entry(volume->times.next,
						 struct inode, times_link);
		list_remove(&inode->times_link);
		if (r < 0 || !is_whole(rescue, inode)) {
			list_append(&rest, &inode->times_link);
			continue;
		}
		pthread_mutex_unlock(&volume->times_lock);
		r = writeback_times_locked(volume, MODE_ALLOW_WRITES, inode);
		pthread_mutex_lock(&volume->times_lock);
	}
	while (!list_empty(&rest)) {
		struct list *node = rest.next;
		list_remove(node);
		list_append(&volume->times, node);
	}
	pthread_mutex_unlock(&volume->times_lock);
	return r;
}

static int run_committing(struct rescue *rescue)
{
	struct volume *volume = rescue->volume;
	/* A disk that takes nothing keeps nothing; and 0% is nothing. */
	if (volume->read_only || volume_mode(volume) != MODE_ALLOW_WRITES ||
	    rescue->salvage->plan->keep_ppm == 0)
		return 0;
	pthread_mutex_lock(&volume->lock);
	(void)surface_clean_locked(volume); /* the next commit tries again */
	volume->salvaging = true;
	int r = keep_names_locked(rescue);
	volume->salvaging = false;
	pthread_mutex_unlock(&volume->lock);
	if (r == 0)
		r = keep_data(rescue);
	pthread_mutex_lock(&volume->lock);
	int times = keep_times_locked(rescue);
	pthread_mutex_unlock(&volume->lock);
	if (r == 0)
		r = times;
	return r < 0 ? r : store_barrier(volume->store);
}

int salvage_run(const struct salvage *salvage)
{
	struct rescue rescue = {.salvage = salvage, .volume = salvage->volume};
	pthread_mutex_lock(&rescue.volume->commit_lock);
	int r = run_committing(&rescue);
	pthread_mutex_unlock(&rescue.volume->commit_lock);
	free(rescue.records);
	free(rescue.changes);
	free(rescue.touched);
	free(rescue.cuts);
	return r;
}
