/* SPDX-License-Identifier: MIT */
/*
 * What the store would take, found out on a file without a name: it leaves no
 * trace, and a kill makes it go away.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "fusefs/acl.h"
#include "fusefs/store.h"

int store_trial_open(struct store *store)
{
	cleanup_fd int root = store_dup_root(store);
	if (root < 0)
		return root;
	int fd = openat(root, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	/* What it may have inherited from the root takes room. */
	if (fd >= 0)
		(void)fremovexattr(fd, ACL_ACCESS_NAME);
	return fd < 0 ? -errno : fd;
}

/* Only directories have default lists, and a directory would be seen. On disk ext4
 * spends half as much on the four entries that name nobody. */
static int set_stand_in(int fd, const void *value, size_t size)
{
	const size_t less = 4 * sizeof(struct posix_acl_xattr_entry) / 2;
	if (fsetxattr(fd, "user.d", value, size > less ? size - less : 0, 0) <
		    0 &&
	    errno != EOPNOTSUPP)
		return -errno;
	return 0;
}

int store_trial_set(int fd, const char *name, const void *value, size_t size)
{
	if (strcmp(name, ACL_DEFAULT_NAME) == 0)
		return set_stand_in(fd, value, size);
	return fsetxattr(fd, name, value, size, 0) < 0 ? -errno : 0;
}

/* One more user than a mode can speak of: ourselves, whom any user namespace
 * knows. */
static int set_list(int fd)
{
	const uint32_t nobody = htole32((uint32_t)ACL_UNDEFINED_ID);
	const struct {
		struct posix_acl_xattr_header header;
		struct posix_acl_xattr_entry entries[5];
	} list = {.header = {htole32(POSIX_ACL_XATTR_VERSION)},
		  .entries = {
			  {htole16(ACL_USER_OBJ), htole16(ACL_READ), nobody},
			  {htole16(ACL_USER), htole16(ACL_READ),
			   htole32(geteuid())},
			  {htole16(ACL_GROUP_OBJ), 0, nobody},
			  {htole16(ACL_MASK), htole16(ACL_READ), nobody},
			  {htole16(ACL_OTHER), 0, nobody},
		  }};
	return store_trial_set(fd, ACL_ACCESS_NAME, &list, sizeof(list));
}

bool store_trial_of_lists(struct store *store)
{
	cleanup_fd int fd = store_trial_open(store);
	int r = fd < 0 ? fd : set_list(fd);
	if (fd >= 0 && (r == 0 || r == -EOPNOTSUPP))
		return r == 0;
	/* No unnamed files there, or no room for one: then by what it says. */
	cleanup_fd int root = store_dup_root(store);
	return root >= 0 && (fgetxattr(root, ACL_ACCESS_NAME, NULL, 0) >= 0 ||
			     errno == ENODATA);
}
