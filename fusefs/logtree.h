/* SPDX-License-Identifier: MIT */
/*
 * The log of a transaction, as btrfs keeps one: what the syncs since the last
 * full commit have logged of inodes and names, and what a replay of it makes of
 * the names. Only for profiles that log (profile_logs()).
 *
 * It knows the names and inodes that changed in the transaction, and nothing of
 * the store: it decides what is logged (logtree_sync.c), and what each name
 * means after a replay (logtree_replay.c); partial.c then takes the records of
 * the journal that bring the store there (logtree_take.c).
 *
 * Words of btrfs, and what stands for them here:
 *	generation, last_trans	the inode or entry is fresh: of this transaction
 *	logged_trans		it is logged in this transaction
 *	last_unlink_trans	it is moved: it lost a name, or has a new one
 *	COPY_EVERYTHING		it is to be copied anew
 *	LOG_INODE_EXISTS, _ALL	only that it is there, or all of it
 *
 * Guarded by the volume's lock.
 */
#ifndef FLAKEY_FUSEFS_LOGTREE_H
#define FLAKEY_FUSEFS_LOGTREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/list.h"

struct dentry;
struct inode;
struct logtree_inode;
struct volume;

/* Changed names and inodes for which a transaction has room; then the next sync
 * commits all, as that of a full log does. */
#define LOGTREE_PARTS_MAX 1000000

/* A name that changed in the transaction, or that an inode is logged with. */
struct logtree_name {
	struct logtree_name *hash_next;
	struct list in_directory; /* directory->names */
	struct list of_live;	  /* live->live_names */
	struct list of_committed; /* committed->committed_names */
	struct list of_reference; /* reference->references */
	struct list to_replay;	  /* tree->to_replay */
	struct logtree_inode *directory;
	struct logtree_inode *committed; /* by the last full commit, or NULL */
	struct logtree_inode *live;	 /* now, or NULL */
	uint64_t index; /* of a fresh entry; 0: that of the commit */
	/* What the log says. */
	struct logtree_inode *entry;	 /* the directory has it, as this */
	struct logtree_inode *reference; /* the inode has it */
	bool removed; /* the directory does not have the committed one */
	uint32_t hash;
	char name[];
};

struct logtree_inode {
	struct list link; /* tree->inodes */
	struct list to_take;
	struct inode *inode; /* pinned */
	bool is_directory;
	bool fresh;
	bool moved;
	bool copy_anew;
	bool logged;
	bool logged_all; /* the newest time */
	/* What of it is in the log: records up to these. */
	uint64_t all_seq;    /* content, attributes; 0: none */
	uint64_t exists_seq; /* xattrs, and attributes if it is fresh */
	uint64_t clean_seq;  /* it has not changed since it was logged */
	bool was_cut;	     /* it was logged again, and shorter */
	int64_t cut_bytes;   /* the size that it has then */
	int64_t logged_bytes;
	/* By the last full commit; known when it was logged as a whole. */
	bool knows_committed;
	int64_t committed_bytes;
	mode_t committed_mode;
	uid_t committed_uid;
	gid_t committed_gid;
	uint64_t next_index; /* of a directory */
	uint64_t logged_index;
	struct list names; /* of a directory */
	struct list live_names;
	struct list committed_names;
	struct list references;
};

struct logtree {
	struct list inodes;
	struct list to_replay; /* names that the log may have changed */
	struct list to_take;   /* inodes that were logged since the last sync */
	struct logtree_name **slots;
	uint64_t slot_count;
	uint64_t name_count;
	uint64_t inode_count;
	bool exists; /* something is logged */
	/* The log cannot say what is to be said: only a full commit can. */
	bool refuses;
};

/* NULL: out of memory. */
struct logtree *logtree_new(void);
void logtree_free(struct volume *volume);

/* A full commit has begun, or a power failure happened: the next transaction. */
void logtree_reset_locked(struct volume *volume);

/* What was done in the live image; without a log they do nothing. */
void logtree_created_locked(struct volume *volume, const struct dentry *to);
void logtree_linked_locked(struct volume *volume, const struct dentry *to);
void logtree_unlinked_locked(struct volume *volume, const struct dentry *from,
			     struct inode *inode);
struct logtree_rename {
	const struct dentry *from;
	const struct dentry *to;
	struct inode *moved;
	struct inode *replaced; /* or NULL */
	bool exchange;
};
void logtree_renamed_locked(struct volume *volume,
			    const struct logtree_rename *rename);
/* The pins of the log on the inode. */
static inline uint32_t logtree_pins(const struct logtree_inode *log)
{
	return log == NULL ? 0 : 1;
}

enum logtree_verdict {
	LOGTREE_NOTHING, /* all of it is in the log already */
	LOGTREE_SYNCS,	 /* the log is to be made durable */
	LOGTREE_COMMITS, /* only a full commit will do */
};
/* A sync of the inode logs what it needs. */
enum logtree_verdict logtree_sync_locked(struct volume *volume,
					 struct inode *inode);

/* A rename or link gave the inode a name in directory: the log follows. */
struct logtree_move {
	struct logtree_inode *inode;
	struct logtree_inode *directory;
	struct logtree_name *from; /* that a rename took away, or NULL */
	bool was_committed;	   /* the last full commit has it so */
};
void logtree_new_name_locked(struct volume *volume,
			     const struct logtree_move *move);

/* What the name means after a replay of the log. */
struct logtree_inode *logtree_replay(const struct logtree_name *name);

struct commit_range;
struct partial;
/* A sync, of which the range is the file's data: as partial_sync(), with
 * PARTIAL_TAKES_ALL where only a full commit will do. */
int logtree_sync(struct partial *partial, struct inode *inode,
		 const struct commit_range *range);
/* From here on only a full commit will do. */
void logtree_refuse(struct volume *volume);

/* Parts of the tree, for logtree_*.c. NULL: out of memory; the log then refuses.
 */
struct logtree_inode *logtree_inode_locked(struct volume *volume,
					   struct inode *inode);
struct logtree_name *logtree_name_locked(struct volume *volume,
					 const struct dentry *dentry,
					 struct inode *committed);
struct logtree_name *logtree_find(const struct logtree_inode *directory,
				  const struct logtree *tree, const char *text);
void logtree_replay_later(struct logtree *tree, struct logtree_name *name);
void logtree_refer(struct logtree *tree, struct logtree_name *name,
		   struct logtree_inode *inode);

#endif
