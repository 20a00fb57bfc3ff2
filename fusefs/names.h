/* SPDX-License-Identifier: MIT */
/*
 * Operations on names in the live image. Each takes the volume's lock, changes
 * the image and appends what it did to the journal; none touches the store but
 * to look up what is not in memory.
 *
 * An inode returned to the caller has one more nlookup: the kernel's reference,
 * given back by names_forget(). Errors are those of the system call.
 */
#ifndef FLAKEY_FUSEFS_NAMES_H
#define FLAKEY_FUSEFS_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct inode;
struct volume;

struct names_new {
	mode_t mode;  /* with its type */
	mode_t umask; /* of the creator; a default list replaces it */
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	const char *target; /* of a symbolic link */
};

int names_lookup(struct volume *volume, struct inode *directory,
		 const char *name, struct inode **ret_inode);
int names_create(struct volume *volume, struct inode *directory,
		 const char *name, const struct names_new *what,
		 struct inode **ret_inode);
/* O_TMPFILE: an inode without a name. */
int names_create_unnamed(struct volume *volume, struct inode *directory,
			 const struct names_new *what,
			 struct inode **ret_inode);
int names_link(struct volume *volume, struct inode *inode,
	       struct inode *directory, const char *name);
int names_unlink(struct volume *volume, struct inode *directory,
		 const char *name, bool directory_wanted);

struct names_rename {
	struct inode *from_directory;
	const char *from_name;
	struct inode *to_directory;
	const char *to_name;
	unsigned int flags;	   /* of renameat2(2) */
	struct names_new whiteout; /* what RENAME_WHITEOUT leaves behind */
};
int names_rename(struct volume *volume, const struct names_rename *rename);

/* The target is owned by the caller. */
int names_readlink(struct volume *volume, struct inode *inode,
		   char **ret_target);

void names_forget(struct volume *volume, struct inode *inode, uint64_t count);

/* 0, or -ENOTEMPTY if the directory has a live name in it. */
int names_check_empty_locked(struct volume *volume, struct inode *directory);

#endif
