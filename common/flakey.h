/* SPDX-License-Identifier: MIT */
/*
 * libflakey: a directory that can lose power, for test programs in C and C++.
 *
 *	struct flakey_config config = FLAKEY_CONFIG_INIT;
 *	struct flakey *disk;
 *	char why[FLAKEY_ERROR_MAX];
 *
 *	config.source = "store";
 *	config.mountpoint = "mnt";
 *	if (flakey_start(&config, &disk, why, sizeof(why)) < 0)
 *		errx(1, "%s", why);
 *	... let the program under test write below "mnt" ...
 *	flakey_crash(disk, NULL, NULL);
 *	... open its files again: what is missing, it had not synced ...
 *	flakey_stop(disk);
 *	flakey_free(disk);
 *
 * Results: 0 for success, or a negative errno; flakey_error() then has one
 * sentence with the cause and the remedy. The library prints nothing.
 *
 * Threads: each handle has a mutex inside, so any function may be called from
 * any thread. Calls on one handle wait for each other; calls on different
 * handles of one mount do not. Only flakey_free() must be the last call, and
 * the text of flakey_error() is that of the newest failure of any thread.
 *
 * Structures begin with their size, which the _INIT macros set, so that later
 * versions can add members at the end. Strings are borrowed for the call only.
 * Times are in milliseconds, sizes in bytes.
 *
 * A handle keeps no file of the mount open. A process that still has a file or
 * its working directory there makes flakey_stop() fail with -EBUSY.
 */
#ifndef FLAKEY_H
#define FLAKEY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FLAKEY_API __attribute__((visibility("default")))
#else
#define FLAKEY_API
#endif

/* Room for the longest sentence with its NUL. */
#define FLAKEY_ERROR_MAX 512

/* A mount and the way to it. Opaque. */
struct flakey;

/* For flakey_config.flags. */
#define FLAKEY_ALLOW_OTHER 1u /* let other users in */
#define FLAKEY_STORE_SYNC 2u  /* wait for the store's own disk, too */
#define FLAKEY_FORMAT 4u      /* dm: lose what the source holds */

struct flakey_config {
	size_t size; /* of this structure, by FLAKEY_CONFIG_INIT */
	/* The directory that holds what survives. Must exist. */
	const char *source;
	/* The directory that programs use. Must exist. */
	const char *mountpoint;
	/* All from here on may be NULL or 0: the default. */
	const char *profile;	      /* "ext4" */
	const char *cache;	      /* "through", "back" or "none" */
	const char *scratch;	      /* a directory for unsynced data */
	uint64_t scratch_limit_bytes; /* 0: none but the disk's */
	const char *control;	      /* name of the control directory */
	unsigned int flags;	      /* FLAKEY_ALLOW_OTHER | ... */
	/* The `flakey` program; else $FLAKEY_COMMAND, else where it was
	 * installed, else by $PATH. */
	const char *command;
	/* Of all chance in fault rules; 0: one is chosen. */
	uint64_t seed;
	/* Where the fault rules are served over HTTP: "127.0.0.1:22381". */
	const char *http;
	/* "fuse", a simulated disk, or "dm", a real one with a file system of
	 * the kernel, which needs root; NULL: $FLAKEY_BACKEND, else "fuse". On
	 * dm, source may also be an image (made if missing), a block device, or
	 * "new" for a disk that ends with the mount. */
	const char *backend;
	/* The rest is for dm only. */
	const char *fstype;	   /* what is there, else "ext4" */
	const char *mkfs_options;  /* more words for mkfs */
	const char *mount_options; /* "noatime,..." */
	const char *device_name;   /* below /dev/mapper */
	uint64_t disk_bytes;	   /* of a new image; 0: 1 GiB */
	/* And these for fuse only: commits without a sync, as a kernel does
	 * them after 5 s, and writes data, as it does after 30 s; multiples of
	 * 100, 0: never. */
	uint64_t commit_interval_ms;
	uint64_t writeback_after_ms;
};

#define FLAKEY_CONFIG_INIT                                                     \
	{                                                                      \
		sizeof(struct flakey_config), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
			0, 0, 0, 0, 0, 0, 0, 0                                 \
	}

/* How long a mode lasts. */
struct flakey_mode_options {
	size_t size; /* of this structure, by FLAKEY_MODE_OPTIONS_INIT */
	/* Back to allow-writes after so long; 0: until the next switch. A
	 * multiple of 100, as are the others. */
	int64_t for_ms;
	/* Alternate: up_ms of allow-writes, then down_ms of the mode. Both or
	 * neither. */
	int64_t up_ms;
	int64_t down_ms;
	/* Of the random modes: all chance follows from it. 0: one is chosen, and
	 * is a part of flakey_info.mode. */
	uint64_t seed;
};

#define FLAKEY_MODE_OPTIONS_INIT                                               \
	{                                                                      \
		sizeof(struct flakey_mode_options), 0, 0, 0, 0                 \
	}

/* Which transfers a mode that corrupts has to do with. */
enum flakey_direction {
	FLAKEY_READS = 0, /* from the disk: what is stored stays right */
	FLAKEY_WRITES = 1 /* to the disk: what is stored stays wrong */
};

/* A chance in flakey_random_..._corrupt() is so many times of this. */
#define FLAKEY_PROBABILITY_ALWAYS 1000000000u

/* What survives of all that no sync has paid for. */
enum flakey_keep {
	FLAKEY_KEEP_NONE = 0, /* nothing: power fails */
	FLAKEY_KEEP_ALL = 1,  /* everything: only the programs die */
	FLAKEY_KEEP_SHARE = 2 /* by chance, about keep_percent of it */
};

/* How the survivors of FLAKEY_KEEP_SHARE are chosen; always so that the profile
 * allows it. */
enum flakey_order {
	FLAKEY_ORDER_PREFIX = 0, /* what came first */
	FLAKEY_ORDER_ANY = 1	 /* each by itself */
};

/* Where a run of unsynced bytes may be cut. */
enum flakey_torn {
	FLAKEY_TORN_NONE = 0,
	FLAKEY_TORN_SECTOR = 1, /* at multiples of 512 bytes */
	FLAKEY_TORN_PAGE = 2	/* at multiples of 4096 */
};

/* What a place reads as that a file got and whose bytes did not arrive. */
enum flakey_fill {
	FLAKEY_FILL_OLD = 0, /* the file did not get it either */
	FLAKEY_FILL_ZERO = 1,
	FLAKEY_FILL_GARBAGE = 2 /* only where the profile may show that */
};

struct flakey_plan {
	size_t size; /* of this structure, by FLAKEY_PLAN_INIT */
	enum flakey_keep keep;
	int digest; /* not 0: the report gets one; reads all that is stored */
	double keep_percent; /* of FLAKEY_KEEP_SHARE: 0 to 100 */
	enum flakey_order order;
	enum flakey_torn torn;
	enum flakey_fill fill;
	int kill;      /* not 0: SIGKILL to whoever has the mount open */
	uint64_t seed; /* of all chance; 0: one is made up and reported */
};

#define FLAKEY_PLAN_INIT                                                       \
	{                                                                      \
		sizeof(struct flakey_plan), FLAKEY_KEEP_NONE, 0, 0,            \
			FLAKEY_ORDER_PREFIX, FLAKEY_TORN_NONE,                 \
			FLAKEY_FILL_OLD, 0, 0                                  \
	}

/* What a crash did, or would have done. */
struct flakey_report {
	size_t size;	       /* of this structure, by FLAKEY_REPORT_INIT */
	uint64_t incarnation;  /* of the new image; 1 before the first crash */
	uint64_t lost_records; /* changes of names and attributes */
	uint64_t lost_bytes;
	uint64_t lost_files;
	uint64_t kept_records;
	uint64_t kept_bytes;
	uint64_t elapsed_us; /* microseconds that it took */
	uint64_t digest; /* of the tree that survived, if asked for; else 0 */
	uint64_t seed;	 /* of the chance in it, if there was any */
	uint64_t killed; /* processes */
	uint64_t frozen_us; /* for which the mount served nobody */
};

#define FLAKEY_REPORT_INIT                                                     \
	{                                                                      \
		sizeof(struct flakey_report), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0  \
	}

struct flakey_info {
	size_t size; /* of this structure, by FLAKEY_INFO_INIT */
	char backend[16];
	char profile[16];
	char state[16];	   /* "ok", "read-only" */
	char mode[160];	   /* as it was set: "drop-writes for=3.2s" */
	char mode_now[32]; /* what is in force: "drop-writes" */
	int64_t pid;	   /* of the server */
	uint64_t incarnation;
	uint64_t journal_records; /* changes that are not durable */
	uint64_t dirty_bytes;
	uint64_t dirty_files;
	uint64_t dropped_bytes; /* acknowledged while dropping, never stored */
	uint64_t dropped_records;
	uint64_t lost_commits; /* needed something that was dropped */
	uint64_t commits;
	uint64_t requests;
	uint64_t read_errors; /* of the modes, as are the next */
	uint64_t corruptions;
};

#define FLAKEY_INFO_INIT                                                       \
	{                                                                      \
		sizeof(struct flakey_info), "", "", "", "", "", 0, 0, 0, 0, 0, \
			0, 0, 0, 0, 0, 0, 0                                    \
	}

/* One thing that a crash now would lose. Valid during the call-back only. */
struct flakey_loss {
	size_t size;	      /* of this structure, set by the library */
	const char *kind;     /* "data", "size", "entry", "attributes", ... */
	const char *path;     /* from the mount's root, begins with '/' */
	const char *path2;    /* the other name of a rename or link, or NULL */
	const char *what;     /* "created", "renamed", "written", ... */
	const char *remedy;   /* the sync that would save it, or NULL */
	int64_t offset_bytes; /* -1: no range */
	int64_t length_bytes;
	int64_t since_ns; /* CLOCK_REALTIME of the oldest change */
	int dropped;	  /* synced, but while writes were dropped */
};

/* A fault rule as it is now. Valid during the call-back only. */
struct flakey_fault {
	size_t size;	   /* of this structure, set by the library */
	const char *name;  /* "fs/write{path=*.wal}" */
	const char *terms; /* "3*off->return(ENOSPC)" */
	uint64_t hits;	   /* operations that it selects */
	uint64_t fired;	   /* of which it did something to */
};

/* As flakey_loss_fn. */
typedef int flakey_fault_fn(void *user, const struct flakey_fault *fault);

/* Returns 0 to go on; anything else ends the list. It must not use the handle
 * that it was called for. */
typedef int flakey_loss_fn(void *user, const struct flakey_loss *loss);

/* Mounts config->source on config->mountpoint, in a server process of its own
 * that lives until flakey_stop(), even when this process dies. Works in a
 * program with threads. reterr_why (NULL: not wanted) gets the sentence of a
 * failure. -ENOENT: no flakey program, or a place that does not exist; -EIO:
 * refused, see the sentence. *ret_flakey belongs to the caller. */
FLAKEY_API int flakey_start(const struct flakey_config *config,
			    struct flakey **ret_flakey, char *reterr_why,
			    size_t reterr_size_bytes);

/* Gets a handle of a mount that exists; path is anything on it. -ENOTTY: not
 * on a flakey mount, -ENOTCONN: its server is dead. A mount with a control
 * directory of another name than ".flakey" takes control, else NULL. */
FLAKEY_API int flakey_attach(const char *path, const char *control,
			     struct flakey **ret_flakey, char *reterr_why,
			     size_t reterr_size_bytes);

/* Commits everything, unmounts, and returns when the store is complete. -EBUSY:
 * something uses the mount; then, as after every failure, it goes on. Stopping
 * what is no longer mounted is no error. The handle is good for flakey_error() and flakey_free() afterwards. */
FLAKEY_API int flakey_stop(struct flakey *flakey);

/* Forgets the handle, and leaves the mount as it is. Takes NULL. */
FLAKEY_API void flakey_free(struct flakey *flakey);

/* The sentence of the newest failure, "" if there was none. Valid until the
 * next call on the handle. */
FLAKEY_API const char *flakey_error(const struct flakey *flakey);

/* The path of the block device, "/dev/mapper/...", as long as the handle; NULL
 * on a backend without one, or after a failure. */
FLAKEY_API const char *flakey_device(struct flakey *flakey);

/* The absolute path of the mount. Valid as long as the handle. */
FLAKEY_API const char *flakey_mountpoint(const struct flakey *flakey);

/* Commits arrive again. What was acknowledged while dropping is not caught
 * up. */
FLAKEY_API int flakey_allow_writes(struct flakey *flakey);

/* Every call succeeds, and nothing arrives on the disk. options may be NULL.
 * -EINVAL: no multiple of 100 ms, or half a cycle. */
FLAKEY_API int flakey_drop_writes(struct flakey *flakey,
				  const struct flakey_mode_options *options);

/* Syncs fail with EIO, and nothing arrives. options as above. */
FLAKEY_API int flakey_error_writes(struct flakey *flakey,
				   const struct flakey_mode_options *options);

/* What has to be read from the disk fails with EIO: data that is neither
 * unsynced nor in the page cache (flakey_evict()), and directories that nobody
 * has looked into. Commits arrive, also with those below. options as above. */
FLAKEY_API int flakey_error_reads(struct flakey *flakey,
				  const struct flakey_mode_options *options);

/* Byte nth, from 1, of each transfer becomes value. flags are 0: bits of the
 * kernel's block layer have no meaning for a backend without one (-EINVAL). */
FLAKEY_API int
flakey_corrupt_bio_byte(struct flakey *flakey, uint32_t nth,
			enum flakey_direction direction, uint8_t value,
			uint32_t flags,
			const struct flakey_mode_options *options);

/* One byte of a transfer becomes another one, with the chance probability of
 * FLAKEY_PROBABILITY_ALWAYS. */
FLAKEY_API int
flakey_random_read_corrupt(struct flakey *flakey, uint32_t probability,
			   const struct flakey_mode_options *options);
FLAKEY_API int
flakey_random_write_corrupt(struct flakey *flakey, uint32_t probability,
			    const struct flakey_mode_options *options);

/* Power fails and comes back: returns when everybody sees what survived. plan
 * may be NULL (FLAKEY_KEEP_NONE), and so may ret_report. Files that were open
 * answer EIO from now on. dm: -EBUSY if there are any, unless the plan kills
 * whoever has them; the report has no counts. */
FLAKEY_API int flakey_crash(struct flakey *flakey,
			    const struct flakey_plan *plan,
			    struct flakey_report *ret_report);

/* Writes what such a crash would leave at this moment into directory, which is
 * new or empty, and not inside the mount or its store. Programs go on meanwhile.
 * Returns when the image is complete; elapsed_us of the report says how long that
 * took. plan (whose kill must be 0) and ret_report as above. */
FLAKEY_API int flakey_snapshot(struct flakey *flakey, const char *directory,
			       const struct flakey_plan *plan,
			       struct flakey_report *ret_report);

/* Commits everything, as sync(2) does on a disk (sync(2) itself never reaches
 * this one). Errors are those of the store: -ENOSPC, -EIO, ... */
FLAKEY_API int flakey_sync(struct flakey *flakey);

/* Drops clean cached pages: programs then see what the disk has. */
FLAKEY_API int flakey_evict(struct flakey *flakey);

/* Fault rules, as docs/fault-rules.md has them: one a line or separated by ';'.
 * All of them come into force, or with -EINVAL none; the sentence begins with
 * "offset N: ", of several rules with "rule M, offset N: ". add puts them to those
 * that there are, and replaces those of the same name; set makes them all that
 * there are; remove takes names (-ENOENT). */
FLAKEY_API int flakey_fault_add(struct flakey *flakey, const char *rules);
FLAKEY_API int flakey_fault_set(struct flakey *flakey, const char *rules);
FLAKEY_API int flakey_fault_remove(struct flakey *flakey, const char *names);
FLAKEY_API int flakey_fault_clear(struct flakey *flakey);

/* Calls each (NULL: none) for the rules in their order. Returns how many there
 * are. */
FLAKEY_API int flakey_fault_list(struct flakey *flakey, flakey_fault_fn *each,
				 void *user);

/* Returns when the rule has fired so often, and in ret_fired (NULL: not wanted)
 * how often it has. -ETIMEDOUT: it did not, within timeout_ms, at most an hour;
 * -ENOENT: there is no such rule, or it was removed. Other calls on the handle do
 * not wait for this one. */
FLAKEY_API int flakey_fault_wait(struct flakey *flakey, const char *name,
				 uint64_t fired, int64_t timeout_ms,
				 uint64_t *ret_fired);

FLAKEY_API int flakey_status(struct flakey *flakey,
			     struct flakey_info *ret_info);

/* Calls each for everything that a crash now would lose. Returns how many there
 * are (INT_MAX at most), or a negative errno. each may be NULL, to count. */
FLAKEY_API int flakey_unsynced(struct flakey *flakey, flakey_loss_fn *each,
			       void *user);

#ifdef __cplusplus
}
#endif

#endif
