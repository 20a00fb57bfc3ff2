/* SPDX-License-Identifier: MIT */
#include "fusefs/journal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "fusefs/acl.h"
#include "fusefs/dentry.h"
#include "fusefs/inode.h"
#include "fusefs/scratch.h"
#include "fusefs/volume.h"

void journal_init(struct journal *journal)
{
	pthread_mutex_init(&journal->lock, NULL);
	list_init(&journal->records);
	list_init(&journal->dropped);
}

void journal_done(struct journal *journal)
{
	assert(list_empty(&journal->records));
	assert(list_empty(&journal->dropped));
	pthread_mutex_destroy(&journal->lock);
	free(journal->gaps);
}

uint64_t journal_tick(struct journal *journal)
{
	return atomic_fetch_add(&journal->seq, 1) + 1;
}

struct record *journal_record_new(enum record_kind kind, struct inode *inode)
{
	struct record *record = calloc(1, sizeof(*record));
	if (record == NULL)
		return NULL;
	record->kind = kind;
	record->inode = inode;
	list_init(&record->link);
	list_init(&record->inode_link);
	list_init(&record->from_place.link);
	list_init(&record->to_place.link);
	record->from_place.record = record;
	record->to_place.record = record;
	return record;
}

static void free_payload(struct volume *volume, struct record *record)
{
	if (record->kind == RECORD_XATTR) {
		free(record->xattr.name);
		free(record->xattr.value);
	} else if (record->kind == RECORD_DATA) {
		for (size_t i = 0; i < record->pieces.count; i++)
			scratch_drop(
				volume->scratch, record->pieces.list[i].source,
				(uint64_t)record->pieces.list[i].length_bytes);
		free(record->pieces.list);
	} else if (record->kind == RECORD_CREATE ||
		   record->kind == RECORD_ATTRIBUTES) {
		free(record->attributes.access_list);
		free(record->attributes.default_list);
	}
}

void journal_record_discard(struct volume *volume, struct record *record)
{
	if (record == NULL)
		return;
	free_payload(volume, record);
	free(record);
}

int journal_add_piece(struct record_pieces *pieces, size_t *capacity,
		      const struct record_piece *piece)
{
	if (pieces->count == *capacity) {
		size_t grown = *capacity ? *capacity * 2 : 4;
		struct record_piece *list =
			reallocarray(pieces->list, grown, sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
		pieces->list = list;
		*capacity = grown;
	}
	pieces->list[pieces->count++] = *piece;
	return 0;
}

static uint64_t data_bytes(const struct record *record)
{
	uint64_t bytes = 0;
	for (size_t i = 0;
	     record->kind == RECORD_DATA && i < record->pieces.count; i++)
		bytes += (uint64_t)record->pieces.list[i].length_bytes;
	return bytes;
}

static void pend(struct dentry *dentry, struct record_place *place)
{
	if (dentry == NULL)
		return;
	dentry_pend_locked(dentry);
	dentry->directory->directory->records++;
	list_append(&dentry->directory->directory->named, &place->link);
}

static _Thread_local bool drop_appended;

void journal_drop_appended(bool drop)
{
	drop_appended = drop;
}

uint64_t journal_append(struct journal *journal, struct record *record)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	record->time_ns = inode_nanoseconds(now);
	record->dropped = drop_appended;
	pend(record->from, &record->from_place);
	/* Once in each directory. */
	pend(record->to, &record->to_place);
	if (record->from != NULL && record->to != NULL &&
	    record->from->directory == record->to->directory)
		list_remove(&record->to_place.link);
	pthread_mutex_lock(&journal->lock);
	inode_pin(record->inode);
	if (record->replaced != NULL)
		inode_pin(record->replaced);
	uint64_t seq = journal_tick(journal);
	record->seq = seq;
	list_append(&journal->records, &record->link);
	list_append(&record->inode->records, &record->inode_link);
	journal->count++;
	journal->data_bytes += data_bytes(record);
	pthread_mutex_unlock(&journal->lock);
	/* A commit may have stored and freed it by now. */
	return seq;
}

/* Those that lie before all records do not matter any more, and one that no
 * record parts from the last is one with it: there are never more than records. */
void journal_add_gap(struct journal *journal, uint64_t seq)
{
	struct journal_gap gap = {.from = seq, .to = journal->seq};
	pthread_mutex_lock(&journal->lock);
	const struct record *newest =
		list_empty(&journal->records)
			? NULL
			: list_entry(journal->records.prev, struct record,
				     link);
	if (newest == NULL) {
		journal->gap_count = 0;
		journal->one_gap = false;
	}
	while (journal->gap_count > 0) {
		const struct journal_gap *last =
			&journal->gaps[journal->gap_count - 1];
		if (last->to < gap.from && newest != NULL &&
		    newest->seq > last->to)
			break;
		if (last->from < gap.from)
			gap.from = last->from;
		journal->gap_count--;
	}
	if (journal->gap_count == journal->gap_capacity) {
		size_t capacity =
			journal->gap_capacity ? journal->gap_capacity * 2 : 16;
		struct journal_gap *gaps = reallocarray(journal->gaps, capacity,
							sizeof(*journal->gaps));
		if (gaps != NULL) {
			journal->gaps = gaps;
			journal->gap_capacity = capacity;
		}
	}
	if (journal->gap_count < journal->gap_capacity)
		journal->gaps[journal->gap_count++] = gap;
	else
		journal->one_gap = true;
	pthread_mutex_unlock(&journal->lock);
}

uint64_t journal_moment_before_locked(const struct journal *journal,
				      uint64_t seq)
{
	/* They do not overlap. The first that is not over by then: */
	size_t low = 0;
	size_t high = journal->gap_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (journal->gaps[middle].to < seq)
			low = middle + 1;
		else
			high = middle;
	}
	if (journal->one_gap)
		return 0;
	if (low < journal->gap_count && journal->gaps[low].from < seq)
		return journal->gaps[low].from - 1;
	return seq - 1;
}

bool journal_has_moment_locked(const struct journal *journal, uint64_t seq,
			       uint64_t next_seq)
{
	return journal_moment_before_locked(journal, next_seq) >= seq;
}

bool journal_awaits_name(struct journal *journal, const struct inode *inode)
{
	bool awaits = false;
	pthread_mutex_lock(&journal->lock);
	list_for_each(node, following, &inode->records) {
		const struct record *record =
			list_entry(node, struct record, inode_link);
		awaits |= record->selected && record->to != NULL;
	}
	pthread_mutex_unlock(&journal->lock);
	return awaits;
}

void journal_group_locked(struct journal *journal, struct inode *inode,
			  uint64_t seq)
{
	pthread_mutex_lock(&journal->lock);
	list_for_each(node, following, &inode->records) {
		struct record *record =
			list_entry(node, struct record, inode_link);
		if (record->seq > seq)
			record->group = seq + 1;
	}
	pthread_mutex_unlock(&journal->lock);
}

void journal_note_late(struct journal *journal, struct inode *inode,
		       uint64_t seq)
{
	pthread_mutex_lock(&journal->lock);
	list_for_each(node, following, &inode->records) {
		struct record *record =
			list_entry(node, struct record, inode_link);
		if (record->seq > seq && record->kind == RECORD_DATA)
			record->late = true;
	}
	pthread_mutex_unlock(&journal->lock);
}

void journal_range(const struct record *record, int64_t *ret_from,
		   int64_t *ret_to)
{
	const struct record_pieces *pieces = &record->pieces;
	const struct record_space *space = &record->space;
	*ret_from = 0;
	*ret_to = 0;
	if (record->kind == RECORD_SIZE) {
		*ret_from = record->size_bytes;
		*ret_to = INT64_MAX;
	} else if (record->kind == RECORD_DATA && pieces->count > 0) {
		const struct record_piece *last =
			&pieces->list[pieces->count - 1];
		*ret_from = pieces->list[0].offset_bytes;
		*ret_to = last->offset_bytes + last->length_bytes;
	} else if (record->kind == RECORD_SPACE) {
		*ret_from = space->offset_bytes;
		*ret_to = space->offset_bytes + space->length_bytes;
		/* These move all that is behind. */
		if (space->mode &
		    (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE))
			*ret_to = INT64_MAX;
	}
}

int journal_has_room(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	int r = journal->count < JOURNAL_RECORDS_MAX ? 0 : -ENOSPC;
	pthread_mutex_unlock(&journal->lock);
	return r;
}

struct record *journal_first(struct journal *journal, uint64_t seq)
{
	struct record *first = NULL;
	pthread_mutex_lock(&journal->lock);
	if (!list_empty(&journal->records)) {
		first = list_entry(journal->records.next, struct record, link);
		if (first->seq > seq)
			first = NULL;
	}
	pthread_mutex_unlock(&journal->lock);
	return first;
}

static void settle_name(struct volume *volume, struct dentry *dentry)
{
	if (dentry == NULL)
		return;
	dentry->directory->directory->records--;
	dentry_settle_locked(volume, dentry);
}

void journal_settle_locked(struct volume *volume, struct record *record)
{
	struct journal *journal = &volume->journal;
	pthread_mutex_lock(&journal->lock);
	/* An append to the same inode changes its neighbour's link. */
	bool dropped = list_empty(&record->inode_link);
	list_remove(&record->link);
	list_remove(&record->inode_link);
	if (dropped) {
		journal->dropped_count--;
	} else {
		journal->count--;
		journal->data_bytes -= data_bytes(record);
	}
	pthread_mutex_unlock(&journal->lock);
	list_remove(&record->from_place.link);
	list_remove(&record->to_place.link);
	settle_name(volume, record->from);
	settle_name(volume, record->to);
	if (record->replaced != NULL)
		inode_unpin_locked(volume, record->replaced);
	inode_unpin_locked(volume, record->inode);
	free_payload(volume, record);
	free(record);
}

void journal_drop_locked(struct volume *volume, struct record *record)
{
	struct journal *journal = &volume->journal;
	list_remove(&record->from_place.link);
	list_remove(&record->to_place.link);
	record->selected = false;
	pthread_mutex_lock(&journal->lock);
	list_remove(&record->link);
	list_remove(&record->inode_link);
	journal->count--;
	journal->data_bytes -= data_bytes(record);
	list_append(&journal->dropped, &record->link);
	journal->dropped_count++;
	pthread_mutex_unlock(&journal->lock);
}
