/* SPDX-License-Identifier: MIT */
/*
 * Profiles: whose rules say what a commit takes along. A profile is a row of
 * facts and pure decisions about them; it acts on nothing. docs/persistence.md
 * has the same table in words, with sources.
 */
#ifndef FLAKEY_FUSEFS_PROFILE_H
#define FLAKEY_FUSEFS_PROFILE_H

#include <stdbool.h>

struct profile;

/* What is known about a file or directory when a sync of it arrives. */
struct profile_sync {
	bool directory;
	bool datasync;	     /* fdatasync, O_DSYNC */
	bool changed;	     /* it has uncommitted changes of any kind */
	bool size_changed;   /* ... of its size or allocation */
	bool data_allocates; /* its unsynced data needs new blocks */
	bool data_grows;     /* ... or makes it longer than its records do */
	bool status_owed;    /* more than times changed since its last sync */
};

/* What the commit takes. */
struct profile_choice {
	bool own_data;
	bool all_names; /* every record of the journal so far, in order */
	bool all_data;	/* and the unsynced data of every file */
};

/* What a power failure may keep of that which no sync has paid for. */
struct profile_survival {
	/* Changes of names, attributes and sizes have one order for all: they
	 * survive up to some moment. Or else each by itself (survivors.h). */
	bool ordered;
	/* So does data, in the same order, of which is not known where a write
	 * stands in it: all survives, or nothing. */
	bool one_piece;
	/* Overwritten bytes, and bytes in new space, need every change before
	 * the newest one of their file. */
	bool old_waits;
	bool new_waits;
	/* New space survives only with all overwritten bytes of the file. */
	bool new_needs_old;
	/* Of a file's data only the beginning survives. */
	bool data_prefix;
	/* New space may be there without its bytes, as zeros, also at the end
	 * of the file. */
	bool size_alone;
	bool garbage; /* ... and as anything */
	/* The same of data that a rename or a close has pushed: the journal does
	 * not wait for it. */
	bool late_alone;
	/* No smaller piece is torn off overwritten bytes, and off new ones. */
	int old_unit_bytes;
	int new_unit_bytes;
};

/* What a write-back that fails leaves in the page cache. */
enum profile_pages {
	PROFILE_PAGES_KEPT,	/* the latest data, as clean pages */
	PROFILE_PAGES_REVERTED, /* dropped: what is stored is seen again */
};

/* What becomes of a file system whose journal cannot be written. */
enum profile_abort {
	PROFILE_ABORT_STRICT,	 /* each change and sync is refused: EROFS */
	PROFILE_ABORT_READ_ONLY, /* changes are refused: EROFS */
	PROFILE_ABORT_SHUT_DOWN, /* everything is: EIO */
};

/* What a failing disk means. docs/failed-syncs.md is this in words. */
struct profile_failure {
	enum profile_pages pages;
	enum profile_abort abort;
	/* Blocks and size of data that failed are stored all the same. */
	bool maps_failed;
	/* A failing block spoils all that is written with it. */
	bool all_or_nothing;
	/* An fsync of a file with nothing to write makes the disk flush. */
	bool flushes;
	/* An fsync that finds an error to tell writes nothing. */
	bool tells_first;
	/* What fails of a file is first in the journal, safe: the next fsync
	 * writes it to its place, and tells. */
	bool tells_later;
	/* An O_DIRECT write goes to the disk, and fails with it. */
	bool fails_direct;
	/* Once aborted, what changes in memory alone is not refused: modes and
	 * owners, and data written to pages. */
	bool keeps_status;
	bool keeps_pages;
};

/* NULL: no such profile. The result is static. */
const struct profile *profile_find(const char *name);
/* All of them in quotes, separated by ", ": for messages. */
const char *profile_names(void);
const char *profile_name(const struct profile *profile);

struct profile_choice profile_choose(const struct profile *profile,
				     const struct profile_sync *sync);

const struct profile_survival *profile_survival(const struct profile *profile);
const struct profile_failure *profile_failure(const struct profile *profile);

/* A commit takes only what its file or directory owns (partial.h), and what is
 * paid for before a name leads to it waits for that name (limbo.h). */
bool profile_is_partial(const struct profile *profile);
/* Of a profile that is partial: what a commit takes is what its log says
 * (logtree.h). */
bool profile_logs(const struct profile *profile);
/* No data is written in place: what is pushed, by itself or by O_DIRECT, is
 * durable with the next commit of names. */
bool profile_copies_on_write(const struct profile *profile);
/* A rename over an existing file sends the data of the renamed one out with the
 * next commit of names. */
bool profile_pushes_on_replace(const struct profile *profile);
/* So does the close after a truncation to 0, or to any smaller size. */
enum profile_close {
	PROFILE_CLOSE_NOTHING,
	PROFILE_CLOSE_AFTER_EMPTYING,
	PROFILE_CLOSE_AFTER_SHRINKING,
};
enum profile_close profile_pushes_on_close(const struct profile *profile);
/* A new size writes pages around the new and the old end (tail.h). */
bool profile_writes_tail(const struct profile *profile);
/* An exchange changes the files, not only their directories. */
bool profile_exchange_changes_files(const struct profile *profile);
/* What a rename over a directory with entries says, negative. */
int profile_not_empty_error(const struct profile *profile);
/* Growing inside the allocated last block changes the size with the names,
 * whatever becomes of the data. */
bool profile_grows_in_block(const struct profile *profile);
/* An O_DIRECT write to allocated blocks is durable when it returns. */
bool profile_direct_is_durable(const struct profile *profile);
/* A block of which a truncation or a hole zeroed a part goes out with the names.
 */
bool profile_orders_zeroed_blocks(const struct profile *profile);
/* Punching, and zeroing, write the dirty pages first that they touch. */
bool profile_pushes_before_punching(const struct profile *profile);
bool profile_pushes_before_zeroing(const struct profile *profile);
/* Allocation unit, bytes. */
int profile_block_bytes(const struct profile *profile);

#endif
