/* SPDX-License-Identifier: MIT */
#include "dmbackend/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/mountinfo.h"
#include "common/occupants.h"

/* Indexers and programs that are just ending keep a mount busy for a moment. */
#define BUSY_PATIENCE_MS 500
#define BUSY_PAUSE_MS 20
#define KILL_PATIENCE_MS 5000

/* What the kernel has written about a refusal: "e ext4: Unknown parameter". */
static void read_refusal(int fd, char ret_words[static 256])
{
	ssize_t size = read(fd, ret_words, 255);

	if (size < 2)
		size = (ssize_t)strlen(strcpy(ret_words, "e it is unknown"));
	ret_words[size] = '\0';
	memmove(ret_words, ret_words + 2, (size_t)size - 1);
	ret_words[strcspn(ret_words, "\n")] = '\0';
}

static int set_option(int fd, const char *fstype, const char *name,
		      const char *value, struct errmsg *reterr_why)
{
	char words[256];
	int r = fsconfig(fd, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
			 name, value, 0);

	if (r == 0)
		return 0;
	read_refusal(fd, words);
	errmsg_set(reterr_why, "mount option '%.80s' is not one of %s: %s",
		   name, fstype, words);
	return -EINVAL;
}

static int check_list(int fd, const char *fstype, char *list,
		      struct errmsg *reterr_why)
{
	size_t name_size;
	size_t value_size;
	char *name;
	char *value;
	int r = 0;

	while (r == 0 && mnt_optstr_next_option(&list, &name, &name_size,
						&value, &value_size) == 0) {
		cleanup_free char *key = strndup(name, name_size);
		cleanup_free char *what =
			value ? strndup(value, value_size) : NULL;

		if (!key || (value && !what)) {
			errmsg_set(reterr_why, "out of memory");
			return -ENOMEM;
		}
		r = set_option(fd, fstype, key, what, reterr_why);
	}
	return r;
}

int mounts_check_options(const char *fstype, const char *options,
			 struct errmsg *reterr_why)
{
	cleanup_free char *own = NULL;
	cleanup_fd int fd = -1;

	if (!options || !*options)
		return 0;
	if (mnt_split_optstr(options, NULL, NULL, &own, 0, 0) < 0) {
		errmsg_set(reterr_why, "'%.200s' is no list of mount options",
			   options);
		return -EINVAL;
	}
	fd = fsopen(fstype, FSOPEN_CLOEXEC);
	/* An old kernel, or one without the file system: the mount will say. */
	if (fd < 0 || !own)
		return 0;
	return check_list(fd, fstype, own, reterr_why);
}

int mounts_mount(const char *device, const char *mountpoint, const char *fstype,
		 const char *options, struct errmsg *reterr_why)
{
	struct libmnt_context *context = mnt_new_context();
	char words[256] = "out of memory";
	int r = -ENOMEM;

	if (context && mnt_context_set_source(context, device) == 0 &&
	    mnt_context_set_target(context, mountpoint) == 0 &&
	    mnt_context_set_fstype(context, fstype) == 0 &&
	    mnt_context_set_options(context, options) == 0) {
		(void)mnt_context_disable_mtab(context, 1);
		(void)mnt_context_disable_helpers(context, 1);
		r = mnt_context_mount(context);
		(void)mnt_context_get_excode(context, r, words, sizeof(words));
		if (r > 0)
			r = -r;
	}
	mnt_free_context(context);
	if (r == 0)
		return 0;
	if (r == -EEXIST && strcmp(fstype, "btrfs") == 0) {
		errmsg_set(reterr_why,
			   "a copy of this btrfs is mounted, and this kernel "
			   "cannot tell the two apart: unmount that first");
		return r;
	}
	errmsg_set(reterr_why,
		   "cannot mount '%s' on '%.200s': %s; the kernel's log "
		   "('dmesg') may say more",
		   device, mountpoint, words);
	return r < -4095 ? -EIO : r;
}

int mounts_show_control(const char *from, const char *mountpoint,
			const char *control, struct errmsg *reterr_why)
{
	cleanup_free char *path = NULL;
	int r;

	if (asprintf(&path, "%s/%s", mountpoint, control) < 0) {
		path = NULL; /* undefined after a failure */
		errmsg_set(reterr_why, "out of memory");
		return -ENOMEM;
	}
	if (mkdir(path, 0700) == 0) {
		/* A crash shall find it. */
		cleanup_fd int fd =
			open(mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0 || syncfs(fd) < 0) {
			r = -errno;
			errmsg_set(reterr_why, "cannot sync '%.200s': %s",
				   mountpoint, strerrordesc_np(-r));
			return r;
		}
	} else if (errno != EEXIST && errno != EROFS) {
		r = -errno;
		errmsg_set(reterr_why, "cannot make '%.200s': %s", path,
			   strerrordesc_np(-r));
		return r;
	}
	return mounts_mount(from, path, "none", "bind", reterr_why);
}

/* Calls each for the mounts of the process, the newest first, until it returns
 * true. */
static bool each_mount(bool (*each)(struct libmnt_fs *fs, const void *user),
		       const void *user)
{
	struct libmnt_table *table =
		mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *position = mnt_new_iter(MNT_ITER_BACKWARD);
	struct libmnt_fs *fs;
	bool found = false;

	while (table && position && !found &&
	       mnt_table_next_fs(table, position, &fs) == 0)
		found = each(fs, user);
	mnt_free_iter(position);
	mnt_unref_table(table);
	return found;
}

/* Directly below the mountpoint only: a disk may lie in a disk. */
static bool hide(struct libmnt_fs *fs, const void *user)
{
	const char *mountpoint = user;
	const char *target = mnt_fs_get_target(fs);
	const char *type = mnt_fs_get_fstype(fs);
	size_t length = strlen(mountpoint);

	if (target && type && strcmp(type, MOUNTINFO_TYPE_DM) == 0 &&
	    strncmp(target, mountpoint, length) == 0 && target[length] == '/' &&
	    !strchr(target + length + 1, '/'))
		(void)umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH);
	return false;
}

void mounts_hide_control(const char *mountpoint)
{
	(void)each_mount(hide, mountpoint);
}

struct place {
	const char *mountpoint;
	const char *by_name;
	const char *by_number;
	bool *ret_ours;
};

static bool match(struct libmnt_fs *fs, const void *user)
{
	const struct place *place = user;
	const char *target = mnt_fs_get_target(fs);
	const char *source = mnt_fs_get_source(fs);

	if (!target || strcmp(target, place->mountpoint) != 0)
		return false;
	*place->ret_ours = source && (strcmp(source, place->by_name) == 0 ||
				      strcmp(source, place->by_number) == 0);
	return true;
}

bool mounts_is_there(const char *mountpoint, const char *device_name,
		     unsigned int minor)
{
	char by_name[128];
	char by_number[32];
	bool ours = false;
	const struct place place = {
		.mountpoint = mountpoint,
		.by_name = by_name,
		.by_number = by_number,
		.ret_ours = &ours,
	};

	(void)snprintf(by_name, sizeof(by_name), "/dev/mapper/%.80s",
		       device_name);
	(void)snprintf(by_number, sizeof(by_number), "/dev/dm-%u", minor);
	(void)each_mount(match, &place);
	return ours;
}

int mounts_check_unused(const char *mountpoint, bool kill,
			struct errmsg *reterr_why)
{
	struct occupants occupants;
	struct errmsg names;
	int r;

	if (kill) {
		r = occupants_kill(mountpoint, KILL_PATIENCE_MS);
		if (r != -EBUSY)
			return r;
	}
	r = occupants_find(mountpoint, &occupants);
	if (r < 0 || occupants.count == 0)
		return r;
	occupants_name(&occupants, &names);
	errmsg_set(reterr_why,
		   "'%.150s' is in use by %.250s: end that, or say "
		   "--kill",
		   mountpoint, names.text);
	return -EBUSY;
}

int mounts_unmount(const char *mountpoint, bool kill, struct errmsg *reterr_why)
{
	int waited_ms = 0;
	int r;

	while ((r = umount2(mountpoint, UMOUNT_NOFOLLOW) < 0 ? -errno : 0) ==
		       -EBUSY &&
	       waited_ms < BUSY_PATIENCE_MS) {
		if (kill)
			(void)mounts_check_unused(mountpoint, true, NULL);
		(void)usleep(BUSY_PAUSE_MS * 1000); /* shorter is as good */
		waited_ms += BUSY_PAUSE_MS;
	}
	if (r == 0)
		return 0;
	if (r == -EBUSY) {
		r = mounts_check_unused(mountpoint, false, reterr_why);
		if (r == -EBUSY)
			return r;
		errmsg_set(reterr_why,
			   "'%.200s' is in use by something in the kernel: a "
			   "mount in it, a swap file, a loop device or an "
			   "export",
			   mountpoint);
		return -EBUSY;
	}
	errmsg_set(reterr_why, "cannot unmount '%.200s': %s", mountpoint,
		   strerrordesc_np(-r));
	return r;
}
