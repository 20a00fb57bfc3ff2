/* SPDX-License-Identifier: MIT */
/*
 * A file system whose journal could not be written. Nothing of it is durable any
 * more until the next mount, which a crash is; what it still does, and with what
 * error it refuses the rest, is the profile's (profile_failure()).
 */
#ifndef FLAKEY_FUSEFS_ABORT_H
#define FLAKEY_FUSEFS_ABORT_H

#include <stdbool.h>

#include "common/mode.h"

struct inode;
struct volume;

/* A commit of names failed: aborts. The error of the sync that it was for. */
int abort_journal(struct volume *volume);
/* As a crash leaves it. */
void abort_undo(struct volume *volume);

/* 0, or the error of what needs the journal. */
int abort_check(const struct volume *volume);
/* The same for what can change in memory alone: modes and owners; pages. */
int abort_check_status(const struct volume *volume);
int abort_check_pages(const struct volume *volume);
/* What a sync of the inode says after an abort; has_data: there is unsynced data
 * in its range. */
int abort_sync(const struct volume *volume, struct inode *inode,
	       enum mode_kind mode, bool has_data);

#endif
