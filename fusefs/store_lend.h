/* SPDX-License-Identifier: MIT */
/*
 * Permission bits lent for a moment. The store is ours, but its modes are the
 * programs' business: a directory without search permission, or a file that may
 * not be written, must be committed to all the same, and a daemon that is not
 * root has no other way in than to give its owner the bits and take them back.
 *
 * Killed in between, the store would keep the wider mode. So a note of the mode
 * is left first, as an xattr of the store's root that is there for that moment
 * only, and the next mount settles what it finds. Without xattrs on the store's
 * file system there is no note.
 */
#ifndef FLAKEY_FUSEFS_STORE_LEND_H
#define FLAKEY_FUSEFS_STORE_LEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define STORE_LEND_SLOTS 8

struct store_touched;

struct store_lend {
	int root_fd;		       /* borrowed */
	struct store_touched *touched; /* borrowed */
	_Atomic uint32_t slots;	       /* one bit a note that is there now */
};

struct store_loan {
	struct store_lend *lend;
	int fd; /* borrowed; O_PATH will do */
	mode_t mode;
	int slot; /* -1: no note */
	bool lent;
};

/* Gives the owner all bits of the open object that st describes, if it is ours
 * and has not got them: whether it did. */
bool store_lend_begin(struct store_lend *lend, int fd, const struct stat *st,
		      struct store_loan *ret_loan);
/* Takes them back. Takes a loan of zeros. */
void store_lend_end(struct store_loan *loan);

/* Settles the loans of a daemon that was killed. */
void store_lend_recover(struct store_lend *lend);

#endif
