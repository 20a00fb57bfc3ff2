/* SPDX-License-Identifier: MIT */
/*
 * What is read is noted piece by piece, and judged when all of it is there and no
 * lock is held any more: then it is known where transfers begin and end. What is
 * written is changed in the store just after it was written, because its bytes
 * are still those of the live image and must stay so.
 */
#include "fusefs/disk.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/event.h"
#include "common/mode.h"
#include "common/text.h"
#include "fusefs/data.h"
#include "fusefs/dentry.h"
#include "fusefs/disk_corrupt.h"
#include "fusefs/inode.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"
#include "fusefs/writeback.h"

/* Numbers of chance that a transfer may need. */
#define CHANCES 4

/* The next one that was read or written. */
struct transfer {
	int64_t from;
	int64_t to;
	int64_t bytes; /* that it has to do with; to - from, or less */
};

/* What the mode does to it. */
struct verdict {
	enum mode_kind kind;
	bool harms;
	bool by_value; /* a byte becomes value; else what chance makes of it */
	uint8_t value;
	uint64_t chance;
	int64_t at;    /* by_value: the byte, in the file */
	int64_t index; /* else: which of the bytes */
};

void disk_set_mode(struct disk *disk, const struct mode *mode)
{
	unsigned int armed = 0;
	switch (mode->kind) {
	case MODE_ERROR_READS:
	case MODE_RANDOM_READ_CORRUPT:
		armed = DISK_READ;
		break;
	case MODE_RANDOM_WRITE_CORRUPT:
		armed = DISK_WRITE;
		break;
	case MODE_CORRUPT_BIO_BYTE:
		armed = mode->on_write ? DISK_WRITE : DISK_READ;
		break;
	default:
		break;
	}
	disk->transfers = 0;
	disk->armed = armed;
}

void disk_arm(struct disk_io *io)
{
	struct text path;
	struct text json;
	text_init(&path);
	text_init(&json);
	io->armed = true;
	pthread_mutex_lock(&io->volume->lock);
	dentry_inode_path_locked(io->volume, io->inode, &path);
	pthread_mutex_unlock(&io->volume->lock);
	if (text_result(&path) == 0)
		text_json_string(&json, path.data);
	text_done(&path);
	if (text_result(&json) == 0)
		io->path = json.data; /* taken over */
	else
		text_done(&json);
}

static const char *path_of(const struct disk_io *io)
{
	return io->path == NULL ? "\"?\"" : io->path;
}

static int64_t page_of(int64_t offset)
{
	return offset / DATA_PAGE * DATA_PAGE;
}

/* Where the pages of a run end that begins at from and has reached to. */
static int64_t pages_end(int64_t to)
{
	return page_of(to + DATA_PAGE - 1);
}

/* Whether what begins at next belongs to the transfer. */
static bool continues(int64_t from, int64_t to, int64_t next)
{
	return page_of(next) <= pages_end(to) &&
	       next < page_of(from) + DISK_TRANSFER_MAX;
}

static struct verdict judge(const struct disk_io *io,
			    const struct transfer *transfer)
{
	struct volume *volume = io->volume;
	struct mode mode;
	int64_t elapsed_ms;
	struct verdict verdict = {.kind = volume_mode(volume)};
	volume_get_mode(volume, &mode, &elapsed_ms);
	/* Not in force, or set anew just now: the next one will see it. */
	if (verdict.kind != mode.kind)
		return (struct verdict){.kind = MODE_ALLOW_WRITES};
	assert(transfer->bytes > 0);
	bool write = io->direction == DISK_WRITE;
	uint64_t first = atomic_fetch_add(&volume->disk.transfers, 1) * CHANCES;
	switch (mode.kind) {
	case MODE_CORRUPT_BIO_BYTE:
		verdict.at = page_of(transfer->from) + mode.nth_byte - 1;
		verdict.by_value = true;
		verdict.value = mode.value;
		verdict.harms = mode.on_write == write &&
				verdict.at < pages_end(transfer->to);
		break;
	case MODE_RANDOM_READ_CORRUPT:
	case MODE_RANDOM_WRITE_CORRUPT:
		verdict.harms =
			(mode.kind == MODE_RANDOM_WRITE_CORRUPT) == write &&
			disk_corrupt_chance(mode.seed, first) %
					MODE_PROBABILITY_ALWAYS <
				mode.probability;
		verdict.index =
			(int64_t)(disk_corrupt_chance(mode.seed, first + 1) %
				  (uint64_t)transfer->bytes);
		verdict.chance = disk_corrupt_chance(mode.seed, first + 2);
		break;
	default:
		break;
	}
	return verdict;
}

/* What the byte becomes; a random one is another one than before. */
static uint8_t harmed(const struct verdict *verdict, uint8_t before)
{
	if (verdict->by_value)
		return verdict->value;
	return (uint8_t)(before + 1 + verdict->chance % UINT8_MAX);
}

static void log_harm(struct disk_io *io, enum mode_kind kind, int64_t at,
		     uint8_t before, uint8_t after)
{
	io->volume->disk.corruptions++;
	event_add(io->volume->events, "corruption",
		  "\"path\":%s,\"direction\":\"%s\",\"offset_bytes\":%" PRId64
		  ",\"length_bytes\":1,\"before\":%u,\"after\":%u,"
		  "\"reason\":\"%s\"",
		  path_of(io), io->direction == DISK_READ ? "read" : "write",
		  at, before, after, mode_name(kind));
}

static int note_piece(struct disk_io *io, int64_t from, int64_t to,
		      uint8_t *data)
{
	if (io->count == io->capacity) {
		size_t capacity = io->capacity == 0 ? 4 : 2 * io->capacity;
		struct disk_piece *pieces = realloc(
			io->pieces, capacity * sizeof(struct disk_piece));
		if (pieces == NULL)
			return -ENOMEM;
		io->pieces = pieces;
		io->capacity = capacity;
	}
	io->pieces[io->count++] = (struct disk_piece){from, to, data};
	return 0;
}

ssize_t disk_read(struct disk_io *io, int fd, void *data, size_t size,
		  int64_t offset)
{
	ssize_t n = store_read(fd, data, size, offset);
	if (n <= 0 || !io->armed)
		return n;
	int64_t end = offset + n;
	int r = 0;
	/* Holes come from no disk. Where the store cannot tell, there are
	 * none. */
	for (int64_t at = offset; at < end && r == 0;) {
		int64_t from = store_seek(fd, at, false);
		if (from == -ENXIO || from >= end)
			break;
		if (from < 0)
			from = at;
		int64_t to = store_seek(fd, from, true);
		/* Somebody may be changing the file below us. */
		if (to <= from || to > end)
			to = end;
		r = note_piece(io, from, to, (uint8_t *)data + (from - offset));
		at = to;
	}
	return r < 0 ? r : n;
}

/* The one with piece number *next, of which the bytes from *at on are left. */
static struct transfer next_transfer(const struct disk_io *io, size_t *next,
				     int64_t *at)
{
	struct transfer transfer = {.from = *at, .to = *at};
	int64_t limit = page_of(*at) + DISK_TRANSFER_MAX;
	while (*next < io->count &&
	       continues(transfer.from, transfer.to, *at)) {
		int64_t to = io->pieces[*next].to;
		if (to > limit)
			to = limit;
		transfer.bytes += to - *at;
		transfer.to = to;
		*at = to;
		if (to < io->pieces[*next].to)
			break;
		if (++*next < io->count)
			*at = io->pieces[*next].from;
	}
	return transfer;
}

/* The byte that is meant, in the pieces from first on; NULL if it was not
 * read. */
static uint8_t *find_byte(const struct disk_io *io, size_t first,
			  const struct transfer *transfer,
			  const struct verdict *verdict, int64_t *ret_at)
{
	int64_t index = verdict->index;
	for (size_t i = first; i < io->count; i++) {
		const struct disk_piece *piece = &io->pieces[i];
		int64_t from = piece->from > transfer->from ? piece->from
							    : transfer->from;
		int64_t to =
			piece->to < transfer->to ? piece->to : transfer->to;
		*ret_at = verdict->by_value ? verdict->at : from + index;
		if (*ret_at >= from && *ret_at < to)
			return &piece->data[*ret_at - piece->from];
		index -= to - from;
		if (to == transfer->to)
			break;
	}
	return NULL;
}

static int judge_read(struct disk_io *io, size_t first,
		      const struct transfer *transfer)
{
	struct verdict verdict = judge(io, transfer);
	if (verdict.kind == MODE_ERROR_READS) {
		io->volume->disk.read_errors++;
		event_add(io->volume->events, "read-error",
			  "\"path\":%s,\"offset_bytes\":%" PRId64
			  ",\"length_bytes\":%" PRId64
			  ",\"reason\":\"error-reads\"",
			  path_of(io), transfer->from,
			  transfer->to - transfer->from);
		return -EIO;
	}
	int64_t at;
	uint8_t *byte = NULL;
	if (verdict.harms)
		byte = find_byte(io, first, transfer, &verdict, &at);
	if (byte == NULL)
		return 0;
	uint8_t before = *byte;
	*byte = harmed(&verdict, before);
	if (*byte != before)
		log_harm(io, verdict.kind, at, before, *byte);
	return 0;
}

static int judge_reads(struct disk_io *io)
{
	size_t next = 0;
	int64_t at = io->count > 0 ? io->pieces[0].from : 0;
	int r = 0;
	while (next < io->count && r == 0) {
		size_t first = next;
		struct transfer transfer = next_transfer(io, &next, &at);
		r = judge_read(io, first, &transfer);
	}
	free(io->pieces);
	return r;
}

/* What has arrived in the store. */
static int judge_write(struct disk_io *io)
{
	const struct transfer transfer = {
		.from = io->from,
		.to = io->to,
		.bytes = io->to - io->from,
	};
	io->from = io->to;
	if (transfer.bytes == 0)
		return 0;
	struct verdict verdict = judge(io, &transfer);
	if (!verdict.harms)
		return 0;
	int64_t at =
		verdict.by_value ? verdict.at : transfer.from + verdict.index;
	uint8_t before;
	ssize_t n = store_read(io->fd, &before, 1, at);
	if (n <= 0) /* behind the end */
		return (int)n;
	uint8_t after = harmed(&verdict, before);
	if (after == before)
		return 0;
	int r = store_write(io->fd, &after, 1, at);
	if (r == 0)
		log_harm(io, verdict.kind, at, before, after);
	return r;
}

int disk_write(struct disk_io *io, int fd, const void *data, size_t size,
	       int64_t offset)
{
	if (!io->armed)
		return store_write(fd, data, size, offset);
	const char *rest = data;
	int r = 0;
	while (size > 0 && r == 0) {
		if (io->from == io->to ||
		    !continues(io->from, io->to, offset)) {
			r = judge_write(io);
			io->from = offset;
		}
		int64_t room = page_of(io->from) + DISK_TRANSFER_MAX - offset;
		size_t n = (int64_t)size < room ? size : (size_t)room;
		if (r == 0)
			r = store_write(fd, rest, n, offset);
		io->fd = fd;
		offset += (int64_t)n;
		io->to = r == 0 ? offset : io->from;
		rest += n;
		size -= n;
	}
	return r;
}

int disk_end(struct disk_io *io)
{
	if (!io->armed)
		return 0;
	int r = io->direction == DISK_WRITE ? judge_write(io) : judge_reads(io);
	free(io->path);
	return r;
}

void disk_looked_locked(struct volume *volume, struct inode *directory)
{
	directory->directory->looked = volume->disk.epoch;
}

int disk_look_locked(struct volume *volume, struct inode *directory)
{
	if (directory->directory->looked == volume->disk.epoch)
		return 0;
	if (volume->disk.armed & DISK_READ &&
	    volume_mode(volume) == MODE_ERROR_READS) {
		volume->disk.read_errors++;
		writeback_log_locked(volume, directory, "read-error",
				     "error-reads");
		return -EIO;
	}
	disk_looked_locked(volume, directory);
	return 0;
}

void disk_forget_locked(struct volume *volume)
{
	volume->disk.epoch++;
}
