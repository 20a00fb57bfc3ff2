/* SPDX-License-Identifier: MIT */
/*
 * A volume: the live image of one mount, which is the store plus the journal.
 *
 * Locks, outermost first; a thread takes them in this order only:
 *	gate		every request holds it for reading while it runs, a
 *			crash for writing: nothing runs while the past is lost
 *	commit_lock	one commit at a time takes records from the journal
 *	lock		the namespace: dentries, the inode table, what inode.h
 *			lists under it
 *	inode->lock	attributes, extents and xattrs of one file
 *	times_lock, the journal's, the scratch's and the fd cache's own locks:
 *			innermost, held for moments
 */
#ifndef FLAKEY_FUSEFS_VOLUME_H
#define FLAKEY_FUSEFS_VOLUME_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/list.h"
#include "common/mode.h"
#include "fusefs/disk.h"
#include "fusefs/extents.h"
#include "fusefs/journal.h"
#include "fusefs/recall.h"

struct dentry;
struct errmsg;
struct event_log;
struct faults;
struct inode;
struct logtree;
struct profile;
struct rules;
struct scratch;
struct store;

struct volume_config {
	const char *source;
	const char *scratch_directory;
	const char *profile;
	uint64_t scratch_limit_bytes;
	size_t memory_chunks; /* of the scratch file, see there */
	bool store_sync;
};

struct volume {
	pthread_rwlock_t gate;
	pthread_mutex_t commit_lock;
	pthread_mutex_t lock;
	pthread_mutex_t times_lock; /* guards times* and dirty */

	const struct profile *profile;
	struct store *store;
	struct scratch *scratch;
	/* Of fault rules; borrowed, constant once requests come, or NULL. */
	struct rules *rules;
	struct faults *faults;
	struct event_log *events;
	struct journal journal;
	struct inode *root;
	struct logtree *logtree; /* lock; NULL: the profile has none */

	/* Hash tables of all inodes, by their number in the store if they have
	 * one, and of dentries. */
	struct inode **inodes;
	size_t inode_slots;
	uint64_t inode_count;
	struct dentry **dentries;
	size_t dentry_slots;
	uint64_t dentry_count;
	uint64_t next_number;
	struct recall recall; /* lock */

	struct list reap;	   /* inodes about to be freed; lock */
	struct list limbo;	   /* struct limbo; lock */
	bool unfinished;	   /* surface.h left something; lock */
	struct list times;	   /* inodes whose times are not durable */
	int64_t times_since_ns;	   /* when the first came; times_lock */
	struct list times_dropped; /* and those whose never will be */
	struct list dirty;	   /* inodes with extents */
	struct list ordered;	   /* inodes with ordered bytes; times_lock */
	struct list open;	   /* inodes with open handles; lock */
	uint64_t open_count;	   /* how many; lock */
	struct extents_totals totals;

	pthread_mutex_t mode_lock; /* guards mode and mode_since_ms */
	struct mode mode;
	int64_t mode_since_ms;	  /* CLOCK_MONOTONIC */
	enum mode_kind mode_seen; /* the last one that was logged */

	struct disk disk;

	/* Access lists: the store has them, and the kernel enforces them.
	 * Constant once requests come. */
	bool has_lists;

	/* A crash keeps records by choice (salvage.h): one may give a name to
	 * what has none any more; lock. */
	bool salvaging;
	/* With a profile that logs: the newest change when the log was last made
	 * durable; commit_lock. */
	uint64_t logged_seq;

	_Atomic uint64_t incarnation; /* changes only with the gate closed */
	/* A failed commit of names aborts until a crash (abort.h). */
	_Atomic bool read_only;	       /* it did */
	_Atomic bool shut_down;	       /* and nothing can be read */
	_Atomic bool shut_down_untold; /* which the kernel's caches belie */
	/* Whether the disk takes bytes of a file: asked before each write to
	 * the store with the commit lock held, in whole sectors. 0, or the
	 * negative errno of all bytes in [from, *ret_to), which is at most to.
	 * NULL: it takes everything. Changes with the gate closed. */
	int (*bad_blocks)(void *user, struct inode *inode, int64_t from,
			  int64_t to, int64_t *ret_to);
	void *bad_blocks_user;
	/* While a crash still has the kernel's caches to invalidate. */
	_Atomic bool invalidating;
	/* While a crash stores what survives it: no program asks for that, and
	 * so no rule acts on it. Changes with the gate closed. */
	_Atomic bool rescuing;
	/* While a snapshot reads the scratch file: nothing is overwritten there.
	 * It begins with the gate closed. */
	_Atomic bool copying;
	_Atomic uint32_t syncs_of_all; /* and one, so that 0 is before all */
	_Atomic uint64_t commits;
	_Atomic uint64_t lost_commits;
	_Atomic uint64_t requests;
};

/* Opens the store and the scratch file. events is borrowed. */
int volume_open(const struct volume_config *config, struct event_log *events,
		struct volume **ret_volume, struct errmsg *reterr_why);
/* Forgets everything that was not committed. Takes NULL. */
void volume_close(struct volume *volume);

/* What the disk does right now; logs when a --for or --cycle took effect. */
enum mode_kind volume_mode(struct volume *volume);
void volume_set_mode(struct volume *volume, const struct mode *mode);
void volume_get_mode(struct volume *volume, struct mode *ret_mode,
		     int64_t *ret_elapsed_ms);

#endif
