/* SPDX-License-Identifier: MIT */
/*
 * Data on its way into limbo, through the rules at store/write: for programs it is
 * on the disk then, though no name in the store leads to it.
 */
#ifndef FLAKEY_FUSEFS_LIMBO_PASS_H
#define FLAKEY_FUSEFS_LIMBO_PASS_H

struct inode;
struct writeback;

/* Pays for the unsynced data in the range, as far as rules let it. What they have
 * let pass is not asked about again, should one have to wait: -FAULT_AGAIN. 0,
 * WRITEBACK_WAITS as writeback_inode() has it, or the error that the file is
 * told. */
int limbo_pass(const struct writeback *writeback, struct inode *inode);

#endif
