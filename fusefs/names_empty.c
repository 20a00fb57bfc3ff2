/* SPDX-License-Identifier: MIT */
/* Whether a directory may be removed: names of the store and of the journal. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fusefs/dentry.h"
#include "fusefs/inode.h"
#include "fusefs/names.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"

/* Whether the store has an entry there that is live, too. */
static int has_stored_entry(struct volume *volume, struct inode *directory,
			    bool *ret_has)
{
	int fd;
	int r = store_list_locked(volume, directory, &fd);
	if (r < 0)
		return r;
	DIR *stream = fdopendir(fd);
	if (stream == NULL) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_has = false;
	const struct dirent *entry;
	errno = 0;
	while (!*ret_has && (entry = readdir(stream)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		struct dentry *dentry =
			dentry_find_locked(volume, directory, entry->d_name);
		*ret_has = dentry == NULL || dentry->live != NULL;
	}
	if (!*ret_has)
		r = -errno; /* 0 at the end */
	closedir(stream);
	return r;
}

int names_check_empty_locked(struct volume *volume, struct inode *directory)
{
	list_for_each(node, following, &directory->directory->overlay)
		if (list_entry(node, struct dentry, overlay_link)->live != NULL)
			return -ENOTEMPTY;
	if (!directory->in_store)
		return 0;
	bool has = false;
	int r = has_stored_entry(volume, directory, &has);
	if (r < 0)
		return r;
	return has ? -ENOTEMPTY : 0;
}
