/* SPDX-License-Identifier: MIT */
#include "fusefs/store_seen.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>

#define CAPACITY_MIN 256
#define SPREAD 0x9e3779b97f4a7c15

void store_seen_free(struct store_seen *table)
{
	free(table->slots);
	*table = (struct store_seen){0};
}

/* Where it is, or would be. There is room. */
static struct seen *slot_of(const struct store_seen *table, uint64_t device,
			    uint64_t ino)
{
	const struct seen *slots = table->slots;
	size_t at = (size_t)((ino * SPREAD) >> 32) & (table->capacity - 1);
	while (slots[at].ino != 0 &&
	       (slots[at].ino != ino || slots[at].device != device))
		at = (at + 1) & (table->capacity - 1);
	return &table->slots[at];
}

static int grow(struct store_seen *table)
{
	struct store_seen larger = {
		.capacity =
			table->capacity ? table->capacity * 2 : CAPACITY_MIN,
		.count = table->count,
	};
	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (larger.slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < table->capacity; i++) {
		const struct seen *seen = &table->slots[i];
		if (seen->ino != 0)
			*slot_of(&larger, seen->device, seen->ino) = *seen;
	}
	free(table->slots);
	*table = larger;
	return 0;
}

int store_seen_add(struct store_seen *table, const struct stat *st,
		   struct seen **ret_seen)
{
	int r = table->count >= table->capacity / 2 ? grow(table) : 0;
	if (r < 0)
		return r;
	struct seen *seen = slot_of(table, st->st_dev, st->st_ino);
	if (seen->ino == 0) {
		seen->ino = st->st_ino;
		seen->device = st->st_dev;
		table->count++;
	}
	*ret_seen = seen;
	return 0;
}

const struct seen *store_seen_find(const struct store_seen *table,
				   uint64_t device, uint64_t ino)
{
	if (table->capacity == 0)
		return NULL;
	const struct seen *seen = slot_of(table, device, ino);
	return seen->ino == 0 ? NULL : seen;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec ||
	       (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* A time without a fraction may be of a file system that keeps none. */
void store_seen_note(struct seen *seen, const struct stat *st,
		     const struct timespec *quiet, unsigned int pass)
{
	seen->changed = st->st_ctim;
	seen->pass = pass;
	seen->shows =
		st->st_ctim.tv_nsec != 0 && is_before(&st->st_ctim, quiet);
}

bool store_seen_is_same(const struct seen *seen, const struct stat *st)
{
	return seen->shows && seen->changed.tv_sec == st->st_ctim.tv_sec &&
	       seen->changed.tv_nsec == st->st_ctim.tv_nsec;
}

static bool is_one_of(int fd, bool stacked)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) < 0)
		return false;
	switch ((unsigned long)fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case TMPFS_MAGIC:
		return true;
	case OVERLAYFS_SUPER_MAGIC:
		return stacked;
	default:
		return false;
	}
}

bool store_seen_is_possible(int fd)
{
	return is_one_of(fd, true);
}

bool store_seen_by_entries(int fd)
{
	return is_one_of(fd, false);
}
