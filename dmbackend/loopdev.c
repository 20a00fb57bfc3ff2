/* SPDX-License-Identifier: MIT */
#include "dmbackend/loopdev.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/cleanup.h"
#include "common/errmsg.h"

#define CONTROL_NODE "/dev/loop-control"
/* So often another process may take the free device that we were told of. */
#define RACES_MAX 64

static int explain(int r, const char *what, struct errmsg *reterr_why)
{
	if (r == -ENOENT || r == -ENXIO || r == -ENODEV)
		errmsg_set(reterr_why,
			   "there is no '%s': run 'modprobe loop' on the host; "
			   "in a container, give it the host's /dev",
			   what);
	else if (r == -EPERM || r == -EACCES)
		errmsg_set(reterr_why,
			   "'%s' may not be opened: start the container with "
			   "--privileged, or use --backend fuse",
			   what);
	else
		errmsg_set(reterr_why, "cannot use '%s': %s", what,
			   strerrordesc_np(-r));
	return r;
}

static int attach_to(int control_fd, const struct loop_config *config,
		     int *ret_fd, char ret_path[static LOOPDEV_PATH_MAX],
		     struct errmsg *reterr_why)
{
	cleanup_fd int fd = -1;
	int number = ioctl(control_fd, LOOP_CTL_GET_FREE);

	if (number < 0)
		return explain(-errno, CONTROL_NODE, reterr_why);
	(void)snprintf(ret_path, LOOPDEV_PATH_MAX, "/dev/loop%d", number);
	fd = open(ret_path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return explain(-errno, ret_path, reterr_why);
	if (ioctl(fd, LOOP_CONFIGURE, config) < 0) {
		if (errno == EBUSY)
			return -EAGAIN;
		return explain(-errno, ret_path, reterr_why);
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

int loopdev_attach(int file_fd, const char *name, int *ret_fd,
		   char ret_path[static LOOPDEV_PATH_MAX],
		   struct errmsg *reterr_why)
{
	cleanup_fd int control_fd = open(CONTROL_NODE, O_RDWR | O_CLOEXEC);
	struct loop_config config = {
		.fd = (unsigned int)file_fd,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	int r = -EAGAIN;

	if (control_fd < 0)
		return explain(-errno, CONTROL_NODE, reterr_why);
	(void)snprintf((char *)config.info.lo_file_name,
		       sizeof(config.info.lo_file_name), "%s", name);
	for (int i = 0; i < RACES_MAX && r == -EAGAIN; i++)
		r = attach_to(control_fd, &config, ret_fd, ret_path,
			      reterr_why);
	if (r == -EAGAIN)
		errmsg_set(reterr_why,
			   "others took %d free loop devices before us: try "
			   "again",
			   RACES_MAX);
	return r;
}

int loopdev_of_file(const struct stat *file,
		    char ret_path[static LOOPDEV_PATH_MAX])
{
	DIR *directory = opendir("/sys/block");
	struct dirent *entry;
	int found = 0;

	while (directory && !found && (entry = readdir(directory))) {
		struct loop_info64 info;
		cleanup_fd int fd = -1;

		if (strncmp(entry->d_name, "loop", 4) != 0 ||
		    strlen(entry->d_name) > 16)
			continue;
		(void)snprintf(ret_path, LOOPDEV_PATH_MAX, "/dev/%.16s",
			       entry->d_name);
		fd = open(ret_path, O_RDONLY | O_CLOEXEC);
		found = fd >= 0 && ioctl(fd, LOOP_GET_STATUS64, &info) == 0 &&
			info.lo_inode == file->st_ino &&
			info.lo_device == file->st_dev;
	}
	if (directory)
		(void)closedir(directory); /* was only read */
	return found;
}
