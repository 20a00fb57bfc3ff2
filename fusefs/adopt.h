/* SPDX-License-Identifier: MIT */
/*
 * Adoption: a file that loses its last name in the store, and is needed all the
 * same, takes its content along into the live image: bytes and holes, extended
 * attributes, the target of a link. The store then need not know it any more.
 *
 * An unlinked file that is open could also be kept by its descriptor in the
 * store, and is as long as the store has few of those: that costs nothing.
 */
#ifndef FLAKEY_FUSEFS_ADOPT_H
#define FLAKEY_FUSEFS_ADOPT_H

struct dentry;
struct inode;
struct volume;

/* The durable inode of dentry is about to lose this name. If that is its last
 * one and programs still use it, it is kept or adopted here. Called with the
 * volume's lock, which is let go while data is copied; the caller's commit_lock
 * keeps name and store as they are. With a profile that commits by parts the
 * file may get another durable name later, and goes to limbo (limbo.h). 0 or a
 * negative errno. */
int adopt_orphan_locked(struct volume *volume, struct dentry *dentry);

/* The name of that inode stayed after all. */
void adopt_undo_locked(struct volume *volume, struct inode *inode);

#endif
