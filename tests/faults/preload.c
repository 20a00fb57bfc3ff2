/* SPDX-License-Identifier: MIT */
/* LD_PRELOADed into a daemon: see preload.h. The allocator's own names are given
 * to the assembler only; asking dlsym(3) for them would allocate. */
#include "tests/faults/preload.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct preload_plan *plan;

__attribute__((constructor)) static void map_plan(void)
{
	const char *path = getenv("FLAKEY_TEST_PLAN");

	if (path == NULL)
		return;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		abort();
	void *map = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE,
			 MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		abort();
	plan = map;
}

static bool fails(enum preload_what what)
{
	if (plan == NULL || plan->what != (int)what)
		return false;
	int left = atomic_fetch_sub(&plan->countdown, 1);
	if (left > 1 || (left < 1 && !plan->lasting))
		return false;
	plan->fired++;
	errno = plan->error;
	return true;
}

void *real_malloc(size_t size) __asm__("__libc_malloc");
void *real_calloc(size_t count, size_t size) __asm__("__libc_calloc");
void *real_realloc(void *old, size_t size) __asm__("__libc_realloc");
void *real_memalign(size_t alignment, size_t size) __asm__("__libc_memalign");

void *malloc(size_t size)
{
	return fails(PRELOAD_MEMORY) ? NULL : real_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails(PRELOAD_MEMORY) ? NULL : real_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return fails(PRELOAD_MEMORY) ? NULL : real_realloc(old, size);
}

void *reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, bytes);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
	void *memory = NULL;

	if (!fails(PRELOAD_MEMORY))
		memory = real_memalign(alignment, size);
	if (memory == NULL)
		return ENOMEM;
	*ret_memory = memory;
	return 0;
}

/* The scratch file has no name. */
static bool refuses(int fd)
{
	struct stat st;

	if (plan == NULL || plan->what != PRELOAD_STORE)
		return false;
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0)
		return false;
	return fails(PRELOAD_STORE);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define STEP(name, fd, parameters, arguments)                                  \
	int name parameters                                                    \
	{                                                                      \
		return refuses(fd) ? -1 : REAL(name) arguments;                \
	}

STEP(mkdirat, fd, (int fd, const char *name, mode_t mode), (fd, name, mode))
STEP(mknodat, fd, (int fd, const char *name, mode_t mode, dev_t rdev),
     (fd, name, mode, rdev))
STEP(symlinkat, fd, (const char *target, int fd, const char *name),
     (target, fd, name))
STEP(linkat, to,
     (int fd, const char *name, int to, const char *to_name, int flags),
     (fd, name, to, to_name, flags))
STEP(unlinkat, fd, (int fd, const char *name, int flags), (fd, name, flags))
STEP(renameat2, fd,
     (int fd, const char *name, int to, const char *to_name,
      unsigned int flags),
     (fd, name, to, to_name, flags))
STEP(fchmodat, fd, (int fd, const char *name, mode_t mode, int flags),
     (fd, name, mode, flags))
STEP(fchownat, fd, (int fd, const char *name, uid_t uid, gid_t gid, int flags),
     (fd, name, uid, gid, flags))
STEP(futimens, fd, (int fd, const struct timespec times[2]), (fd, times))
STEP(utimensat, fd,
     (int fd, const char *name, const struct timespec times[2], int flags),
     (fd, name, times, flags))
STEP(ftruncate64, fd, (int fd, off64_t size), (fd, size))
STEP(fallocate64, fd, (int fd, int mode, off64_t offset, off64_t length),
     (fd, mode, offset, length))
STEP(setxattr, -1,
     (const char *path, const char *name, const void *value, size_t size,
      int flags),
     (path, name, value, size, flags))

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
	return refuses(fd) ? -1 : REAL(pwrite64)(fd, data, size, offset);
}

int openat64(int fd, const char *name, int flags, ...)
{
	va_list arguments;

	va_start(arguments, flags);
	mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	if (flags & O_CREAT && refuses(fd))
		return -1;
	return REAL(openat64)(fd, name, flags, mode);
}
