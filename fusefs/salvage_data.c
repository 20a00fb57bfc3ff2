/* SPDX-License-Identifier: MIT */
#include "fusefs/salvage_data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/plan.h"
#include "common/text.h"
#include "fusefs/data.h"
#include "fusefs/dentry.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/profile.h"
#include "fusefs/store.h"
#include "fusefs/survivors.h"
#include "fusefs/volume.h"
#include "fusefs/writeback.h"

#define GARBAGE_BYTES 65536

struct runs {
	struct survivors_run *list;
	size_t count;
	size_t capacity;
};

/* One file. */
struct work {
	const struct salvage_data *data;
	struct inode *inode;
	struct text path;
	bool named; /* the path is one; or else nobody has looked up any */
	int fd;
	int64_t gone_bytes; /* kept changes gave up all blocks from here on */
	struct runs runs;
	struct survivors_pieces pieces;
};

/* Neighbours of one kind are one. */
static int add_run(struct runs *runs, const struct survivors_run *run)
{
	struct survivors_run *last =
		runs->count > 0 ? &runs->list[runs->count - 1] : NULL;
	if (last != NULL && last->to == run->from &&
	    last->fresh == run->fresh && last->tail == run->tail &&
	    last->forced == run->forced) {
		last->to = run->to;
		return 0;
	}
	if (runs->count == runs->capacity) {
		size_t capacity = runs->capacity ? runs->capacity * 2 : 16;
		struct survivors_run *list =
			reallocarray(runs->list, capacity, sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
		runs->list = list;
		runs->capacity = capacity;
	}
	runs->list[runs->count++] = *run;
	return 0;
}

/* A run of which the commit of the kept changes writes a part is cut there. */
static int add_cut_run(struct work *work, const struct data_run *found,
		       bool tail)
{
	const struct inode_written *written = work->inode->written;
	int64_t from = written->ordered_from / DATA_PAGE * DATA_PAGE;
	int64_t to =
		(written->ordered_to + DATA_PAGE - 1) / DATA_PAGE * DATA_PAGE;
	if (!found->stored || !work->data->any_names ||
	    written->ordered_to == 0)
		to = from = found->from;
	/* Where nothing is overwritten in place, all space is new. */
	bool copies = profile_survival(work->data->volume->profile)->old_waits;
	struct survivors_run run = {.from = found->from,
				    .fresh = !found->stored || copies,
				    .tail = tail};
	int r = 0;
	while (r == 0 && run.from < found->to) {
		run.forced = run.from >= from && run.from < to;
		run.to = run.forced ? to : run.from < from ? from : found->to;
		if (run.to > found->to)
			run.to = found->to;
		r = add_run(&work->runs, &run);
		run.from = run.to;
	}
	return r;
}

/* The same, cut where the last block of the store's file ends, if that is there: the
 * end can lie in a hole. */
static int add_tail_run(struct work *work, struct data_blocks *blocks,
			const struct data_run *found)
{
	int64_t block = profile_block_bytes(work->data->volume->profile);
	int64_t end = (blocks->stored_bytes + block - 1) / block * block;
	struct data_run part = *found;
	int r = 0;
	if (found->stored || found->from < blocks->stored_bytes ||
	    found->from >= end || blocks->stored_bytes > work->gone_bytes ||
	    !data_is_stored(blocks, blocks->stored_bytes - 1))
		return add_cut_run(work, found, false);
	if (part.to > end)
		part.to = end;
	r = add_cut_run(work, &part, true);
	part.from = part.to;
	part.to = found->to;
	if (r == 0 && part.from < part.to)
		r = add_cut_run(work, &part, false);
	return r;
}

int salvage_data_compare_cuts(const void *a, const void *b)
{
	const struct salvage_cut *left = a;
	const struct salvage_cut *right = b;
	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	return left->seq < right->seq ? -1 : left->seq > right->seq;
}

/* The store has whole pages, and shows no smaller holes: what was cut off a page is
 * known from the changes that are behind us. */
static int64_t find_gone(const struct salvage_data *data,
			 const struct inode *inode)
{
	int64_t block = profile_block_bytes(data->volume->profile);
	size_t low = 0;
	size_t high = data->cut_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (data->cuts[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	int64_t size = DATA_END;
	for (; low < data->cut_count && data->cuts[low].inode == inode; low++) {
		const struct salvage_cut *cut = &data->cuts[low];
		if (cut->size_bytes < 0)
			size = DATA_END;
		else if (cut->size_bytes < size)
			size = cut->size_bytes;
	}
	return size < DATA_END - block ? (size + block - 1) / block * block
				       : DATA_END;
}

/* The same, cut where the blocks are gone. */
static int add_gone_run(struct work *work, struct data_blocks *blocks,
			const struct data_run *found)
{
	struct data_run part = *found;
	int r = 0;
	if (found->stored && found->from < work->gone_bytes &&
	    found->to > work->gone_bytes) {
		part.to = work->gone_bytes;
		r = add_tail_run(work, blocks, &part);
		part.from = part.to;
		part.to = found->to;
	}
	part.stored = part.stored && part.from < work->gone_bytes;
	return r < 0 ? r : add_tail_run(work, blocks, &part);
}

static int gather(struct work *work)
{
	struct data_blocks blocks;
	struct data_run run = {.to = 0};
	int r = 0;
	work->gone_bytes = find_gone(work->data, work->inode);
	data_blocks_init(&blocks, work->data->volume, work->inode, work->fd);
	slimlock_read(&work->inode->lock);
	while (r == 0 && data_next_run(&blocks, run.to, DATA_END, true, &run))
		r = add_gone_run(work, &blocks, &run);
	slimlock_unlock(&work->inode->lock);
	return r < 0 ? r : blocks.error;
}

/* What chance comes from besides the seed. Not the number of the inode, which is the
 * store's, and another one elsewhere. */
static const char *chance_of(const struct work *work)
{
	return work->named ? work->path.data : "";
}

static int choose(struct work *work)
{
	const struct salvage_data *data = work->data;
	struct survivors_file file = {
		.path = chance_of(work),
		.runs = work->runs.list,
		.run_count = work->runs.count,
		.has_all = work->inode->sync_seq <= data->whole_seq,
		.has_content =
			!writeback_waits(data->volume, work->inode, false),
	};
	return survivors_choose_data(data->plan,
				     profile_survival(data->volume->profile),
				     &file, &work->pieces);
}

static void note(const struct work *work)
{
	const struct salvage_data *data = work->data;
	struct backend_loss loss = {
		.kind = "data",
		.path = work->path.data,
		.since_ns = work->inode->written->dirty_since_ns,
	};
	for (size_t i = 0; data->note != NULL && i < work->pieces.count; i++) {
		const struct survivors_piece *piece = &work->pieces.list[i];
		loss.what = piece->fate == SURVIVORS_KEPT ? "written"
			    : data->plan->fill == PLAN_FILL_ZERO
				    ? "there as zeros, written"
				    : "there as garbage, written";
		loss.offset_bytes = piece->from;
		loss.length_bytes = piece->to - piece->from;
		(void)data->note(data->user, &loss); /* only takes notes */
	}
}

/* Where the bytes of a piece lie in the scratch file. */
static int find_bytes(const struct work *work,
		      const struct survivors_piece *piece,
		      struct record_pieces *found, size_t *capacity)
{
	int64_t from = piece->from;
	int r = 0;
	while (r == 0 && from < piece->to) {
		const struct extent *extent =
			extents_at(work->inode->extents, from);
		int64_t end = extents_end(extent);
		if (end > piece->to)
			end = piece->to;
		const struct record_piece part = {
			.offset_bytes = from,
			.length_bytes = end - from,
			.source = extent->source +
				  (uint64_t)(from - extent->offset_bytes),
		};
		r = journal_add_piece(found, capacity, &part);
		from = end;
	}
	return r;
}

static int write_kept(const struct work *work, bool fresh)
{
	const struct writeback writeback = {
		.volume = work->data->volume,
		.mode = MODE_ALLOW_WRITES,
	};
	struct record_pieces found = {0};
	size_t capacity = 0;
	int r = 0;
	for (size_t i = 0; i < work->pieces.count && r == 0; i++) {
		const struct survivors_piece *piece = &work->pieces.list[i];
		if (piece->fate == SURVIVORS_KEPT && piece->fresh == fresh)
			r = find_bytes(work, piece, &found, &capacity);
	}
	if (r == 0 && found.count > 0)
		r = writeback_pieces(&writeback, work->inode, &found);
	free(found.list);
	return r;
}

static int write_garbage(const struct work *work,
			 const struct survivors_piece *piece)
{
	cleanup_free char *buffer = malloc(GARBAGE_BYTES);
	int r = buffer == NULL ? -ENOMEM : 0;
	int64_t from = piece->from;
	while (r == 0 && from < piece->to) {
		int64_t n = piece->to - from;
		if (n > GARBAGE_BYTES)
			n = GARBAGE_BYTES;
		survivors_garbage(work->data->plan, chance_of(work), from,
				  buffer, (size_t)n);
		r = store_write(work->fd, buffer, (size_t)n, from);
		from += n;
	}
	return r;
}

static int fill(const struct work *work)
{
	bool garbage = work->data->plan->fill == PLAN_FILL_GARBAGE;
	struct stat before;
	int r = store_file_stat(work->fd, &before);
	int64_t end = before.st_size;
	bool any = false;
	for (size_t i = 0; i < work->pieces.count && r == 0; i++) {
		const struct survivors_piece *piece = &work->pieces.list[i];
		if (piece->fate != SURVIVORS_FILLED)
			continue;
		any = true;
		if (piece->to > end)
			end = piece->to;
		if (garbage)
			r = write_garbage(work, piece);
	}
	if (r == 0 && any && !garbage && end > before.st_size)
		r = store_truncate(work->fd, end);
	if (r == 0 && any) {
		const struct timespec times[2] = {before.st_atim,
						  before.st_mtim};
		(void)store_set_file_times(work->fd, times); /* cosmetic */
	}
	return r;
}

static int play(struct work *work)
{
	int r = gather(work);
	if (r == 0 && work->runs.count > 0)
		r = choose(work);
	if (r < 0 || work->pieces.count == 0)
		return r;
	note(work);
	/* Of two kinds of pieces one may need the other. */
	r = write_kept(work, false);
	if (r == 0)
		r = write_kept(work, true);
	return r < 0 ? r : fill(work);
}

/* False for what has no name in the store, as far as is known here: another link
 * of the file may be one that nobody has looked up. */
static bool find_path(struct work *work)
{
	struct volume *volume = work->data->volume;
	struct inode *inode = work->inode;
	pthread_mutex_lock(&volume->lock);
	const struct dentry *durable = dentry_durable_of(inode);
	const struct dentry *name = dentry_live_of(inode);
	if (name == NULL)
		name = durable;
	bool has = (durable != NULL || inode->nlink > 0) && inode->in_store &&
		   !inode->dead;
	work->named = name != NULL;
	if (has && work->named)
		dentry_path_locked(volume, name->directory, name->name,
				   &work->path);
	else if (has)
		text_printf(&work->path, "?%llu",
			    (unsigned long long)inode->number);
	pthread_mutex_unlock(&volume->lock);
	return has;
}

static int play_named(struct work *work)
{
	struct stat st;
	int r = store_file_stat(work->fd, &st);
	return r < 0 || st.st_nlink == 0 ? r : play(work);
}

int salvage_data_of(const struct salvage_data *data, struct inode *inode)
{
	struct work work = {.data = data, .inode = inode};
	text_init(&work.path);
	/* Of what has no name in the store nothing is left. */
	if (inode->extents == NULL || inode->extents->dirty_bytes == 0 ||
	    !find_path(&work)) {
		text_done(&work.path);
		return 0;
	}
	int r = text_result(&work.path);
	if (r == 0)
		r = store_get_fd(data->volume, inode, true, &work.fd);
	if (r == 0) {
		r = play_named(&work);
		store_put_fd(data->volume->store, inode);
	}
	free(work.runs.list);
	free(work.pieces.list);
	text_done(&work.path);
	return r;
}
