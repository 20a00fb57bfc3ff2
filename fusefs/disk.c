/* SPDX-License-Identifier: MIT */
/*
 * What is read is changed in the reader's buffer; what is written, in the store
 * just after it was written, because its bytes are still those of the live image
 * and must stay so.
 */
#include "fusefs/disk.h"

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

/* What the mode does to one transfer. */
struct verdict {
	enum mode_kind kind;
	bool harms;
	int64_t at;    /* the byte that becomes another one */
	bool by_value; /* this one; else by chance */
	uint8_t value;
	uint64_t chance;
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

static struct verdict judge(const struct disk_io *io, int64_t from, int64_t to)
{
	struct volume *volume = io->volume;
	struct mode mode;
	int64_t elapsed_ms;
	struct verdict verdict = {.kind = volume_mode(volume)};
	volume_get_mode(volume, &mode, &elapsed_ms);
	/* Set anew just now: the next transfer will see it. */
	if (verdict.kind != mode.kind)
		return (struct verdict){.kind = MODE_ALLOW_WRITES};
	uint64_t number = atomic_fetch_add(&volume->disk.transfers, 1);
	uint64_t first = number * CHANCES;
	switch (mode.kind) {
	case MODE_CORRUPT_BIO_BYTE:
		verdict.at = page_of(from) + mode.nth_byte - 1;
		verdict.by_value = true;
		verdict.value = mode.value;
		verdict.harms =
			mode.on_write == (io->direction == DISK_WRITE) &&
			verdict.at < page_of(to + DATA_PAGE - 1);
		break;
	case MODE_RANDOM_READ_CORRUPT:
	case MODE_RANDOM_WRITE_CORRUPT:
		verdict.harms = (mode.kind == MODE_RANDOM_WRITE_CORRUPT) ==
					(io->direction == DISK_WRITE) &&
				disk_corrupt_chance(mode.seed, first) %
						MODE_PROBABILITY_ALWAYS <
					mode.probability;
		verdict.at = from + (int64_t)(disk_corrupt_chance(mode.seed,
								  first + 1) %
					      (uint64_t)(to - from));
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

static void log_harm(struct disk_io *io, const struct verdict *verdict,
		     uint8_t before, uint8_t after)
{
	io->volume->disk.corruptions++;
	event_add(io->volume->events, "corruption",
		  "\"path\":%s,\"direction\":\"%s\",\"offset_bytes\":%" PRId64
		  ",\"length_bytes\":1,\"before\":%u,\"after\":%u,"
		  "\"reason\":\"%s\"",
		  path_of(io), io->direction == DISK_READ ? "read" : "write",
		  verdict->at, before, after, mode_name(verdict->kind));
}

/* A transfer has come into data. */
static int judge_read(struct disk_io *io, uint8_t *data, int64_t from,
		      int64_t to)
{
	struct verdict verdict = judge(io, from, to);
	if (verdict.kind == MODE_ERROR_READS) {
		io->volume->disk.read_errors++;
		event_add(io->volume->events, "read-error",
			  "\"path\":%s,\"offset_bytes\":%" PRId64
			  ",\"length_bytes\":%" PRId64
			  ",\"reason\":\"error-reads\"",
			  path_of(io), from, to - from);
		return -EIO;
	}
	if (!verdict.harms || verdict.at < from || verdict.at >= to)
		return 0;
	uint8_t *byte = &data[verdict.at - from];
	uint8_t before = *byte;
	*byte = harmed(&verdict, before);
	if (*byte != before)
		log_harm(io, &verdict, before, *byte);
	return 0;
}

/* The bytes of the store among those that were read, which holes are not. */
static int judge_reads(struct disk_io *io, int fd, uint8_t *data, int64_t from,
		       int64_t end)
{
	int r = 0;
	for (int64_t at = from; at < end && r == 0;) {
		int64_t begin = store_seek(fd, at, false);
		if (begin == -ENXIO || begin >= end)
			return 0;
		if (begin < 0)
			begin = at;
		int64_t to = store_seek(fd, begin, true);
		if (to < 0 || to > end)
			to = end;
		if (to > page_of(begin) + DISK_TRANSFER_MAX)
			to = page_of(begin) + DISK_TRANSFER_MAX;
		r = judge_read(io, data + (begin - from), begin, to);
		at = to;
	}
	return r;
}

ssize_t disk_read(struct disk_io *io, int fd, void *data, size_t size,
		  int64_t offset)
{
	ssize_t n = store_read(fd, data, size, offset);
	if (n <= 0 || !io->armed)
		return n;
	int r = judge_reads(io, fd, data, offset, offset + n);
	return r < 0 ? r : n;
}

/* A transfer has arrived in the store. */
static int judge_write(struct disk_io *io)
{
	int64_t from = io->from;
	int64_t to = io->to;
	io->from = to;
	if (from == to)
		return 0;
	struct verdict verdict = judge(io, from, to);
	if (!verdict.harms)
		return 0;
	uint8_t before;
	ssize_t n = store_read(io->fd, &before, 1, verdict.at);
	if (n <= 0) /* behind the end */
		return (int)n;
	uint8_t after = harmed(&verdict, before);
	if (after == before)
		return 0;
	int r = store_write(io->fd, &after, 1, verdict.at);
	if (r == 0)
		log_harm(io, &verdict, before, after);
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
		if (offset != io->to ||
		    offset == page_of(io->from) + DISK_TRANSFER_MAX) {
			r = judge_write(io);
			io->from = offset;
			io->to = offset;
		}
		int64_t room = page_of(io->from) + DISK_TRANSFER_MAX - offset;
		size_t n = (int64_t)size < room ? size : (size_t)room;
		if (r == 0)
			r = store_write(fd, rest, n, offset);
		if (r < 0)
			break;
		io->fd = fd;
		io->to += (int64_t)n;
		offset += (int64_t)n;
		rest += n;
		size -= n;
	}
	return r;
}

int disk_end(struct disk_io *io)
{
	if (!io->armed)
		return 0;
	int r = io->direction == DISK_WRITE ? judge_write(io) : 0;
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
