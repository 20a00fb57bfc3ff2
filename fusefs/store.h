/* SPDX-License-Identifier: MIT */
/*
 * The store: the backing directory, and the only code that touches it. What it
 * holds at any moment is what a power failure at that moment leaves; each
 * function is one step from one such state to the next.
 *
 * Nothing is reached by path: directories through a bounded cache of
 * descriptors, walked with O_NOFOLLOW from the root; files by (directory,
 * name), or by a descriptor from the same cache. So a symbolic link in the
 * store can never lead out of it.
 *
 * Names (_locked) need the volume's lock. The cache has its own lock. All
 * return 0 or a negative errno of the real operation.
 */
#ifndef FLAKEY_FUSEFS_STORE_H
#define FLAKEY_FUSEFS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include "fusefs/store_lend.h"

struct acl;
struct dentry;
struct dirent;
struct errmsg;
struct inode;
struct record_attributes;
struct record_space;
struct store;
struct store_copy;
struct store_touched;
struct volume;

/* Opens and locks the directory; refuses what cannot work, in words. */
int store_open(const char *source, bool sync, struct store **ret_store,
	       struct errmsg *reterr_why);
void store_close(struct store *store);
int store_root_stat(struct store *store, struct stat *ret_st);
int store_statvfs(struct store *store, struct statvfs *ret_st);
/* Whether we may give a file to them; -1 stands for "as it is". A commit would
 * find out too late. */
bool store_may_own(const struct store *store, uid_t uid, gid_t gid);
/* A number for all that the store holds: see store_digest.c. Reads everything;
 * nothing may change meanwhile. */
int store_digest(struct store *store, uint64_t *ret_digest);
int store_dup_root(struct store *store);
/* Removes a name of the root, if it is there, with all below it. Nobody may use
 * the store meanwhile. */
int store_clear(struct store *store, const char *name);
/* The same of any open directory. */
int store_clear_at(int dirfd, const char *name);
/* A copy of all that the store holds, in an open, empty directory, made in passes
 * (store_copy.c). Before each a note is taken, at a moment at which no change is
 * under way. From the note of the last one to its end nothing may change. The end,
 * after the last pass, looks at the copy alone. */
int store_copy_begin(struct store *store, int directory,
		     struct store_copy **ret_copy);
void store_copy_note(struct store_copy *copy);
/* How many objects were changed since the last note. */
size_t store_copy_touched(struct store_copy *copy);
/* How many names the last pass so far had to look at, besides reading them. */
size_t store_copy_looked(const struct store_copy *copy);
int store_copy_pass(struct store_copy *copy, bool last);
int store_copy_end(struct store_copy *copy);
/* The descriptor that it keeps open besides the directory. */
int store_copy_fd(const struct store_copy *copy);
void store_copy_free(struct store_copy *copy);
/* Closes every descriptor but that of the root, in use or not. */
void store_forget_all_locked(struct store *store);
int store_root_fd(const struct store *store);
/* From now on the store is that directory, which has the same names. All that was
 * open is closed. The volume's lock must be held. */
void store_move_locked(struct store *store, int directory);
/* openat(2) of a regular file, or with O_DIRECTORY of a directory, that we own,
 * whatever its mode says. -ESTALE for anything else. */
int store_open_owned(struct store *store, int dirfd, const char *name,
		     int flags);
struct store_lend *store_lender(struct store *store);
/* What is noted of every object before a step changes it. */
struct store_touched *store_touched_of(struct store *store);
/* What this thread creates belongs to them from the beginning, if we are root;
 * what it may do stays as it is. */
void store_act_for(const struct store *store, uid_t uid, gid_t gid);
void store_act_for_self(const struct store *store);
/* Waits for the store's own disk if it was opened with sync. */
int store_barrier(struct store *store);

/* Whether a change that met this error can be stored later, when the cause is
 * gone. Any other one would stop the journal for ever. */
bool store_error_passes(int r);
/* The error for the program: fsync(2) knows nothing of names. */
int store_error_told(int r);
/* Closes the descriptors that are not in use: somebody has changed the store, and
 * what they lead to may not be in it any more. The volume's lock must be held. */
void store_look_again_locked(struct store *store);

/* A descriptor of a directory, valid while the volume's lock is held. */
int store_directory_locked(struct volume *volume, struct inode *directory);

/* A directory in use for one step: its descriptor stays open, and where its owner
 * may not use it, the bits that are missing are lent and given back. */
struct store_visit {
	struct volume *volume;
	struct inode *directory;
	int fd;
	struct store_loan loan;
};
#define cleanup_visit __attribute__((cleanup(store_leave)))
int store_visit_locked(struct volume *volume, struct inode *directory,
		       struct store_visit *ret_visit);
void store_leave(struct store_visit *visit);

/* A descriptor of its own for reading the entries of a directory. */
int store_list_locked(struct volume *volume, struct inode *directory,
		      int *ret_fd);

/* Calls each for every entry of the directory behind fd, without "." and "..",
 * until it returns something else than 0. Closes fd. 0, what each returned, or
 * the error of reading. Needs no lock. */
typedef int store_entry_fn(void *user, const struct dirent *entry);
int store_each_entry(int fd, store_entry_fn *each, void *user);

int store_lookup_locked(struct volume *volume, struct inode *directory,
			const char *name, struct stat *ret_st);
int store_readlink_locked(struct volume *volume, struct dentry *dentry,
			  char **ret_target);
int store_inode_stat_locked(struct volume *volume, struct inode *inode,
			    struct stat *ret_st);

/* Steps on names: each takes the store, and the durable names in memory with
 * it, one record further. */
int store_create_locked(struct volume *volume, struct dentry *to,
			struct inode *inode,
			const struct record_attributes *attributes);
int store_link_locked(struct volume *volume, struct dentry *to,
		      struct inode *inode);
/* What loses its last name here was kept or adopted before (adopt.h), or nobody
 * needs it. */
int store_unlink_locked(struct volume *volume, struct dentry *from);
/* The name is taken for gone, as far as we know. */
void store_lose_name_locked(struct volume *volume, struct dentry *dentry);
int store_rename_locked(struct volume *volume, struct dentry *from,
			struct dentry *to, bool exchange);

/* A descriptor of a stored regular file, open until store_put_fd(). The
 * volume's lock must not be held by get, and must by get_locked. */
int store_get_fd(struct volume *volume, struct inode *inode, bool writable,
		 int *ret_fd);
int store_get_fd_locked(struct volume *volume, struct inode *inode,
			bool writable, int *ret_fd);
void store_put_fd(struct store *store, struct inode *inode);
/* The open descriptor that the cache has of a file, or -1. The volume's lock is
 * held. */
int store_fd_of(const struct inode *inode);
/* The same for what is no regular file, by a descriptor that only leads to it. */
int store_keep_special_locked(struct volume *volume, struct dentry *dentry);
/* Gives an open, writable descriptor of a stored file to the cache. */
void store_keep_fd(struct store *store, struct inode *inode, int fd);
/* The file has no name in the store any more: its descriptor is kept, or it has
 * left the store and needs none, once nobody uses it. */
void store_keep_orphan(struct store *store, struct inode *inode);
void store_part_fd(struct store *store, struct inode *inode);
/* Whether one more descriptor should not be kept that way. */
bool store_has_many_orphans_locked(struct store *store);
/* The inode is freed: its descriptor is closed. */
void store_forget_fd(struct store *store, struct inode *inode);

/* Steps on one file. */
int store_set_attributes_locked(struct volume *volume, struct inode *inode,
				const struct record_attributes *attributes);
int store_set_times_locked(struct volume *volume, struct inode *inode,
			   const struct timespec times[2]);
/* value NULL: remove. */
int store_set_xattr_locked(struct volume *volume, struct inode *inode,
			   const char *name, const void *value, size_t size);
/* Like getxattr(2) and listxattr(2). */
ssize_t store_get_xattr_locked(struct volume *volume, struct inode *inode,
			       const char *name, void *value, size_t size);
ssize_t store_list_xattr_locked(struct volume *volume, struct inode *inode,
				char *list, size_t size);

/* An unnamed file where the store is, to try on it what the store would take of a
 * file of its own (store_trial.c); -errno where there can be none. */
int store_trial_open(struct store *store);
int store_trial_set(int fd, const char *name, const void *value, size_t size);
/* Whether the store keeps access lists. */
bool store_trial_of_lists(struct store *store);

/* Access lists (store_acl.c). */
/* What the new object `name` inherited from the store's directory is replaced by
 * what its record says. dirfd is that directory. */
int store_acl_dress(struct inode *directory, int dirfd, const char *name,
		    const struct record_attributes *attributes);
/* What the store has for name, one of acl.h; NULL for nothing. */
int store_acl_get_locked(struct volume *volume, struct inode *inode,
			 const char *name, struct acl **ret_acl);
int store_acl_set_locked(struct volume *volume, struct inode *inode,
			 const struct record_attributes *attributes);

/* Steps on the data of an open descriptor. */
int store_write(int fd, const void *data, size_t size_bytes,
		int64_t offset_bytes);
ssize_t store_read(int fd, void *data, size_t size_bytes, int64_t offset_bytes);
int store_truncate(int fd, int64_t size_bytes);
int store_set_file_times(int fd, const struct timespec times[2]);
int store_file_stat(int fd, struct stat *ret_st);
/* The set-id bits and the file capability, which the kernel takes away when the
 * content changes: kept by saving them before and restoring them after. */
struct store_privileges {
	mode_t mode; /* the permission bits of before */
	ssize_t capability_bytes;
	char capability[64];
};
void store_save_privileges(struct inode *inode, int fd, mode_t mode,
			   struct store_privileges *ret_privileges);
int store_restore_privileges(int fd, const struct store_privileges *privileges);
/* fallocate(2); a mode that the store's file system lacks is done by other
 * means where zeros will do, or bytes can be moved. It may be called again after
 * an error: what was moved is noted in *space. */
int store_space(int fd, struct record_space *space);
/* Where data begins, or ends, at or behind offset, like SEEK_DATA and
 * SEEK_HOLE; -ENXIO. */
int64_t store_seek(int fd, int64_t offset_bytes, bool hole);

#endif
