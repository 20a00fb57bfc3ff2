/* SPDX-License-Identifier: MIT */
#include "fusefs/commit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/event.h"
#include "common/text.h"
#include "fusefs/abort.h"
#include "fusefs/data.h"
#include "fusefs/dentry.h"
#include "fusefs/errseq.h"
#include "fusefs/extents.h"
#include "fusefs/fault_store.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/logtree.h"
#include "fusefs/partial.h"
#include "fusefs/profile.h"
#include "fusefs/release.h"
#include "fusefs/scratch.h"
#include "fusefs/step.h"
#include "fusefs/store.h"
#include "fusefs/surface.h"
#include "fusefs/tail.h"
#include "fusefs/volume.h"
#include "fusefs/writeback.h"

/* A commit on its way. */
struct commit {
	struct volume *volume;
	enum mode_kind mode;
	int error;	 /* with which data fails; 0: EIO */
	uint64_t target; /* records up to this seq */
	bool names;
	bool unplaced; /* the data is in the journal only, for now */
	int refused;   /* the error of a record that will never be stored */
};

static _Thread_local const struct commit_fault *obeyed;

void commit_obey(const struct commit_fault *fault)
{
	obeyed = fault;
}

static void begin(struct volume *volume, struct commit *commit)
{
	pthread_mutex_lock(&volume->commit_lock);
	*commit = (struct commit){
		.volume = volume,
		.mode = mode_of_commits(obeyed != NULL ? obeyed->mode
						       : volume_mode(volume)),
		.target = volume->journal.seq,
	};
	volume->commits++;
	pthread_mutex_lock(&volume->lock);
	(void)surface_clean_locked(volume); /* the next one tries again */
	pthread_mutex_unlock(&volume->lock);
}

static int end(struct commit *commit, int r)
{
	struct volume *volume = commit->volume;
	if (r == 0 && commit->names)
		volume->journal.committed = commit->target;
	else if (commit->names)
		logtree_refuse(volume);
	if (r == 0 && commit->mode == MODE_ALLOW_WRITES)
		r = store_barrier(volume->store);
	if (r == 0)
		r = commit->refused;
	if (r == -EIO && obeyed != NULL)
		r = -obeyed->error;
	int told = store_error_told(r);
	if (told != r) {
		pthread_mutex_lock(&volume->lock);
		store_look_again_locked(volume->store);
		pthread_mutex_unlock(&volume->lock);
	}
	pthread_mutex_unlock(&volume->commit_lock);
	return told;
}

/* One record further: 1 done, 0 there is none, or an error. */
static int step_locked(struct commit *commit)
{
	struct volume *volume = commit->volume;
	struct record *record = journal_first(&volume->journal, commit->target);
	if (record == NULL)
		return 0;
	int r = step_record_locked(volume, commit->mode, record,
				   &commit->refused);
	return r < 0 ? r : 1;
}

static int commit_names(struct commit *commit)
{
	struct volume *volume = commit->volume;
	commit->names = true;
	pthread_mutex_lock(&volume->times_lock);
	bool times = !list_empty(&volume->times);
	pthread_mutex_unlock(&volume->times_lock);
	if (commit->mode == MODE_ERROR_WRITES &&
	    (times || journal_first(&volume->journal, commit->target) != NULL))
		return abort_journal(volume);
	int r = 1;
	while (r > 0) {
		pthread_mutex_lock(&volume->lock);
		for (int i = 0; i < STEP_BATCH && r > 0; i++)
			r = step_locked(commit);
		pthread_mutex_unlock(&volume->lock);
	}
	return r;
}

/* From here on the commit takes all: what comes now is of the next transaction.
 */
static void widen(struct commit *commit)
{
	struct volume *volume = commit->volume;
	pthread_mutex_lock(&volume->lock);
	commit->target = volume->journal.seq;
	logtree_reset_locked(volume);
	pthread_mutex_unlock(&volume->lock);
}

static const struct commit_range everything = {0, DATA_END};

/* Data may wait for records that came after the commit began: then those are
 * taken along. */
static int own_data(struct commit *commit, struct inode *inode,
		    const struct commit_range *range, bool stored_only)
{
	int r = WRITEBACK_WAITS;
	for (int i = 0; i < WRITEBACK_OVERTAKEN_MAX && r == WRITEBACK_WAITS;
	     i++) {
		const struct writeback writeback = {
			.volume = commit->volume,
			.mode = commit->mode,
			.error = commit->error,
			.from = range->from,
			.to = range->to,
			.stored_only = stored_only,
			.times_follow = commit->names,
		};
		r = writeback_inode(&writeback, inode);
		if (r != WRITEBACK_WAITS)
			break;
		widen(commit);
		r = commit_names(commit);
		if (r == 0)
			r = WRITEBACK_WAITS;
	}
	return r == WRITEBACK_WAITS ? -EAGAIN : r;
}

static struct inode *next_ordered(struct volume *volume)
{
	struct inode *inode = NULL;
	pthread_mutex_lock(&volume->lock);
	pthread_mutex_lock(&volume->times_lock);
	if (!list_empty(&volume->ordered)) {
		struct inode_written *written =
			list_entry(volume->ordered.next, struct inode_written,
				   ordered_link);
		list_remove(&written->ordered_link);
		inode = written->inode;
		inode_pin(inode);
	}
	pthread_mutex_unlock(&volume->times_lock);
	pthread_mutex_unlock(&volume->lock);
	return inode;
}

/* data=ordered: the pages in which a truncation or a hole zeroed a part of a
 * block go out with the commit, as they are now and where they have blocks. */
static int commit_ordered(struct commit *commit)
{
	struct volume *volume = commit->volume;
	struct inode *inode;
	int r = 0;
	while (r == 0 && (inode = next_ordered(volume)) != NULL) {
		slimlock_write(&inode->lock);
		const struct commit_range range = {
			inode->written->ordered_from / DATA_PAGE * DATA_PAGE,
			(inode->written->ordered_to + DATA_PAGE - 1) /
				DATA_PAGE * DATA_PAGE,
		};
		inode->written->ordered_to = 0;
		slimlock_unlock(&inode->lock);
		r = own_data(commit, inode, &range, true);
		if (r < 0) {
			slimlock_write(&inode->lock);
			/* Without it there is nothing left to write. */
			if (inode->written != NULL)
				data_order_bytes(volume, inode, range.from,
						 range.to);
			slimlock_unlock(&inode->lock);
		}
		pthread_mutex_lock(&volume->lock);
		inode_unpin_locked(volume, inode);
		pthread_mutex_unlock(&volume->lock);
	}
	return r;
}

static struct inode *next_times_locked(struct volume *volume, struct list *todo)
{
	struct inode *inode = NULL;
	pthread_mutex_lock(&volume->times_lock);
	if (!list_empty(todo)) {
		inode = list_entry(todo->next, struct inode, times_link);
		list_remove(&inode->times_link);
	}
	pthread_mutex_unlock(&volume->times_lock);
	return inode;
}

static void move_all(struct list *from, struct list *to)
{
	while (!list_empty(from)) {
		struct list *node = from->next;
		list_remove(node);
		list_append(to, node);
	}
}

static int commit_times(struct commit *commit)
{
	struct volume *volume = commit->volume;
	struct list todo;
	list_init(&todo);
	/* Only those of now: a writer must not keep us here for ever. */
	pthread_mutex_lock(&volume->times_lock);
	move_all(&volume->times, &todo);
	pthread_mutex_unlock(&volume->times_lock);
	pthread_mutex_lock(&volume->lock);
	struct inode *inode;
	int r = 0;
	while (r == 0 && (inode = next_times_locked(volume, &todo)) != NULL)
		r = writeback_times_locked(volume, commit->mode, inode);
	pthread_mutex_lock(&volume->times_lock);
	move_all(&todo, &volume->times);
	pthread_mutex_unlock(&volume->times_lock);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

/* What an aborted journal still does for a sync: nothing. Data that it cannot
 * place any more is refused where the profile tells of it just once. */
static int sync_aborted(struct commit *commit, struct inode *inode,
			const struct commit_range *range)
{
	struct volume *volume = commit->volume;
	const struct profile_failure *failure =
		profile_failure(volume->profile);
	int64_t from = range->from;
	int64_t to = range->to;
	slimlock_read(&inode->lock);
	extents_clamp_dirty(inode->extents, &from, &to);
	bool has_data = inode->extents != NULL && from < to &&
			inode->extents->dirty_bytes > 0;
	slimlock_unlock(&inode->lock);
	int r = abort_sync(volume, inode, commit->mode, has_data);
	if (has_data && failure->pages == PROFILE_PAGES_REVERTED) {
		commit->mode = MODE_ERROR_WRITES;
		r = own_data(commit, inode, range, false);
	}
	return r;
}

static bool data_needs_blocks(struct volume *volume, struct inode *inode,
			      const struct commit_range *range)
{
	int fd = -1;
	if (inode->in_store && store_get_fd(volume, inode, false, &fd) < 0)
		return true;
	slimlock_read(&inode->lock);
	bool needs = data_allocates(volume, inode, fd, range->from, range->to);
	slimlock_unlock(&inode->lock);
	if (fd >= 0)
		store_put_fd(volume->store, inode);
	return needs;
}

static struct profile_choice choose(struct volume *volume, struct inode *inode,
				    bool datasync,
				    const struct commit_range *range)
{
	struct profile_sync sync = {
		.directory = inode_is_directory(inode),
		.datasync = datasync,
	};
	slimlock_read(&inode->lock);
	sync.changed = inode->sync_seq > volume->journal.committed;
	sync.size_changed = inode->datasync_seq > volume->journal.committed;
	sync.status_owed = inode->status_owed;
	if (inode->written != NULL) {
		int64_t end = range->to < inode->size_bytes ? range->to
							    : inode->size_bytes;
		sync.data_grows = end > inode->written->journal_size_bytes;
	}
	slimlock_unlock(&inode->lock);
	if (!sync.directory && !(datasync ? sync.size_changed : sync.changed))
		sync.data_allocates = data_needs_blocks(volume, inode, range);
	return profile_choose(volume->profile, &sync);
}

static int sync_part(struct commit *commit, struct inode *inode, bool datasync,
		     const struct commit_range *range)
{
	struct partial partial = {
		.volume = commit->volume,
		.mode = commit->mode,
		.target = commit->target,
	};
	int r = profile_logs(commit->volume->profile)
			? logtree_sync(&partial, inode, range)
			: partial_sync(&partial, inode, datasync, range);
	commit->refused = partial.refused;
	if (r == PARTIAL_ABORTS)
		return abort_journal(commit->volume);
	if (r == PARTIAL_TAKES_ALL && !profile_logs(commit->volume->profile))
		r = commit_names(commit);
	return r;
}

/* The inodes with unsynced data now, pinned. */
static int collect_dirty(struct volume *volume, struct inode ***ret_inodes,
			 size_t *ret_count)
{
	pthread_mutex_lock(&volume->lock);
	int r = inode_list_dirty_locked(volume, ret_inodes, ret_count);
	for (size_t i = 0; r == 0 && i < *ret_count; i++)
		inode_pin((*ret_inodes)[i]);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

static void release(struct volume *volume, struct inode **inodes, size_t count)
{
	pthread_mutex_lock(&volume->lock);
	for (size_t i = 0; i < count; i++)
		inode_unpin_locked(volume, inodes[i]);
	pthread_mutex_unlock(&volume->lock);
}

/* All that was acknowledged. */
static int take_all(struct commit *commit)
{
	struct volume *volume = commit->volume;
	cleanup_free struct inode **inodes = NULL;
	size_t count = 0;
	int r = collect_dirty(volume, &inodes, &count);
	if (profile_logs(volume->profile))
		widen(commit);
	int names = commit_names(commit);
	if (r == 0)
		r = names;
	if (r == 0)
		r = partial_pay_all_unnamed(volume, commit->mode);
	for (size_t i = 0; i < count; i++) {
		/* One that cannot be stored must not keep the others. */
		int one = own_data(commit, inodes[i], &everything, false);
		if (r == 0)
			r = one;
		slimlock_write(&inodes[i]->lock);
		inodes[i]->unplaced = commit->unplaced;
		slimlock_unlock(&inodes[i]->lock);
	}
	/* Nothing is left to write there; but it is not owed any more. */
	if (r == 0)
		r = commit_ordered(commit);
	volume->syncs_of_all++;
	int times = names == 0 ? commit_times(commit) : 0;
	if (r == 0)
		r = times;
	release(volume, inodes, count);
	return r;
}

/* A journal that has the data, too, and cannot be written. Whose data it was does
 * not matter: it is the file system that fails. */
static int fail_all(struct commit *commit)
{
	struct volume *volume = commit->volume;
	cleanup_free struct inode **inodes = NULL;
	size_t count = 0;
	int r = collect_dirty(volume, &inodes, &count);
	commit->mode = MODE_DROP_WRITES;
	bool any = false;
	for (size_t i = 0; i < count; i++) {
		any |= inodes[i]->extents != NULL &&
		       inodes[i]->extents->dirty_bytes > 0;
		int one = own_data(commit, inodes[i], &everything, false);
		if (r == 0)
			r = one;
	}
	release(volume, inodes, count);
	commit->mode = MODE_ERROR_WRITES;
	int names = any ? abort_journal(volume) : commit_names(commit);
	return r < 0 ? r : names;
}

static struct commit_range pages_of(const struct commit_range *range)
{
	if (range == NULL)
		return everything;
	return (struct commit_range){
		range->from / DATA_PAGE * DATA_PAGE,
		(range->to + DATA_PAGE - 1) / DATA_PAGE * DATA_PAGE,
	};
}

/* A disk to which nothing can be written. The data is tried first; where there is
 * none, the names; and where nothing is to be written at all, that it shall flush
 * its cache. */
static int fail_sync(struct commit *commit, struct inode *inode,
		     struct profile_choice choice,
		     const struct commit_range *range)
{
	struct volume *volume = commit->volume;
	int r = 0;
	if (choice.own_data)
		r = own_data(commit, inode, range, false);
	if (r == 0 && choice.own_data && data_forget_zeroed(inode, EIO))
		r = -EIO;
	if (r == 0 && choice.all_names)
		r = commit_names(commit);
	if (r == 0 && !inode_is_directory(inode) &&
	    profile_failure(volume->profile)->flushes)
		r = -EIO;
	return r;
}

/* What was in the journal, safe, when it was committed goes to its place: the
 * disk may refuse it only now. 0, or what the file is told. */
static int place(struct commit *commit, struct inode *inode)
{
	struct volume *volume = commit->volume;
	/* A disk that is well again takes it. */
	bool refuses = volume->bad_blocks != NULL ||
		       fault_store_armed(volume, RULE_STORE_WRITE);
	int r = 0;
	slimlock_write(&inode->lock);
	if (inode->unplaced && commit->mode == MODE_ERROR_WRITES)
		r = -EIO;
	else if (refuses)
		r = inode->place_error;
	if (r < 0)
		errseq_set(&inode->write_error, -r);
	inode->unplaced = false;
	inode->place_error = 0;
	slimlock_unlock(&inode->lock);
	return r;
}

static int sync_journalled(struct commit *commit, struct inode *inode)
{
	int r = place(commit, inode);
	if (r == 0 && commit->mode == MODE_ERROR_WRITES)
		return fail_all(commit);
	commit->unplaced = commit->mode == MODE_ALLOW_WRITES;
	return r < 0 ? r : take_all(commit);
}

int commit_fail(struct volume *volume, struct inode *inode,
		const struct commit_range *range, int error)
{
	const struct commit_range pages = pages_of(range);
	struct commit commit;
	begin(volume, &commit);
	commit.mode = MODE_ERROR_WRITES;
	commit.error = error;
	int r = 0;
	if (!inode_is_directory(inode) && !volume->read_only)
		r = own_data(&commit, inode, &pages, false);
	return end(&commit, r < 0 ? r : error);
}

int commit_sync(struct volume *volume, struct inode *inode, bool datasync,
		const struct commit_range *range)
{
	struct commit_range pages = pages_of(range);
	struct commit commit;
	begin(volume, &commit);
	/* An aborted journal is not written any more, though the disk may
	 * work again. */
	if (volume->read_only)
		return end(&commit, sync_aborted(&commit, inode, &pages));
	int r = 0;
	if (profile_logs(volume->profile))
		pages = everything;
	if (profile_is_partial(volume->profile))
		r = sync_part(&commit, inode, datasync, &pages);
	if (r == 0 && profile_logs(volume->profile))
		volume->logged_seq = commit.target;
	if (profile_is_partial(volume->profile) && r != PARTIAL_TAKES_ALL)
		return end(&commit, r);
	r = 0;
	struct profile_choice choice = choose(volume, inode, datasync, &pages);
	if (choice.all_data)
		return end(&commit, sync_journalled(&commit, inode));
	if (profile_logs(volume->profile))
		widen(&commit);
	slimlock_write(&inode->lock);
	release_syncs(volume, inode);
	slimlock_unlock(&inode->lock);
	if (commit.mode == MODE_ERROR_WRITES)
		return end(&commit, fail_sync(&commit, inode, choice, &pages));
	/* Really the data is written first; the order does not show, and the
	 * file must exist before its data. */
	if (choice.all_names)
		r = commit_names(&commit);
	if (r == 0 && choice.all_names)
		r = commit_ordered(&commit);
	if (r == 0 && choice.own_data)
		r = own_data(&commit, inode, &pages, false);
	if (r == 0 && choice.own_data)
		(void)data_forget_zeroed(inode, 0);
	if (r == 0 && choice.all_names)
		r = commit_times(&commit);
	if (r == 0 && choice.all_names) {
		slimlock_write(&inode->lock);
		inode->status_owed = false;
		slimlock_unlock(&inode->lock);
	}
	return end(&commit, r);
}

/* Data in a range that the real file system starts to write by itself: where the
 * store has the blocks it is there at once, elsewhere it goes with the names. */
static int push(struct commit *commit, struct inode *inode,
		const struct commit_range *range, bool only_if_allocates)
{
	struct volume *volume = commit->volume;
	int fd = -1;
	int r = 0;
	if (inode->in_store)
		r = store_get_fd(volume, inode, false, &fd);
	if (r < 0) {
		writeback_log(volume, inode, "store-error", strerror(-r));
		return r;
	}
	slimlock_write(&inode->lock);
	bool go = !only_if_allocates ||
		  data_reserves(volume, inode, fd, range->from, range->to);
	bool copies = profile_copies_on_write(volume->profile);
	bool tail = go && fd >= 0 && profile_writes_tail(volume->profile) &&
		    commit->mode == MODE_ALLOW_WRITES;
	slimlock_unlock(&inode->lock);
	/* Before the records of this push, which change more than the end. */
	if (tail)
		r = tail_write_in_place(volume, inode, range);
	slimlock_write(&inode->lock);
	if (go && r == 0 && copies)
		r = data_push_all_locked(volume, inode, range->from, range->to);
	else if (go && r == 0)
		r = data_push_locked(volume, inode, fd, range->from, range->to);
	slimlock_unlock(&inode->lock);
	if (fd >= 0)
		store_put_fd(volume->store, inode);
	if (r < 0)
		writeback_log(volume, inode, "store-error", strerror(-r));
	else if (go && !copies)
		r = own_data(commit, inode, range, true);
	return r;
}

/* find_lock_delalloc_range(): what is unsynced behind the range without a gap is
 * one piece of work with it. */
static int push_run(struct commit *commit, struct inode *inode,
		    const struct commit_range *range)
{
	slimlock_read(&inode->lock);
	const struct commit_range run = {
		range->from,
		data_dirty_run(inode, range->from, range->to),
	};
	slimlock_unlock(&inode->lock);
	return push(commit, inode, &run, false);
}

/* btrfs_inode_safe_disk_i_size_write(), without hole items: whatever of a file is
 * written, its size on disk is that in memory. */
static int reach_size_locked(struct volume *volume, struct inode *inode)
{
	int64_t size = inode->size_bytes;
	if (!profile_copies_on_write(volume->profile) ||
	    !inode_is_recorded(inode) ||
	    size <= inode->written->journal_size_bytes)
		return 0;
	struct record *record = journal_record_new(RECORD_SIZE, inode);
	if (record == NULL)
		return -ENOMEM;
	record->size_bytes = size;
	record->grows = true;
	inode->sync_seq = journal_append(&volume->journal, record);
	inode->written->journal_size_bytes = size;
	return 0;
}

static int push_direct(struct commit *commit, struct inode *inode,
		       const struct commit_range *range)
{
	int r = push(commit, inode, range, false);
	slimlock_write(&inode->lock);
	if (r == 0)
		r = reach_size_locked(commit->volume, inode);
	release_writes(commit->volume, inode);
	slimlock_unlock(&inode->lock);
	return r;
}

int commit_direct(struct volume *volume, struct inode *inode,
		  const struct commit_range *range)
{
	struct commit commit;
	begin(volume, &commit);
	int r = abort_check(volume);
	if (r == 0 && (profile_direct_is_durable(volume->profile) ||
		       profile_copies_on_write(volume->profile)))
		r = push_direct(&commit, inode, range);
	return end(&commit, r);
}

int commit_direct_check(struct volume *volume, struct inode *inode,
			const struct commit_range *range)
{
	if (!profile_failure(volume->profile)->fails_direct)
		return 0;
	const struct commit_range pages = pages_of(range);
	struct commit commit;
	begin(volume, &commit);
	int r = abort_check(volume);
	/* What is in the cache goes first. */
	if (r == 0 && commit.mode == MODE_ERROR_WRITES) {
		r = own_data(&commit, inode, &pages, false);
		r = r < 0 ? r : -EIO;
	} else if (r == 0 && profile_copies_on_write(volume->profile)) {
		r = push_run(&commit, inode, &pages);
	}
	int64_t to = range->from;
	while (r == 0 && volume->bad_blocks != NULL && to < range->to)
		r = volume->bad_blocks(volume->bad_blocks_user, inode, to,
				       range->to, &to);
	if (r < 0 && !volume->read_only &&
	    profile_failure(volume->profile)->pages == PROFILE_PAGES_KEPT) {
		/* The time is that of the attempt. */
		slimlock_write(&inode->lock);
		inode_touch(volume, inode, INODE_CHANGE_WRITE);
		slimlock_unlock(&inode->lock);
	}
	return end(&commit, r);
}

void commit_push(struct volume *volume, struct inode *inode,
		 const struct commit_range *range, bool only_if_allocates)
{
	struct commit commit;
	begin(volume, &commit);
	uint64_t before = atomic_load(&volume->journal.seq);
	/* Nobody waits for it: what fails stays dirty, and a simulated error is
	 * told at the next sync. */
	int r = range != NULL && profile_copies_on_write(volume->profile)
			? push_run(&commit, inode, range)
			: push(&commit, inode, range ? range : &everything,
			       only_if_allocates);
	if (range == NULL)
		journal_note_late(&volume->journal, inode, before);
	(void)end(&commit, r);
}

void commit_stored(struct volume *volume, struct inode *inode)
{
	struct commit commit;
	begin(volume, &commit);
	int r = own_data(&commit, inode, &everything, true);
	(void)end(&commit, r); /* as above */
}

int commit_by_itself(struct volume *volume)
{
	const struct profile_choice choice = profile_choose(
		volume->profile, &(struct profile_sync){.directory = true});
	struct commit commit;
	begin(volume, &commit);
	int r = abort_check(volume);
	if (r == 0 && choice.all_data)
		return end(&commit, commit.mode == MODE_ERROR_WRITES
					    ? fail_all(&commit)
					    : take_all(&commit));
	if (r == 0 && profile_logs(volume->profile))
		widen(&commit);
	if (r == 0)
		r = commit_names(&commit);
	if (r == 0)
		r = commit_ordered(&commit);
	if (r == 0)
		r = commit_times(&commit);
	return end(&commit, r);
}

void commit_data_by_itself(struct volume *volume, struct inode *inode)
{
	struct commit commit;
	begin(volume, &commit);
	int r = abort_check(volume);
	/* Where the data goes with the journal, it waits for that. A disk that
	 * does not work is not given new blocks for later. */
	bool journalled = profile_failure(volume->profile)->tells_later;
	bool works = commit.mode == MODE_ALLOW_WRITES;
	bool strict = profile_is_partial(volume->profile) &&
		      !profile_logs(volume->profile);
	if (r == 0 && works && !journalled && !strict)
		r = push(&commit, inode, &everything, false);
	else if (r == 0 && !journalled)
		r = own_data(&commit, inode, &everything, false);
	(void)end(&commit, r);
}

int commit_all(struct volume *volume)
{
	struct commit commit;
	begin(volume, &commit);
	int r = abort_check(volume);
	if (r == 0 && commit.mode == MODE_ERROR_WRITES &&
	    profile_failure(volume->profile)->tells_later)
		r = fail_all(&commit);
	else if (r == 0)
		r = take_all(&commit);
	return end(&commit, r);
}
