/* SPDX-License-Identifier: MIT */
#include "fusefs/abort.h"

#include <errno.h>

#include "common/event.h"
#include "fusefs/inode.h"
#include "fusefs/profile.h"
#include "fusefs/volume.h"

static bool shuts_down(const struct volume *volume)
{
	return profile_failure(volume->profile)->abort ==
	       PROFILE_ABORT_SHUT_DOWN;
}

int abort_journal(struct volume *volume)
{
	bool down = shuts_down(volume);
	volume->shut_down = down;
	volume->shut_down_untold = down;
	volume->read_only = true;
	event_add(volume->events, "journal-aborted", "\"state\":\"%s\"",
		  down ? "shut-down" : "read-only");
	return -EIO;
}

void abort_undo(struct volume *volume)
{
	volume->read_only = false;
	volume->shut_down = false;
	volume->shut_down_untold = false;
}

int abort_check(const struct volume *volume)
{
	if (!volume->read_only)
		return 0;
	return volume->shut_down ? -EIO : -EROFS;
}

int abort_check_status(const struct volume *volume)
{
	if (profile_failure(volume->profile)->keeps_status)
		return 0;
	return abort_check(volume);
}

int abort_check_pages(const struct volume *volume)
{
	if (profile_failure(volume->profile)->keeps_pages)
		return 0;
	return abort_check(volume);
}

int abort_sync(const struct volume *volume, struct inode *inode,
	       enum mode_kind mode, bool has_data)
{
	const struct profile_failure *failure =
		profile_failure(volume->profile);
	if (volume->shut_down)
		return inode_is_directory(inode) ? 0 : -EIO;
	if (failure->abort == PROFILE_ABORT_STRICT ||
	    (has_data && failure->pages == PROFILE_PAGES_KEPT))
		return -EROFS;
	if (has_data)
		return -EIO;
	return mode == MODE_ERROR_WRITES && failure->flushes ? -EIO : 0;
}
