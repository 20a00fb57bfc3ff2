/* SPDX-License-Identifier: MIT */
#include "fusefs/holders.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"

/* Processes that are born while others are killed are found by the next round. */
#define ROUNDS_MAX 20
/* One that does not end in this time waits for an answer of ours, or of others:
 * then it ends when that comes, which a crash sees to. */
#define DEATH_MS 500
#define LINE_BYTES 8192

struct hunt {
	const struct holders *holders;
	unsigned int major;
	unsigned int minor;
	pid_t spared; /* the process of holders->spared */
	struct text *list;
	int64_t killed;
	int round; /* the first reports whom we may not signal */
	bool any;
};

static bool is_number(const char *name)
{
	for (; *name; name++)
		if (!isdigit((unsigned char)*name))
			return false;
	return true;
}

/* What is behind a link in /proc, as far as the kernel knows without asking. */
static bool is_on_mount(const struct hunt *hunt, int dirfd, const char *name)
{
	struct statx st;
	return statx(dirfd, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		     STATX_INO, &st) == 0 &&
	       st.stx_dev_major == hunt->major &&
	       st.stx_dev_minor == hunt->minor &&
	       st.stx_ino < hunt->holders->control_ino;
}

static bool has_file(const struct hunt *hunt, int process)
{
	int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *fds = fd < 0 ? NULL : fdopendir(fd);
	bool found = false;
	const struct dirent *entry;
	if (fds == NULL && fd >= 0)
		close(fd);
	while (fds != NULL && !found && (entry = readdir(fds)) != NULL)
		found = is_number(entry->d_name) &&
			is_on_mount(hunt, fd, entry->d_name);
	if (fds != NULL)
		closedir(fds);
	return found;
}

/* "7f..-7f.. r-xp 00000000 00:2c 1234 /path" */
static bool has_mapping(const struct hunt *hunt, int process)
{
	int fd = openat(process, "maps", O_RDONLY | O_CLOEXEC);
	FILE *maps = fd < 0 ? NULL : fdopen(fd, "re");
	char line[LINE_BYTES];
	bool found = false;
	if (maps == NULL && fd >= 0)
		close(fd);
	while (maps != NULL && !found && fgets(line, sizeof(line), maps)) {
		unsigned int major = 0;
		unsigned int minor = 0;
		found = sscanf(line, "%*s %*s %*s %x:%x", &major, &minor) ==
				2 &&
			major == hunt->major && minor == hunt->minor;
	}
	if (maps != NULL)
		(void)fclose(maps);
	return found;
}

static bool holds(const struct hunt *hunt, int process)
{
	return is_on_mount(hunt, process, "cwd") ||
	       is_on_mount(hunt, process, "root") || has_file(hunt, process) ||
	       has_mapping(hunt, process);
}

static void read_name(int process, char *name, size_t size)
{
	cleanup_fd int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, name, size - 1);
	name[n > 0 ? n : 0] = '\0';
	for (char *at = name; *at; at++)
		if (iscntrl((unsigned char)*at))
			*at = at[1] ? '?' : '\0';
}

static pid_t process_of(pid_t thread)
{
	char path[64];
	char line[256];
	int process = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
	FILE *status = thread > 0 ? fopen(path, "re") : NULL;
	while (status != NULL && process == 0 &&
	       fgets(line, sizeof(line), status))
		(void)sscanf(line, "Tgid: %d", &process);
	if (status != NULL)
		(void)fclose(status);
	return process;
}

/* By a descriptor: a number may be another process's by now. */
static int kill_and_wait(pid_t pid)
{
	cleanup_fd int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0)
		return -errno;
	struct pollfd death = {.fd = fd, .events = POLLIN};
	int r = poll(&death, 1, DEATH_MS);
	return r > 0 ? 0 : -ETIMEDOUT;
}

static void meet(struct hunt *hunt, const char *name)
{
	char comm[32];
	char path[64];
	pid_t pid = (pid_t)atoi(name);
	if (pid == getpid() || pid == hunt->spared)
		return;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	cleanup_fd int process = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process < 0 || !holds(hunt, process))
		return;
	read_name(process, comm, sizeof(comm));
	int r = kill_and_wait(pid);
	if (r == 0 || (r == -ETIMEDOUT && hunt->round == 0)) {
		hunt->any = true;
		hunt->killed++;
		text_printf(hunt->list, "%d %s\n", (int)pid, comm);
	} else if (r != -ESRCH && hunt->round == 0) {
		text_printf(hunt->list, "%d %s: %s\n", (int)pid, comm,
			    strerror(-r));
	}
}

static int beat_once(struct hunt *hunt)
{
	DIR *processes = opendir("/proc");
	const struct dirent *entry;
	if (processes == NULL)
		return -errno;
	hunt->any = false;
	while ((entry = readdir(processes)) != NULL)
		if (is_number(entry->d_name))
			meet(hunt, entry->d_name);
	closedir(processes);
	return 0;
}

int64_t holders_kill(const struct holders *holders, struct text *ret_list)
{
	struct statx st;
	if (statx(AT_FDCWD, holders->mountpoint, AT_STATX_DONT_SYNC, STATX_INO,
		  &st) < 0)
		return -errno;
	struct hunt hunt = {
		.holders = holders,
		.major = st.stx_dev_major,
		.minor = st.stx_dev_minor,
		.spared = process_of(holders->spared),
		.list = ret_list,
	};
	int r = 0;
	do {
		r = beat_once(&hunt);
		hunt.round++;
	} while (r == 0 && hunt.any && hunt.round < ROUNDS_MAX);
	return r < 0 ? r : hunt.killed;
}
