/* SPDX-License-Identifier: MIT */
/*
 * The rootless backend as the command sees it: serve one mount until it ends.
 */
#ifndef FLAKEY_FUSEFS_FUSEFS_H
#define FLAKEY_FUSEFS_FUSEFS_H

#include <stdbool.h>
#include <stdint.h>

struct errmsg;

enum fusefs_cache {
	FUSEFS_CACHE_THROUGH,
	FUSEFS_CACHE_BACK,
	FUSEFS_CACHE_NONE,
};

struct fusefs_config {
	const char *source;	/* the store: an existing directory */
	const char *mountpoint; /* an existing directory, not busy */
	const char *profile;	/* NULL: "ext4" */
	const char *scratch;	/* a directory; NULL: $TMPDIR, then /var/tmp */
	const char *control;	/* NULL: ".flakey"; "none": no control files */
	uint64_t scratch_limit_bytes; /* 0: no limit but the disk's */
	enum fusefs_cache cache;
	/* Of all chance in fault rules, or 0: one is chosen. */
	uint64_t seed;
	const char *faults; /* rules to begin with, or NULL */
	const char *http;   /* where they are served, or NULL */
	bool allow_other;
	/* Background commit (background.h); 0: none. */
	int64_t commit_interval_ms;
	int64_t writeback_after_ms;
	bool store_sync; /* wait for the store's own disk at each commit */
	bool debug;	 /* print every request to stderr */
};

struct fusefs;

/* Checks everything, takes the store's lock, and mounts. After 0 the mount
 * exists, but answers only after fusefs_start(). -errno with a sentence
 * otherwise, and then nothing is left behind. The strings of config are
 * copied. Must be called before the process starts threads. */
int fusefs_mount(const struct fusefs_config *config, struct fusefs **ret_fusefs,
		 struct errmsg *reterr_why);

/* Starts the threads that serve the mount, and learns what the kernel does. When
 * it returns 0 the mount works. */
int fusefs_start(struct fusefs *fusefs, struct errmsg *reterr_why);

/* Goes on until the mount goes away, or SIGTERM, SIGINT or SIGHUP arrives; then
 * commits everything, unmounts if needed and returns 0, or -errno with a
 * sentence if a part could not be stored. */
int fusefs_serve(struct fusefs *fusefs, struct errmsg *reterr_why);

/* Takes NULL. */
void fusefs_free(struct fusefs *fusefs);

#endif
