/* SPDX-License-Identifier: MIT */
#include "tests/random/act.h"

#include <linux/falloc.h>
#include <stdio.h>

static const char *const words[ACT_KINDS] = {
	[ACT_READ] = "read",
	[ACT_WRITE] = "write",
	[ACT_APPEND] = "append",
	[ACT_DIRECT] = "direct write",
	[ACT_DSYNC] = "O_DSYNC write",
	[ACT_SYNC] = "O_SYNC write",
	[ACT_TRUNCATE] = "truncate",
	[ACT_SPACE] = "fallocate",
	[ACT_COPY] = "copy",
	[ACT_SEEK] = "seek",
	[ACT_MAP_LOAD] = "mapped load",
	[ACT_MAP_STORE] = "mapped store",
	[ACT_MAP_SYNC] = "msync",
	[ACT_FSYNC] = "fsync",
	[ACT_FDATASYNC] = "fdatasync",
	[ACT_FSYNC_DIRECTORY] = "fsync of directory",
	[ACT_SYNC_ALL] = "sync",
	[ACT_REOPEN] = "close and open",
	[ACT_REOPEN_EMPTY] = "close and open with O_TRUNC",
	[ACT_CREATE] = "create",
	[ACT_UNLINK] = "unlink",
	[ACT_CLOSE] = "last close",
	[ACT_RENAME] = "rename",
	[ACT_CRASH] = "crash",
};

const char *act_describe(const struct act *act, char *buffer, size_t size)
{
	size_t used = 0;

	used += (size_t)snprintf(buffer, size, "%lu: %s", act->number,
				 words[act->kind]);
	if (act->file >= 0)
		used += (size_t)snprintf(buffer + used, size - used, " file %d",
					 act->file);
	if (act->name >= 0)
		used += (size_t)snprintf(buffer + used, size - used, " f%d",
					 act->name);
	if (act->kind == ACT_FSYNC_DIRECTORY)
		used += (size_t)snprintf(buffer + used, size - used, " %d",
					 act->directory);
	if (act->kind == ACT_RENAME)
		used += (size_t)snprintf(buffer + used, size - used,
					 " to f%d (file %d)", act->name2,
					 act->file2);
	if (act->kind == ACT_TRUNCATE)
		used += (size_t)snprintf(buffer + used, size - used, " to %lld",
					 (long long)act->offset);
	else if (act->length > 0)
		used += (size_t)snprintf(buffer + used, size - used,
					 " %lld+%lld", (long long)act->offset,
					 (long long)act->length);
	if (act->kind == ACT_SPACE)
		used += (size_t)snprintf(
			buffer + used, size - used, "%s%s%s%s%s",
			act->mode & FALLOC_FL_PUNCH_HOLE ? " punch" : "",
			act->mode & FALLOC_FL_ZERO_RANGE ? " zero" : "",
			act->mode & FALLOC_FL_COLLAPSE_RANGE ? " collapse" : "",
			act->mode & FALLOC_FL_INSERT_RANGE ? " insert" : "",
			act->mode & FALLOC_FL_KEEP_SIZE ? " keep-size" : "");
	if (act->kind == ACT_COPY)
		(void)snprintf(buffer + used, size - used,
			       " from file %d at %lld", act->file2,
			       (long long)act->offset2);
	return buffer;
}

bool act_touches(const struct act *act, int file, int64_t from, int64_t to)
{
	switch (act->kind) {
	case ACT_READ:
	case ACT_SEEK:
	case ACT_MAP_LOAD:
		return false;
	case ACT_CRASH:
	case ACT_SYNC_ALL:
	case ACT_FSYNC_DIRECTORY:
		return true;
	case ACT_RENAME:
	case ACT_FSYNC:
	case ACT_FDATASYNC:
	case ACT_MAP_SYNC:
		return true; /* commits of others may take records along */
	case ACT_WRITE:
	case ACT_APPEND:
	case ACT_DIRECT:
	case ACT_DSYNC:
	case ACT_SYNC:
	case ACT_COPY:
	case ACT_MAP_STORE:
		/* From its page on: it may have grown the file. */
		return act->file == file && act->offset < to &&
		       act->offset + act->length > from;
	case ACT_SPACE:
		return act->file == file && act->offset < to &&
		       (act->mode & (FALLOC_FL_COLLAPSE_RANGE |
				     FALLOC_FL_INSERT_RANGE) ||
			act->offset + act->length > from);
	case ACT_TRUNCATE:
		return act->file == file && act->offset < to;
	default:
		return act->file == file;
	}
}

uint8_t act_byte(unsigned long number, int64_t offset)
{
	return (uint8_t)(1 + (number * 37 + (unsigned long)offset * 11 +
			      ((unsigned long)offset >> 8)) %
				     255);
}
