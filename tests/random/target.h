/* SPDX-License-Identifier: MIT */
/*
 * What a random test is done to: a table of functions over files that are known
 * by a small number. All return 0 or a count, or a negative errno. A file is
 * "open" from target_open() on until target_close() or a crash.
 */
#ifndef FLAKEY_TESTS_RANDOM_TARGET_H
#define FLAKEY_TESTS_RANDOM_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/random/act.h"

struct target;

struct target_table {
	int (*open)(struct target *target, int file, const char *name,
		    int flags);
	void (*close)(struct target *target, int file);
	ssize_t (*read)(struct target *target, int file, void *buffer,
			size_t size, int64_t offset);
	/* how: ACT_WRITE, _APPEND, _DIRECT, _DSYNC or _SYNC */
	int (*write)(struct target *target, int file, enum act_kind how,
		     const void *data, size_t size, int64_t offset);
	int (*truncate)(struct target *target, int file, int64_t size);
	int (*space)(struct target *target, int file, int mode, int64_t offset,
		     int64_t length);
	int (*copy)(struct target *target, const struct act *act);
	int64_t (*seek)(struct target *target, int file, int64_t offset,
			bool hole);
	int (*sync)(struct target *target, int file, bool datasync);
	/* 0: the root; 1: 'd' in it, which is always there */
	int (*sync_directory)(struct target *target, int directory);
	int (*sync_all)(struct target *target);
	int (*rename)(struct target *target, const char *from, const char *to);
	int (*unlink)(struct target *target, const char *name);
	/* Also closes all. */
	int (*crash)(struct target *target);
	/* What is left to do when others have asked for it. */
	int (*come_back)(struct target *target);
	int64_t (*size)(struct target *target, int file);
	/* NULL where there is no such thing. The bytes stay mapped. */
	uint8_t *(*map)(struct target *target, int file);
	int (*map_sync)(struct target *target, int file);
	void (*stop)(struct target *target);
};

/* The first member of each kind of target. */
struct target {
	const struct target_table *table;
	const char *store; /* directory */
	bool moves;	   /* collapses and inserts */
	/* A write arrives as whole pages, and a sync after it as one of all. */
	bool by_pages;
};

/* A volume over a new directory, without FUSE. NULL: said why. */
struct target *target_volume_start(const char *profile);
/* The mount that tests/harness/on-mount made. below: a directory in its root to
 * stay in, with the other one in it, for one of many; NULL: all of it. NULL:
 * said why. */
struct target *target_mount_start(const char *cache, const char *below);

#endif
