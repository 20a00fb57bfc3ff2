/* SPDX-License-Identifier: MIT */
#include "fusefs/partial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "fusefs/commit.h"
#include "fusefs/dentry.h"
#include "fusefs/extents.h"
#include "fusefs/fault_store.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/limbo.h"
#include "fusefs/limbo_pass.h"
#include "fusefs/profile.h"
#include "fusefs/step.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"
#include "fusefs/writeback.h"

int partial_choose(struct partial_chosen *chosen, struct record *record)
{
	if (record->selected || record->seq > chosen->partial->target)
		return 0;
	if (chosen->count == chosen->capacity) {
		size_t capacity = chosen->capacity ? chosen->capacity * 2 : 64;
		struct record **list = reallocarray(chosen->list, capacity,
						    sizeof(struct record *));
		if (list == NULL)
			return -ENOMEM;
		chosen->list = list;
		chosen->capacity = capacity;
	}
	record->selected = true;
	chosen->list[chosen->count++] = record;
	return 0;
}

/* Those before seq that name the directory; and the name, if that is not NULL. */
static int choose_named(struct partial_chosen *chosen, struct inode *directory,
			const struct dentry *name, uint64_t seq)
{
	int r = 0;
	list_for_each(node, following, &directory->directory->named) {
		struct record *record =
			list_entry(node, struct record_place, link)->record;
		bool fits = name == NULL || record->from == name ||
			    record->to == name;
		if (fits && record->seq < seq && r == 0)
			r = partial_choose(chosen, record);
	}
	return r;
}

static int choose_history(struct partial_chosen *chosen, struct dentry *name,
			  uint64_t seq)
{
	if (name == NULL || name->directory == chosen->directory)
		return 0;
	return choose_named(chosen, name->directory, name, seq);
}

/* The names that lead to the directory. */
static int choose_way(struct partial_chosen *chosen, struct inode *directory)
{
	int r = 0;
	while (r == 0 && directory->limbo != NULL) {
		struct dentry *name = dentry_live_of(directory);
		if (name == NULL)
			break;
		r = choose_named(chosen, name->directory, name, UINT64_MAX);
		directory = name->directory;
	}
	return r;
}

static bool is_between(const struct record *record)
{
	return record->from != NULL && record->to != NULL &&
	       record->from->directory != record->to->directory;
}

/* What the record cannot do without. */
static int choose_needs(struct partial_chosen *chosen,
			const struct record *record)
{
	int r = choose_history(chosen, record->from, record->seq);
	if (r == 0)
		r = choose_history(chosen, record->to, record->seq);
	struct inode *removed = record->replaced;
	if (record->kind == RECORD_UNLINK)
		removed = record->inode;
	if (r == 0 && removed != NULL && inode_is_directory(removed) &&
	    record->kind != RECORD_EXCHANGE)
		r = choose_named(chosen, removed, NULL, record->seq);
	if (r < 0 || !is_between(record))
		return r;
	struct inode *from = record->from->directory;
	struct inode *to = record->to->directory;
	if (from->in_store)
		r = choose_way(chosen, to);
	if (r == 0 && to->in_store && record->kind == RECORD_EXCHANGE)
		r = choose_way(chosen, from);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct record *first = *(struct record *const *)a;
	const struct record *second = *(struct record *const *)b;
	return first->seq < second->seq ? -1 : first->seq > second->seq;
}

static int choose_all_needs(struct partial_chosen *chosen)
{
	int r = chosen->failed;
	for (size_t i = 0; i < chosen->count && r == 0; i++)
		r = choose_needs(chosen, chosen->list[i]);
	if (r == 0 && chosen->count > 0)
		qsort(chosen->list, chosen->count, sizeof(struct record *),
		      compare);
	return r;
}

/* Whether the store has the directory below the other one. */
static bool is_below(struct inode *directory, const struct inode *above)
{
	while (directory != above) {
		const struct dentry *name = dentry_durable_of(directory);
		if (name == NULL)
			return false;
		directory = name->directory;
	}
	return true;
}

/* What a sequence of all records brings into order by itself: a directory whose
 * way to the root is not durable as yet, or still leads through what is moved. */
static bool takes_all(const struct record *record)
{
	if (!is_between(record))
		return false;
	if (is_below(record->to->directory, record->inode) ||
	    (record->kind == RECORD_EXCHANGE &&
	     is_below(record->from->directory, record->replaced)))
		return true;
	bool from_limbo = record->from->directory->limbo != NULL;
	bool to_limbo = record->to->directory->limbo != NULL;
	if (from_limbo == to_limbo)
		return false;
	return record->kind == RECORD_EXCHANGE || to_limbo ||
	       record->inode->in_store;
}

static int apply_chosen(struct partial *partial, struct partial_chosen *chosen)
{
	struct volume *volume = partial->volume;
	int r = 0;
	size_t i = 0;
	for (; i < chosen->count && r == 0; i++) {
		struct record *record = chosen->list[i];
		if (takes_all(record)) {
			r = PARTIAL_TAKES_ALL;
			break;
		}
		r = step_record_locked(volume, partial->mode, record,
				       &partial->refused);
		if (r < 0)
			break;
		if (i % STEP_BATCH == STEP_BATCH - 1) {
			pthread_mutex_unlock(&volume->lock);
			pthread_mutex_lock(&volume->lock);
		}
	}
	for (; i < chosen->count; i++)
		chosen->list[i]->selected = false;
	return r;
}

/* Storing entries has changed the times of the directories in the store. */
static void note_places(struct volume *volume,
			const struct partial_chosen *chosen)
{
	for (size_t i = 0; i < chosen->count; i++) {
		const struct record *record = chosen->list[i];
		const struct dentry *names[] = {record->from, record->to};
		for (int j = 0; j < 2; j++) {
			if (names[j] == NULL ||
			    names[j]->directory == chosen->directory)
				continue;
			struct inode *place = names[j]->directory;
			slimlock_write(&place->lock);
			inode_note_times(volume, place);
			slimlock_unlock(&place->lock);
		}
	}
}

static int take_locked(struct partial *partial, struct partial_chosen *chosen)
{
	int r = choose_all_needs(chosen);
	if (r == 0 && chosen->count > 0 && partial->mode == MODE_ERROR_WRITES)
		r = PARTIAL_ABORTS;
	if (r == 0) {
		note_places(partial->volume, chosen);
		return apply_chosen(partial, chosen);
	}
	for (size_t i = 0; i < chosen->count; i++)
		chosen->list[i]->selected = false;
	return r;
}

int partial_take(struct partial *partial, partial_choose_fn *choose, void *user)
{
	struct partial_chosen chosen = {.partial = partial};
	pthread_mutex_lock(&partial->volume->lock);
	int r = choose(&chosen, user);
	chosen.failed = r;
	r = take_locked(partial, &chosen);
	pthread_mutex_unlock(&partial->volume->lock);
	free(chosen.list);
	return r;
}

static int sync_entries(struct partial *partial, struct inode *directory)
{
	struct partial_chosen chosen = {.partial = partial,
					.directory = directory};
	pthread_mutex_lock(&partial->volume->lock);
	chosen.failed = choose_named(&chosen, directory, NULL, UINT64_MAX);
	int r = take_locked(partial, &chosen);
	pthread_mutex_unlock(&partial->volume->lock);
	free(chosen.list);
	return r;
}

static bool is_own(const struct record *record, bool datasync)
{
	switch (record->kind) {
	case RECORD_SIZE:
	case RECORD_DATA:
	case RECORD_SPACE:
		return true;
	case RECORD_ATTRIBUTES:
	case RECORD_XATTR:
		return !datasync;
	default:
		return false;
	}
}

static struct record *first_own(const struct partial *partial,
				struct inode *inode, bool datasync)
{
	struct record *first = NULL;
	pthread_mutex_lock(&partial->volume->journal.lock);
	list_for_each(node, following, &inode->records) {
		struct record *record =
			list_entry(node, struct record, inode_link);
		if (record->seq <= partial->target &&
		    is_own(record, datasync)) {
			first = record;
			break;
		}
	}
	pthread_mutex_unlock(&partial->volume->journal.lock);
	return first;
}

static int sync_own_records(struct partial *partial, struct inode *inode,
			    bool datasync)
{
	struct volume *volume = partial->volume;
	struct record *record;
	struct stat before;
	int r = 0;
	pthread_mutex_lock(&volume->lock);
	record = first_own(partial, inode, datasync);
	if (record != NULL && partial->mode == MODE_ERROR_WRITES)
		r = PARTIAL_ABORTS;
	/* What only counts for data must not change what else is durable. */
	bool keeps_times = datasync && record != NULL && inode->in_store &&
			   store_inode_stat_locked(volume, inode, &before) == 0;
	while (r == 0 && (record = first_own(partial, inode, datasync)) != NULL)
		r = step_record_locked(volume, partial->mode, record,
				       &partial->refused);
	if (keeps_times && inode->in_store) {
		const struct timespec times[2] = {before.st_atim,
						  before.st_mtim};
		(void)store_set_times_locked(volume, inode, times);
	}
	pthread_mutex_unlock(&volume->lock);
	return r;
}

/* 0, or WRITEBACK_WAITS as writeback_inode() has it. */
static int pay_data(struct partial *partial, struct inode *inode,
		    const struct commit_range *range)
{
	struct volume *volume = partial->volume;
	int r = WRITEBACK_WAITS;
	pthread_mutex_lock(&volume->lock);
	slimlock_write(&inode->lock);
	if (!writeback_waits(volume, inode, true))
		r = limbo_take_data_locked(volume, inode, range->from,
					   range->to);
	slimlock_unlock(&inode->lock);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

static int sync_own_data(struct partial *partial, struct inode *inode,
			 bool datasync, const struct commit_range *range)
{
	const struct writeback writeback = {
		.volume = partial->volume,
		.mode = partial->mode,
		.from = range->from,
		.to = range->to,
		.times_follow = !datasync,
	};
	int r = WRITEBACK_WAITS;
	for (int i = 0; i < WRITEBACK_OVERTAKEN_MAX && r == WRITEBACK_WAITS;
	     i++) {
		bool limbo = inode->limbo != NULL &&
			     partial->mode == MODE_ALLOW_WRITES;
		if (limbo &&
		    fault_store_armed(partial->volume, RULE_STORE_WRITE))
			r = limbo_pass(&writeback, inode);
		else if (limbo)
			r = pay_data(partial, inode, range);
		else
			r = writeback_inode(&writeback, inode);
		if (r != WRITEBACK_WAITS)
			break;
		partial->target = partial->volume->journal.seq;
		r = sync_own_records(partial, inode, datasync);
		if (r == 0)
			r = WRITEBACK_WAITS;
	}
	return r == WRITEBACK_WAITS ? -EAGAIN : r;
}

int partial_sync_times(struct partial *partial, struct inode *inode)
{
	struct volume *volume = partial->volume;
	int r = 0;
	pthread_mutex_lock(&volume->lock);
	pthread_mutex_lock(&volume->times_lock);
	bool dirty = !list_empty(&inode->times_link) && inode->times_dirty;
	if (dirty && partial->mode != MODE_ERROR_WRITES)
		list_remove(&inode->times_link);
	pthread_mutex_unlock(&volume->times_lock);
	if (dirty && partial->mode == MODE_ERROR_WRITES)
		r = PARTIAL_ABORTS;
	else if (dirty)
		r = writeback_times_locked(volume, partial->mode, inode);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

int partial_pay_all_unnamed(struct volume *volume, enum mode_kind mode)
{
	int r = 0;
	pthread_mutex_lock(&volume->lock);
	list_for_each(node, following, &volume->limbo) {
		struct inode *inode =
			list_entry(node, struct limbo, link)->inode;
		if (inode->unnamed && mode == MODE_ALLOW_WRITES && r == 0)
			r = limbo_take_unnamed_locked(volume, inode);
	}
	pthread_mutex_unlock(&volume->lock);
	return r;
}

static int pay_unnamed(struct volume *volume, enum mode_kind mode,
		       struct inode *inode)
{
	int r = 0;
	pthread_mutex_lock(&volume->lock);
	if (inode->unnamed && inode->limbo != NULL && mode == MODE_ALLOW_WRITES)
		r = limbo_take_unnamed_locked(volume, inode);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

int partial_sync_content(struct partial *partial, struct inode *inode,
			 bool datasync, const struct commit_range *range)
{
	bool directory = inode_is_directory(inode);
	/* With a failing disk the data is tried first, as it really is. */
	bool data_first = partial->mode == MODE_ERROR_WRITES;
	int r = pay_unnamed(partial->volume, partial->mode, inode);
	if (r == 0 && !directory && data_first)
		r = sync_own_data(partial, inode, datasync, range);
	if (r == 0)
		r = sync_own_records(partial, inode, datasync);
	if (r == 0 && !directory && !data_first)
		r = sync_own_data(partial, inode, datasync, range);
	return r;
}

int partial_sync(struct partial *partial, struct inode *inode, bool datasync,
		 const struct commit_range *range)
{
	bool directory = inode_is_directory(inode);
	int r = directory ? sync_entries(partial, inode) : 0;
	datasync = datasync && !directory;
	if (r == 0)
		r = partial_sync_content(partial, inode, datasync, range);
	if (r == 0 && !datasync)
		r = partial_sync_times(partial, inode);
	return r;
}
