/* SPDX-License-Identifier: MIT */
#include "tools/preflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/errmsg.h"
#include "common/mountinfo.h"

void preflight_done(struct preflight *preflight)
{
	free(preflight->source);
	free(preflight->mountpoint);
	*preflight = (struct preflight){0};
}

static int check_directory(const char *what, const char *path,
			   struct errmsg *reterr_why)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		int r = -errno;

		errmsg_set(reterr_why, "cannot look at the %s '%s': %s", what,
			   path, strerrordesc_np(-r));
		return r;
	}
	if (!S_ISDIR(st.st_mode)) {
		errmsg_set(reterr_why,
			   "the %s '%s' is not a directory; choose one", what,
			   path);
		return -ENOTDIR;
	}
	if (access(path, W_OK | X_OK) < 0) {
		int r = -errno;

		errmsg_set(reterr_why,
			   "the %s '%s' is not writable for you (%s); choose "
			   "another",
			   what, path, strerrordesc_np(-r));
		return r;
	}
	return 0;
}

static int resolve(const char *what, const char *path, char **ret_path,
		   bool *ret_dead, struct errmsg *reterr_why)
{
	int r = mountinfo_resolve(path, ret_path, ret_dead);

	if (r == -ENOENT)
		errmsg_set(
			reterr_why,
			"the %s '%.200s' does not exist; create the directory "
			"first",
			what, path);
	else if (r == -EACCES)
		errmsg_set(
			reterr_why,
			"the %s '%.200s' cannot be reached: permission denied; "
			"if another user has mounted there, choose another",
			what, path);
	else if (r < 0)
		errmsg_set(reterr_why, "the %s '%.200s' cannot be used: %s",
			   what, path, strerrordesc_np(-r));
	return r;
}

/* What is mounted on the mountpoint already, if anything. */
static int check_mounts(struct preflight *preflight, struct errmsg *reterr_why)
{
	const char *path = preflight->mountpoint;
	struct mountinfo mount;
	int r = mountinfo_find(path, &mount);

	if (r == -ENOENT)
		return 0; /* a chroot whose root is no mountpoint */
	if (r < 0) {
		errmsg_set(reterr_why, "cannot read the list of mounts: %s",
			   strerrordesc_np(-r));
		return r;
	}
	if (strcmp(mount.mountpoint, path) != 0) {
		r = 0;
	} else if (strcmp(mount.type, MOUNTINFO_TYPE_FUSE) != 0) {
		errmsg_set(reterr_why,
			   "'%s' has another file system (%s) mounted on it; "
			   "choose another directory",
			   path, mount.type);
		r = -EBUSY;
	} else if (!preflight->dead) {
		errmsg_set(reterr_why,
			   "'%s' is a flakey mount of '%s' already; say "
			   "'flakey umount %s' first",
			   path, mount.source, path);
		r = -EBUSY;
	}
	mountinfo_done(&mount);
	return r;
}

static bool contains(const char *directory, const char *path)
{
	size_t length = strlen(directory);

	if (strcmp(directory, "/") == 0)
		return true;
	return strncmp(directory, path, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

static int check_apart(const struct preflight *preflight,
		       struct errmsg *reterr_why)
{
	const char *source = preflight->source;
	const char *mountpoint = preflight->mountpoint;

	if (strcmp(source, mountpoint) == 0)
		errmsg_set(reterr_why,
			   "'%s' cannot be both the source and the mountpoint; "
			   "mount on another, empty directory",
			   source);
	else if (contains(mountpoint, source))
		errmsg_set(reterr_why,
			   "the source '%s' is inside the mountpoint '%s', "
			   "which would hide it; mount elsewhere",
			   source, mountpoint);
	else if (contains(source, mountpoint))
		errmsg_set(reterr_why,
			   "the mountpoint '%s' is inside the source '%s', so "
			   "the mount would contain itself; mount elsewhere",
			   mountpoint, source);
	else
		return 0;
	return -EINVAL;
}

static int check_all(const char *source, const char *mountpoint,
		     struct preflight *preflight, struct errmsg *reterr_why)
{
	bool dead;
	int r;

	r = resolve("source", source, &preflight->source, &dead, reterr_why);
	if (r < 0)
		return r;
	r = resolve("mountpoint", mountpoint, &preflight->mountpoint,
		    &preflight->dead, reterr_why);
	if (r < 0)
		return r;
	r = check_apart(preflight, reterr_why);
	if (r < 0)
		return r;
	r = check_mounts(preflight, reterr_why);
	if (r < 0)
		return r;
	r = check_directory("source", preflight->source, reterr_why);
	if (r < 0 || preflight->dead)
		return r;
	return check_directory("mountpoint", preflight->mountpoint, reterr_why);
}

int preflight_check(const char *source, const char *mountpoint,
		    struct preflight *ret_preflight, struct errmsg *reterr_why)
{
	struct preflight preflight = {0};
	int r = check_all(source, mountpoint, &preflight, reterr_why);

	if (r < 0)
		preflight_done(&preflight);
	else
		*ret_preflight = preflight;
	return r;
}

static int check_mountpoint(const char *mountpoint, struct preflight *preflight,
			    struct errmsg *reterr_why)
{
	int r = resolve("mountpoint", mountpoint, &preflight->mountpoint,
			&preflight->dead, reterr_why);

	if (r == 0)
		r = check_mounts(preflight, reterr_why);
	if (r < 0 || preflight->dead)
		return r;
	return check_directory("mountpoint", preflight->mountpoint, reterr_why);
}

int preflight_mountpoint(const char *mountpoint,
			 struct preflight *ret_preflight,
			 struct errmsg *reterr_why)
{
	struct preflight preflight = {0};
	int r = check_mountpoint(mountpoint, &preflight, reterr_why);

	if (r < 0)
		preflight_done(&preflight);
	else
		*ret_preflight = preflight;
	return r;
}
