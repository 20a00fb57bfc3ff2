/* SPDX-License-Identifier: MIT */
/*
 * Surfacing: what is in limbo (limbo.h) gets a name in the store, with all that
 * was paid for: a file's content and attributes, a directory's entries and what
 * they lead to.
 *
 * It appears as a whole. Where that takes more than one step, it is made under
 * the name SURFACE_NAME in the root of the store and then renamed to its place.
 * Being killed in between leaves that name, which the next mount removes.
 */
#ifndef FLAKEY_FUSEFS_SURFACE_H
#define FLAKEY_FUSEFS_SURFACE_H

struct dentry;
struct inode;
struct volume;

#define SURFACE_NAME ".flakey-unfinished"

/* The inode gets the name, whose directory is in the store, and replaces what the
 * name meant there; that was adopted before, if it is still needed. An inode that
 * is in the store gets it as one more name. Called with the volume's lock, which
 * is let go while data is written; the caller's commit_lock keeps the rest. 0, or
 * an error: then nothing has changed. */
int surface_locked(struct volume *volume, struct dentry *to,
		   struct inode *inode);

/* Removes what an earlier failure left under the name, if anything. */
int surface_clean_locked(struct volume *volume);

#endif
