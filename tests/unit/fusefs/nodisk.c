/* SPDX-License-Identifier: MIT */
/* As in nomem.c, the reserved names are given to the assembler only. The large
 * file variants are what the headers turn the plain names into. */
#include "tests/unit/fusefs/nodisk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <unistd.h>

static struct nodisk_plan plan;
static unsigned int countdown; /* 0: not armed */
static bool fired;
static const char *failed = "";
static struct stat scratch;

/* The scratch file has no name any more, but /proc still shows the old one. */
static bool is_scratch_link(const char *number)
{
	char path[300] = "/proc/self/fd/";
	char target[4096];

	strncat(path, number, sizeof(path) - strlen(path) - 1);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	return strstr(target, "/flakey-scratch-") != NULL;
}

void nodisk_plan(const struct nodisk_plan *wanted)
{
	const struct dirent *entry;

	plan = *wanted;
	DIR *stream = opendir("/proc/self/fd");
	if (stream == NULL)
		abort();
	while ((entry = readdir(stream)) != NULL)
		if (is_scratch_link(entry->d_name) &&
		    fstat(atoi(entry->d_name), &scratch) < 0)
			abort();
	closedir(stream);
}

unsigned int nodisk_descriptors(void)
{
	unsigned int count = 0;

	DIR *stream = opendir("/proc/self/fd");
	if (stream == NULL)
		abort();
	while (readdir(stream) != NULL)
		count++;
	closedir(stream);
	return count;
}

void nodisk_arm(unsigned int nth)
{
	countdown = nth;
	fired = false;
}

bool nodisk_disarm(void)
{
	countdown = 0;
	return fired;
}

const char *nodisk_failed(void)
{
	return failed;
}

int nodisk_real_fstat64(int fd, struct stat *st) __asm__("__real_fstat64");

static bool fails(int fd, const char *name)
{
	struct stat st;

	if (countdown == 0)
		return false;
	int saved = errno;
	bool is_scratch = fd >= 0 && nodisk_real_fstat64(fd, &st) == 0 &&
			  st.st_dev == scratch.st_dev &&
			  st.st_ino == scratch.st_ino;
	errno = saved;
	if (is_scratch != (plan.place == NODISK_SCRATCH))
		return false;
	if (--countdown > 0)
		return false;
	if (plan.lasting)
		countdown = 1;
	if (!fired)
		failed = name;
	fired = true;
	errno = plan.errno_value;
	return true;
}

#define WRAP(result, name, fd, parameters, arguments)                          \
	result nodisk_real_##name parameters __asm__("__real_" #name);         \
	result nodisk_##name parameters __asm__("__wrap_" #name);              \
	result nodisk_##name parameters                                        \
	{                                                                      \
		return fails(fd, #name) ? -1 : nodisk_real_##name arguments;   \
	}

WRAP(int, fstat64, fd, (int fd, struct stat *st), (fd, st))
WRAP(int, fstatat64, fd, (int fd, const char *name, struct stat *st, int flags),
     (fd, name, st, flags))
WRAP(int, fstatvfs64, fd, (int fd, struct statvfs *st), (fd, st))
WRAP(int, fchmod, fd, (int fd, mode_t mode), (fd, mode))
WRAP(int, chmod, -1, (const char *path, mode_t mode), (path, mode))
WRAP(int, fchmodat, fd, (int fd, const char *name, mode_t mode, int flags),
     (fd, name, mode, flags))
WRAP(int, fchownat, fd,
     (int fd, const char *name, uid_t uid, gid_t gid, int flags),
     (fd, name, uid, gid, flags))
WRAP(int, mkdirat, fd, (int fd, const char *name, mode_t mode),
     (fd, name, mode))
WRAP(int, mknodat, fd, (int fd, const char *name, mode_t mode, dev_t rdev),
     (fd, name, mode, rdev))
WRAP(int, symlinkat, fd, (const char *target, int fd, const char *name),
     (target, fd, name))
WRAP(int, linkat, fd,
     (int from, const char *name, int fd, const char *to, int flags),
     (from, name, fd, to, flags))
WRAP(int, unlinkat, fd, (int fd, const char *name, int flags),
     (fd, name, flags))
WRAP(int, renameat2, fd,
     (int fd, const char *name, int to, const char *to_name,
      unsigned int flags),
     (fd, name, to, to_name, flags))
WRAP(ssize_t, readlinkat, fd,
     (int fd, const char *name, char *target, size_t size),
     (fd, name, target, size))
WRAP(ssize_t, pread64, fd, (int fd, void *data, size_t size, off_t offset),
     (fd, data, size, offset))
WRAP(ssize_t, pwrite64, fd,
     (int fd, const void *data, size_t size, off_t offset),
     (fd, data, size, offset))
WRAP(off_t, lseek64, fd, (int fd, off_t offset, int whence),
     (fd, offset, whence))
WRAP(int, ftruncate64, fd, (int fd, off_t size), (fd, size))
WRAP(int, fallocate64, fd, (int fd, int mode, off_t offset, off_t length),
     (fd, mode, offset, length))
WRAP(int, futimens, fd, (int fd, const struct timespec *times), (fd, times))
WRAP(int, utimensat, fd,
     (int fd, const char *name, const struct timespec *times, int flags),
     (fd, name, times, flags))
WRAP(int, dup3, fd, (int fd, int to, int flags), (fd, to, flags))
WRAP(int, syncfs, fd, (int fd), (fd))
WRAP(int, setxattr, -1,
     (const char *path, const char *name, const void *value, size_t size,
      int flags),
     (path, name, value, size, flags))
WRAP(ssize_t, getxattr, -1,
     (const char *path, const char *name, void *value, size_t size),
     (path, name, value, size))
WRAP(int, fsetxattr, fd,
     (int fd, const char *name, const void *value, size_t size, int flags),
     (fd, name, value, size, flags))
WRAP(ssize_t, fgetxattr, fd,
     (int fd, const char *name, void *value, size_t size),
     (fd, name, value, size))
WRAP(ssize_t, listxattr, -1, (const char *path, char *list, size_t size),
     (path, list, size))
WRAP(int, removexattr, -1, (const char *path, const char *name), (path, name))

/* Those with an argument that need not be there. */
int nodisk_real_openat64(int fd, const char *name, int flags,
			 ...) __asm__("__real_openat64");
int nodisk_openat64(int fd, const char *name, int flags,
		    ...) __asm__("__wrap_openat64");
int nodisk_openat64(int fd, const char *name, int flags, ...)
{
	mode_t mode = 0;

	if (flags & O_CREAT) {
		va_list arguments;
		va_start(arguments, flags);
		mode = va_arg(arguments, mode_t);
		va_end(arguments);
	}
	return fails(fd, "openat64")
		       ? -1
		       : nodisk_real_openat64(fd, name, flags, mode);
}

/* Only F_DUPFD_CLOEXEC is used of it. */
int nodisk_real_fcntl64(int fd, int command, ...) __asm__("__real_fcntl64");
int nodisk_fcntl64(int fd, int command, ...) __asm__("__wrap_fcntl64");
int nodisk_fcntl64(int fd, int command, ...)
{
	va_list arguments;

	va_start(arguments, command);
	long argument = va_arg(arguments, long);
	va_end(arguments);
	return fails(fd, "fcntl64")
		       ? -1
		       : nodisk_real_fcntl64(fd, command, argument);
}

DIR *nodisk_real_fdopendir(int fd) __asm__("__real_fdopendir");
DIR *nodisk_fdopendir(int fd) __asm__("__wrap_fdopendir");
DIR *nodisk_fdopendir(int fd)
{
	return fails(fd, "fdopendir") ? NULL : nodisk_real_fdopendir(fd);
}

struct dirent *nodisk_real_readdir64(DIR *stream) __asm__("__real_readdir64");
struct dirent *nodisk_readdir64(DIR *stream) __asm__("__wrap_readdir64");
struct dirent *nodisk_readdir64(DIR *stream)
{
	if (countdown > 0 && fails(dirfd(stream), "readdir64"))
		return NULL;
	return nodisk_real_readdir64(stream);
}
