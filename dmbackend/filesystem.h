/* SPDX-License-Identifier: MIT */
/*
 * The file systems that a device can be given, and how each is made and mounted
 * so that only syncs reach the disk. A table; nothing is done here.
 */
#ifndef FLAKEY_DMBACKEND_FILESYSTEM_H
#define FLAKEY_DMBACKEND_FILESYSTEM_H

#include <stddef.h>
#include <stdint.h>

struct errmsg;

/* More words in --mkfs-options are refused. */
#define FILESYSTEM_WORDS_MAX 64
#define FILESYSTEM_OPTIONS_MAX 4096

struct filesystem {
	const char *name;	/* as mount(2) and libblkid call it */
	const char *mkfs;	/* the program */
	const char *package;	/* that has it, on Debian */
	const char *mkfs_words; /* always given, separated by blanks */
	/* Without these the kernel would commit every few seconds what nobody
	 * has synced, or refuse a copy beside its original. */
	const char *mount_options;
	uint64_t min_bytes; /* smaller ones mkfs refuses */
};

/* NULL if there is no such one. */
const struct filesystem *filesystem_find(const char *name);
/* The same with a sentence. */
const struct filesystem *filesystem_require(const char *name,
					    struct errmsg *reterr_why);

/* The command that makes one on device. The words point into room. options
 * (NULL: none) are cut at blanks. 0 or -E2BIG with a sentence. */
struct filesystem_command {
	char room[FILESYSTEM_OPTIONS_MAX];
	const char *words[FILESYSTEM_WORDS_MAX + 1];
	size_t count;
};
int filesystem_mkfs(const struct filesystem *filesystem, const char *options,
		    const char *device, struct filesystem_command *ret_command,
		    struct errmsg *reterr_why);

/* The options to mount with: ours, then the user's, which win. 0 or -E2BIG. */
int filesystem_mount_options(const struct filesystem *filesystem,
			     const char *options,
			     char ret_options[static FILESYSTEM_OPTIONS_MAX],
			     struct errmsg *reterr_why);

#endif
