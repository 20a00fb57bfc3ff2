/* SPDX-License-Identifier: MIT */
#include "fusefs/profile.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct profile {
	const char *name;
	struct profile_choice (*choose)(const struct profile_sync *sync);
	bool pushes_on_replace;
	bool writes_tail;
	bool exchange_keeps_files;
	bool grows_in_block;
	bool direct_is_durable;
	bool orders_zeroed_blocks;
	bool pushes_before_punching;
	bool pushes_before_zeroing;
	bool is_partial;
	bool logs;
	bool copies_on_write;
	enum profile_close pushes_on_close;
	int not_empty_error;
	int block_bytes;
	struct profile_survival survival;
	const struct profile_failure *failure;
};

/*
 * One running transaction holds all changes since the last commit, and a commit
 * takes it whole. fsync commits it if the inode joined it; fdatasync only if its
 * size or blocks did, which writing out data to new blocks makes true; fsync of
 * anything but a regular file always does.
 */
static struct profile_choice choose_ext4(const struct profile_sync *sync)
{
	if (sync->directory)
		return (struct profile_choice){.all_names = true};
	bool joined = sync->datasync ? sync->size_changed : sync->changed;
	return (struct profile_choice){
		.own_data = true,
		.all_names = joined || sync->data_allocates,
	};
}

/*
 * Data goes through the journal, too, so whatever is committed takes the data of
 * all files along, and fsync does not ask whether there is anything of its own:
 * ext4_sync_file() forces a commit.
 */
static struct profile_choice
choose_ext4_journalled(const struct profile_sync *sync)
{
	(void)sync;
	return (struct profile_choice){.all_names = true, .all_data = true};
}

/*
 * The log is forced up to the newest change of the inode, and that takes all
 * before it. fdatasync looks at what was logged of the inode since it was last
 * forced by a sync of its own, whatever was committed meanwhile: only if that is
 * nothing but times does it leave the log alone. A directory has no more to
 * write than its log.
 */
static struct profile_choice choose_xfs(const struct profile_sync *sync)
{
	if (sync->directory)
		return (struct profile_choice){.all_names = sync->changed};
	bool logged = sync->changed && (!sync->datasync || sync->status_owed);
	return (struct profile_choice){
		.own_data = true,
		.all_names = logged || sync->data_allocates || sync->data_grows,
	};
}

/*
 * What POSIX promises and no more: a directory's fsync takes its entries, a file's
 * its own content. Which of the file's attributes go along is decided where the
 * records are (partial.c).
 */
static struct profile_choice choose_posix(const struct profile_sync *sync)
{
	return (struct profile_choice){.own_data = !sync->directory};
}

/* Recorded on real file systems: tests/failed. */
static const struct profile_failure ext4_failure = {
	.abort = PROFILE_ABORT_READ_ONLY,
	.maps_failed = true,
	.flushes = true,
	.fails_direct = true,
	.keeps_status = true,
	.keeps_pages = true,
};
static const struct profile_failure ext4_journalled_failure = {
	.abort = PROFILE_ABORT_READ_ONLY,
	.tells_first = true,
	.tells_later = true,
	.keeps_status = true,
};
static const struct profile_failure xfs_failure = {
	.abort = PROFILE_ABORT_SHUT_DOWN,
	.flushes = true,
	.fails_direct = true,
};
static const struct profile_failure btrfs_failure = {
	.pages = PROFILE_PAGES_REVERTED,
	.abort = PROFILE_ABORT_READ_ONLY,
	.all_or_nothing = true,
	.tells_first = true,
	.fails_direct = true,
};
/* No file system's. */
static const struct profile_failure posix_failure = {
	.abort = PROFILE_ABORT_STRICT,
};

/*
 * A commit that the log cannot replace takes the whole transaction. What the log
 * takes is decided where it is (logtree.h).
 */
static struct profile_choice choose_btrfs(const struct profile_sync *sync)
{
	return (struct profile_choice){
		.own_data = !sync->directory,
		.all_names = true,
	};
}

/*
 * The tables of crash results (tests/litmus) come from a file system of the size
 * to which mke2fs gives blocks of 1 KiB, and hold for those; with blocks of 4
 * KiB more appends stay inside an allocated block. Both were measured.
 */
static const struct profile profiles[] = {
	{
		.name = "ext4",
		.choose = choose_ext4,
		.pushes_on_replace = true,
		.pushes_on_close = PROFILE_CLOSE_AFTER_EMPTYING,
		.grows_in_block = true,
		.direct_is_durable = true,
		.orders_zeroed_blocks = true,
		.pushes_before_punching = true,
		.not_empty_error = -ENOTEMPTY,
		.block_bytes = 1024,
		.survival = {.ordered = true,
			     .new_waits = true,
			     .new_needs_old = true,
			     .size_alone = true,
			     .late_alone = true,
			     .old_unit_bytes = 512,
			     .new_unit_bytes = 1024},
		.failure = &ext4_failure,
	},
	{
		.name = "ext4,block=4096",
		.choose = choose_ext4,
		.pushes_on_replace = true,
		.pushes_on_close = PROFILE_CLOSE_AFTER_EMPTYING,
		.grows_in_block = true,
		.direct_is_durable = true,
		.orders_zeroed_blocks = true,
		.pushes_before_punching = true,
		.not_empty_error = -ENOTEMPTY,
		.block_bytes = 4096,
		.survival = {.ordered = true,
			     .new_waits = true,
			     .new_needs_old = true,
			     .size_alone = true,
			     .late_alone = true,
			     .old_unit_bytes = 512,
			     .new_unit_bytes = 4096},
		.failure = &ext4_failure,
	},
	{
		.name = "ext4,data=journal",
		.choose = choose_ext4_journalled,
		.not_empty_error = -ENOTEMPTY,
		.block_bytes = 1024,
		.survival = {.ordered = true, .one_piece = true},
		.failure = &ext4_journalled_failure,
	},
	{
		.name = "ext4,block=4096,data=journal",
		.choose = choose_ext4_journalled,
		.not_empty_error = -ENOTEMPTY,
		.block_bytes = 4096,
		.survival = {.ordered = true, .one_piece = true},
		.failure = &ext4_journalled_failure,
	},
	{
		.name = "xfs",
		.choose = choose_xfs,
		.pushes_on_close = PROFILE_CLOSE_AFTER_SHRINKING,
		.direct_is_durable = true,
		.pushes_before_punching = true,
		.pushes_before_zeroing = true,
		.writes_tail = true,
		.exchange_keeps_files = true,
		.not_empty_error = -EEXIST,
		.block_bytes = 4096,
		.survival = {.ordered = true,
			     .new_waits = true,
			     .old_unit_bytes = 512,
			     .new_unit_bytes = 4096},
		.failure = &xfs_failure,
	},
	{
		.name = "posix",
		.choose = choose_posix,
		.is_partial = true,
		.not_empty_error = -ENOTEMPTY,
		.block_bytes = 1024,
		.survival = {.size_alone = true,
			     .garbage = true,
			     .old_unit_bytes = 512,
			     .new_unit_bytes = 512},
		.failure = &posix_failure,
	},
	{
		.name = "btrfs",
		.choose = choose_btrfs,
		.is_partial = true,
		.logs = true,
		.copies_on_write = true,
		.pushes_on_replace = true,
		.pushes_on_close = PROFILE_CLOSE_AFTER_EMPTYING,
		.pushes_before_punching = true,
		.pushes_before_zeroing = true,
		.not_empty_error = -ENOTEMPTY,
		.block_bytes = 4096,
		.survival = {.ordered = true,
			     .old_waits = true,
			     .new_waits = true,
			     .data_prefix = true,
			     .old_unit_bytes = 4096,
			     .new_unit_bytes = 4096},
		.failure = &btrfs_failure,
	},
};

const struct profile *profile_find(const char *name)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (strcmp(profiles[i].name, name) == 0)
			return &profiles[i];
	return NULL;
}

const char *profile_names(void)
{
	return "'ext4', 'ext4,block=4096', 'ext4,data=journal',"
	       " 'ext4,block=4096,data=journal', 'xfs', 'btrfs', 'posix'";
}

const char *profile_name(const struct profile *profile)
{
	return profile->name;
}

struct profile_choice profile_choose(const struct profile *profile,
				     const struct profile_sync *sync)
{
	return profile->choose(sync);
}

const struct profile_survival *profile_survival(const struct profile *profile)
{
	return &profile->survival;
}

const struct profile_failure *profile_failure(const struct profile *profile)
{
	return profile->failure;
}

bool profile_is_partial(const struct profile *profile)
{
	return profile->is_partial;
}

bool profile_logs(const struct profile *profile)
{
	return profile->logs;
}

bool profile_copies_on_write(const struct profile *profile)
{
	return profile->copies_on_write;
}

bool profile_pushes_before_punching(const struct profile *profile)
{
	return profile->pushes_before_punching;
}

bool profile_pushes_before_zeroing(const struct profile *profile)
{
	return profile->pushes_before_zeroing;
}

bool profile_pushes_on_replace(const struct profile *profile)
{
	return profile->pushes_on_replace;
}

enum profile_close profile_pushes_on_close(const struct profile *profile)
{
	return profile->pushes_on_close;
}

bool profile_writes_tail(const struct profile *profile)
{
	return profile->writes_tail;
}

bool profile_exchange_changes_files(const struct profile *profile)
{
	return !profile->exchange_keeps_files;
}

int profile_not_empty_error(const struct profile *profile)
{
	return profile->not_empty_error;
}

bool profile_grows_in_block(const struct profile *profile)
{
	return profile->grows_in_block;
}

bool profile_direct_is_durable(const struct profile *profile)
{
	return profile->direct_is_durable;
}

bool profile_orders_zeroed_blocks(const struct profile *profile)
{
	return profile->orders_zeroed_blocks;
}

int profile_block_bytes(const struct profile *profile)
{
	return profile->block_bytes;
}
