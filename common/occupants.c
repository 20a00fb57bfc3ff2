/* SPDX-License-Identifier: MIT */
/*
 * A link in /proc shows the path; unless all are to be looked at, only what lies
 * below the mountpoint by its path is asked for the file system that it is on,
 * because asking may wait for a server that is dead.
 */
#include "common/occupants.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"

/* Named; the others are only counted. */
#define NAMES_MAX 5

/* What to look for. */
struct wanted {
	const struct occupants_search *search;
	size_t path_length;
	uint64_t mount_id;
	dev_t device;
	/* The file system has shut down and says EIO to everything: then what
	 * says so, too, is of it by its path. */
	bool silent;
};

/* As far as the kernel knows without asking a file system. */
static int identify(int directory_fd, const char *path, int flags,
		    struct statx *ret_info)
{
	return statx(directory_fd, path,
		     flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		     STATX_INO | STATX_MNT_ID, ret_info) < 0
		       ? -errno
		       : 0;
}

static uint64_t mount_of(const struct statx *info)
{
	return info->stx_mask & STATX_MNT_ID ? info->stx_mnt_id : 0;
}

static dev_t device_of(const struct statx *info)
{
	return makedev(info->stx_dev_major, info->stx_dev_minor);
}

static bool lies_below(const struct wanted *wanted, const char *path)
{
	size_t length = wanted->path_length;

	return strncmp(path, wanted->search->mountpoint, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0' ||
		path[length] == '\n' || length == 1);
}

/* A subvolume has a device of its own, a bind mount a mount of its own. */
static bool is_on_it(const struct wanted *wanted, int fd, const char *name)
{
	uint64_t ino_end = wanted->search->ino_end;
	struct statx info;
	int r = identify(fd, name, 0, &info);

	if (wanted->silent)
		return r == -EIO && !wanted->search->anywhere;
	if (r < 0 || (ino_end > 0 && info.stx_ino >= ino_end))
		return false;
	return device_of(&info) == wanted->device ||
	       (wanted->mount_id && mount_of(&info) == wanted->mount_id);
}

static bool shows_below(const struct wanted *wanted, int fd, const char *name)
{
	char target[PATH_MAX];
	ssize_t size = readlinkat(fd, name, target, sizeof(target) - 1);

	if (size <= 0)
		return false;
	target[size] = '\0';
	return lies_below(wanted, target);
}

static bool link_leads(const struct wanted *wanted, int fd, const char *name)
{
	return (wanted->search->anywhere || shows_below(wanted, fd, name)) &&
	       is_on_it(wanted, fd, name);
}

/* Any of the links in a directory: fd/ and map_files/. */
static bool any_leads(const struct wanted *wanted, int process_fd,
		      const char *directory)
{
	int fd = openat(process_fd, directory,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *links = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool found = false;

	if (!links) {
		if (fd >= 0)
			(void)close(fd); /* was only read */
		return false;
	}
	while (!found && (entry = readdir(links)))
		found = entry->d_name[0] != '.' &&
			link_leads(wanted, dirfd(links), entry->d_name);
	(void)closedir(links); /* was only read */
	return found;
}

/* "7f..-7f.. r-xp 00000000 00:2c 1234 /path" */
static bool line_matches(const struct wanted *wanted, const char *line)
{
	const char *path = strchr(line, '/');
	unsigned int major;
	unsigned int minor;

	if (!wanted->search->anywhere)
		return path && lies_below(wanted, path);
	return sscanf(line, "%*s %*s %*s %x:%x", &major, &minor) == 2 &&
	       makedev(major, minor) == wanted->device;
}

/* Most processes have hundreds of mappings and none of them here: their list
 * is one file, while each link is a call. */
static bool maps_mention(const struct wanted *wanted, int process_fd)
{
	int fd = openat(process_fd, "maps", O_RDONLY | O_CLOEXEC);
	FILE *maps = fd < 0 ? NULL : fdopen(fd, "re");
	cleanup_free char *line = NULL;
	size_t capacity = 0;
	bool found = false;

	if (!maps) {
		if (fd >= 0)
			(void)close(fd); /* was only read */
		return false;
	}
	while (!found && getline(&line, &capacity, maps) > 0)
		found = line_matches(wanted, line);
	(void)fclose(maps); /* was only read */
	return found;
}

/* A path in the list may be another mount's by now; the device is not. */
static bool has_mapping(const struct wanted *wanted, int process_fd)
{
	return maps_mention(wanted, process_fd) &&
	       (wanted->search->anywhere ||
		any_leads(wanted, process_fd, "map_files"));
}

static bool uses_it(const struct wanted *wanted, int process_fd)
{
	return link_leads(wanted, process_fd, "cwd") ||
	       link_leads(wanted, process_fd, "root") ||
	       link_leads(wanted, process_fd, "exe") ||
	       any_leads(wanted, process_fd, "fd") ||
	       has_mapping(wanted, process_fd);
}

static pid_t parse_pid(const char *name)
{
	char *end;
	long pid = strtol(name, &end, 10);

	return *end == '\0' && pid > 0 && pid < INT_MAX ? (pid_t)pid : 0;
}

int occupants_each(const struct occupants_search *search, occupants_fn *each,
		   void *user)
{
	struct wanted wanted = {
		.search = search,
		.path_length = strlen(search->mountpoint),
	};
	struct statx info;
	struct dirent *entry;
	DIR *processes;
	bool more = true;
	int r = identify(AT_FDCWD, search->mountpoint, AT_SYMLINK_NOFOLLOW,
			 &info);

	if (r < 0 && r != -EIO)
		return r;
	wanted.silent = r < 0;
	if (!wanted.silent) {
		wanted.mount_id = mount_of(&info);
		wanted.device = device_of(&info);
	}
	processes = opendir("/proc");
	if (!processes)
		return -errno;
	while (more && (entry = readdir(processes))) {
		pid_t pid = parse_pid(entry->d_name);
		cleanup_fd int fd = -1;

		if (pid == 0 || pid == getpid() || pid == search->spared)
			continue;
		fd = openat(dirfd(processes), entry->d_name,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && uses_it(&wanted, fd))
			more = each(user, pid);
	}
	(void)closedir(processes); /* was only read */
	return 0;
}

static bool list_one(void *user, pid_t pid)
{
	struct occupants *occupants = user;

	occupants->pids[occupants->count++] = pid;
	return occupants->count < OCCUPANTS_MAX;
}

int occupants_find(const char *mountpoint, struct occupants *ret_occupants)
{
	const struct occupants_search search = {.mountpoint = mountpoint};

	ret_occupants->count = 0;
	return occupants_each(&search, list_one, ret_occupants);
}

void occupants_read_name(pid_t pid, char ret_name[static OCCUPANTS_NAME_MAX])
{
	char path[64];
	cleanup_fd int fd = -1;
	ssize_t size = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		size = read(fd, ret_name, OCCUPANTS_NAME_MAX - 1);
	if (size <= 0)
		size = (ssize_t)strlen(strcpy(ret_name, "?\n"));
	ret_name[size - 1] = '\0';
	for (char *at = ret_name; *at; at++)
		if (iscntrl((unsigned char)*at))
			*at = '?';
}

void occupants_name(const struct occupants *occupants, struct errmsg *ret_names)
{
	char text[ERRMSG_MAX] = "";
	size_t used = 0;
	size_t i;

	for (i = 0; i < occupants->count && i < NAMES_MAX; i++) {
		char name[OCCUPANTS_NAME_MAX];

		occupants_read_name(occupants->pids[i], name);
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%s (pid %d)", i > 0 ? ", " : "",
					 name, occupants->pids[i]);
	}
	if (i < occupants->count)
		(void)snprintf(text + used, sizeof(text) - used,
			       " and %zu more", occupants->count - i);
	errmsg_set(ret_names, "%s", text);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void kill_all(const struct occupants *occupants, int64_t deadline_ms)
{
	int fds[OCCUPANTS_MAX];

	for (size_t i = 0; i < occupants->count; i++) {
		/* By descriptor: the number may be another's by now. */
		fds[i] = pidfd_open(occupants->pids[i], 0);
		if (fds[i] >= 0)
			(void)pidfd_send_signal(fds[i], SIGKILL, NULL, 0);
	}
	for (size_t i = 0; i < occupants->count; i++) {
		struct pollfd ended = {.fd = fds[i], .events = POLLIN};
		int64_t rest_ms = deadline_ms - now_ms();

		if (fds[i] < 0)
			continue;
		(void)poll(&ended, 1, rest_ms > 0 ? (int)rest_ms : 0);
		(void)close(fds[i]); /* nothing to flush */
	}
}

int occupants_kill(const char *mountpoint, int deadline_ms)
{
	int64_t end_ms = now_ms() + deadline_ms;
	struct occupants occupants;
	int r;

	while ((r = occupants_find(mountpoint, &occupants)) == 0 &&
	       occupants.count > 0) {
		if (now_ms() >= end_ms)
			return -EBUSY;
		kill_all(&occupants, end_ms);
	}
	return r;
}
