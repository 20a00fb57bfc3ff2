/* SPDX-License-Identifier: MIT */
#include "dmbackend/filesystem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/errmsg.h"

#define BLANKS " \t\n"
#define MIB ((uint64_t)1 << 20)

static const struct filesystem filesystems[] = {
	{
		.name = "ext4",
		.mkfs = "mkfs.ext4",
		.package = "e2fsprogs",
		/* Or the kernel goes on making it after the mount. */
		.mkfs_words = "-q -F -E lazy_itable_init=0,lazy_journal_init=0",
		.mount_options = "commit=1000",
		.min_bytes = 16 * MIB,
	},
	{
		.name = "xfs",
		.mkfs = "mkfs.xfs",
		.package = "xfsprogs",
		.mkfs_words = "-q -f",
		.mount_options = "nouuid",
		.min_bytes = 300 * MIB,
	},
	{
		.name = "btrfs",
		.mkfs = "mkfs.btrfs",
		.package = "btrfs-progs",
		.mkfs_words = "-q -f",
		.mount_options = "commit=1000",
		.min_bytes = 128 * MIB,
	},
};

#define FILESYSTEM_COUNT (sizeof(filesystems) / sizeof(filesystems[0]))

const struct filesystem *filesystem_find(const char *name)
{
	for (size_t i = 0; i < FILESYSTEM_COUNT; i++)
		if (strcmp(filesystems[i].name, name) == 0)
			return &filesystems[i];
	return NULL;
}

const struct filesystem *filesystem_require(const char *name,
					    struct errmsg *reterr_why)
{
	const struct filesystem *found = filesystem_find(name);

	if (!found)
		errmsg_set(reterr_why,
			   "'%.40s' is no file system of the dm backend: use "
			   "ext4, xfs or btrfs",
			   name);
	return found;
}

/* Cuts words up and adds them; false: too many, or too long. */
static int add_words(struct filesystem_command *command, size_t *used,
		     const char *words)
{
	size_t size = strlen(words) + 1;
	char *cursor = command->room + *used;
	char *word;

	if (size > sizeof(command->room) - *used)
		return -E2BIG;
	memcpy(cursor, words, size);
	*used += size;
	while ((word = strsep(&cursor, BLANKS))) {
		if (!*word)
			continue;
		if (command->count == FILESYSTEM_WORDS_MAX)
			return -E2BIG;
		command->words[command->count++] = word;
	}
	return 0;
}

int filesystem_mkfs(const struct filesystem *filesystem, const char *options,
		    const char *device, struct filesystem_command *ret_command,
		    struct errmsg *reterr_why)
{
	size_t used = 0;
	int r;

	ret_command->count = 0;
	r = add_words(ret_command, &used, filesystem->mkfs);
	if (r == 0)
		r = add_words(ret_command, &used, filesystem->mkfs_words);
	if (r == 0)
		r = add_words(ret_command, &used, options ? options : "");
	if (r == 0 && ret_command->count == FILESYSTEM_WORDS_MAX)
		r = -E2BIG;
	if (r < 0) {
		errmsg_set(reterr_why,
			   "--mkfs-options has more than %d words or %d bytes",
			   FILESYSTEM_WORDS_MAX, FILESYSTEM_OPTIONS_MAX);
		return r;
	}
	/* Whole: a name may have blanks. */
	ret_command->words[ret_command->count++] = device;
	ret_command->words[ret_command->count] = NULL;
	return 0;
}

int filesystem_mount_options(const struct filesystem *filesystem,
			     const char *options,
			     char ret_options[static FILESYSTEM_OPTIONS_MAX],
			     struct errmsg *reterr_why)
{
	int n = snprintf(ret_options, FILESYSTEM_OPTIONS_MAX, "%s%s%s",
			 filesystem->mount_options,
			 options && *options ? "," : "",
			 options ? options : "");

	if (n < FILESYSTEM_OPTIONS_MAX)
		return 0;
	errmsg_set(reterr_why, "the mount options have more than %d bytes",
		   FILESYSTEM_OPTIONS_MAX);
	return -E2BIG;
}
