/* SPDX-License-Identifier: MIT */
/* Whether a directory may be removed: names of the store and of the journal. */
#include <dirent.h>
#include <errno.h>

#include "fusefs/dentry.h"
#include "fusefs/disk.h"
#include "fusefs/inode.h"
#include "fusefs/names.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"

struct place {
	struct volume *volume;
	struct inode *directory;
};

/* 1 if the entry of the store is live, too. */
static int is_live(void *user, const struct dirent *entry)
{
	const struct place *place = user;
	const struct dentry *dentry = dentry_find_locked(
		place->volume, place->directory, entry->d_name);
	return dentry == NULL || dentry->live != NULL;
}

int names_check_empty_locked(struct volume *volume, struct inode *directory)
{
	list_for_each(node, following, &directory->directory->overlay)
		if (list_entry(node, struct dentry, overlay_link)->live != NULL)
			return -ENOTEMPTY;
	if (!directory->in_store)
		return 0;
	int fd;
	int r = disk_look_locked(volume, directory);
	struct place place = {volume, directory};
	if (r == 0)
		r = store_list_locked(volume, directory, &fd);
	if (r == 0)
		r = store_each_entry(fd, is_live, &place);
	return r > 0 ? -ENOTEMPTY : r;
}
