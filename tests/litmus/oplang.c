/* SPDX-License-Identifier: MIT */
/*
 * One table of ops, each a small function that answers like a system call: -1
 * with errno, or anything else. Paths are plain, from the working directory:
 * truncate() and setxattr() have no *at() form, and going through a descriptor
 * would be another request to the file system than the one under test.
 */
#include "tests/litmus/oplang.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define WORDS_MAX 5
#define DIRECT_ALIGNMENT 4096

typedef long op_fn(struct oplang *lang, char **args);

struct op {
	const char *word;
	int args; /* exactly so many */
	op_fn *run;
};

/* errno must stay that of the act, not of the close. */
static long close_after(int fd, long result)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd); /* on these file systems close never fails */
	errno = saved;
	return result;
}

static char *filled(long length, char fill)
{
	size_t rounded = (size_t)(length / DIRECT_ALIGNMENT + 1);
	char *buffer;

	if (length < 0) {
		errno = EINVAL;
		return NULL;
	}
	rounded *= DIRECT_ALIGNMENT;
	buffer = aligned_alloc(DIRECT_ALIGNMENT, rounded);
	if (buffer)
		memset(buffer, fill, rounded);
	return buffer;
}

static long write_fd(int fd, const char *offset, const char *length, char fill)
{
	long length_bytes = atol(length);
	char *buffer = filled(length_bytes, fill);
	long result;

	if (!buffer)
		return -1;
	if (offset)
		result = pwrite(fd, buffer, (size_t)length_bytes, atol(offset));
	else
		result = write(fd, buffer, (size_t)length_bytes);
	free(buffer);
	return result;
}

static int open_new(const char *path, int flags)
{
	return open(path, flags | O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
}

static long write_path(char **args, int flags)
{
	int fd = open_new(args[0], flags);

	return close_after(fd, write_fd(fd, args[1], args[2], args[3][0]));
}

static long op_create(struct oplang *lang, char **args)
{
	int fd = open_new(args[0], O_EXCL);

	(void)lang;
	return close_after(fd, fd);
}

static long op_write(struct oplang *lang, char **args)
{
	(void)lang;
	return write_path(args, 0);
}

static long op_write_sync(struct oplang *lang, char **args)
{
	(void)lang;
	return write_path(args, O_SYNC);
}

static long op_write_dsync(struct oplang *lang, char **args)
{
	(void)lang;
	return write_path(args, O_DSYNC);
}

static long op_write_direct(struct oplang *lang, char **args)
{
	(void)lang;
	return write_path(args, O_DIRECT);
}

static long op_append(struct oplang *lang, char **args)
{
	int fd = open_new(args[0], O_APPEND);

	(void)lang;
	return close_after(fd, write_fd(fd, NULL, args[1], args[2][0]));
}

static long op_rewrite(struct oplang *lang, char **args)
{
	int fd = open_new(args[0], O_TRUNC);

	(void)lang;
	return close_after(fd, write_fd(fd, NULL, args[1], args[2][0]));
}

/* A store to a page behind the file's end would be the end of the program. */
static char *map_all(int fd, size_t length)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return NULL;
	if (((size_t)st.st_size + page - 1) / page * page < length) {
		errno = EFAULT;
		return NULL;
	}
	char *map =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

/* msync_flags 0: no msync at all */
static long store_mapped(char **args, int msync_flags)
{
	int fd = open(args[0], O_RDWR | O_CLOEXEC);
	size_t offset = (size_t)atol(args[1]);
	size_t length = (size_t)atol(args[2]);
	long result = 0;
	char *map = map_all(fd, offset + length);

	if (!map)
		return close_after(fd, -1);
	memset(map + offset, args[3][0], length);
	if (msync_flags)
		result = msync(map, offset + length, msync_flags);
	(void)munmap(map, offset + length); /* our own mapping: cannot fail */
	return close_after(fd, result);
}

static long op_mmap(struct oplang *lang, char **args)
{
	(void)lang;
	return store_mapped(args, 0);
}

static long op_mmap_sync(struct oplang *lang, char **args)
{
	(void)lang;
	return store_mapped(args, MS_SYNC);
}

static long op_mmap_async(struct oplang *lang, char **args)
{
	(void)lang;
	return store_mapped(args, MS_ASYNC);
}

static long sync_fd(const struct oplang *lang, int fd, int (*how)(int))
{
	if (lang->sync == OPLANG_SYNC_NONE)
		return fcntl(fd, F_GETFD);
	return how(fd);
}

static long op_fsync(struct oplang *lang, char **args)
{
	int fd = open(args[0], O_RDONLY | O_CLOEXEC);

	return close_after(fd, sync_fd(lang, fd, fsync));
}

static long op_fdatasync(struct oplang *lang, char **args)
{
	int fd = open(args[0], O_RDONLY | O_CLOEXEC);

	return close_after(fd, sync_fd(lang, fd, fdatasync));
}

/* syncfs() does not reach a FUSE server: the mount has a verb for it. */
static long op_sync(struct oplang *lang, char **args)
{
	bool control = lang->sync == OPLANG_SYNC_CONTROL;
	int fd = control ? open(".flakey/control", O_WRONLY | O_CLOEXEC)
			 : open(args[0], O_RDONLY | O_CLOEXEC);

	if (control)
		return close_after(fd, write(fd, "sync", 4));
	return close_after(fd, sync_fd(lang, fd, syncfs));
}

static long op_sync_range(struct oplang *lang, char **args)
{
	int fd = open(args[0], O_RDWR | O_CLOEXEC);
	unsigned int flags = SYNC_FILE_RANGE_WAIT_BEFORE |
			     SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

	(void)lang;
	return close_after(fd, sync_file_range(fd, 0, 0, flags));
}

static long op_truncate(struct oplang *lang, char **args)
{
	(void)lang;
	return truncate(args[0], atol(args[1]));
}

static long op_rename(struct oplang *lang, char **args)
{
	(void)lang;
	return rename(args[0], args[1]);
}

static long op_exchange(struct oplang *lang, char **args)
{
	(void)lang;
	return renameat2(AT_FDCWD, args[0], AT_FDCWD, args[1], RENAME_EXCHANGE);
}

static long op_rename_new(struct oplang *lang, char **args)
{
	(void)lang;
	return renameat2(AT_FDCWD, args[0], AT_FDCWD, args[1],
			 RENAME_NOREPLACE);
}

static long op_link(struct oplang *lang, char **args)
{
	(void)lang;
	return link(args[0], args[1]);
}

static long op_symlink(struct oplang *lang, char **args)
{
	(void)lang;
	return symlink(args[0], args[1]);
}

static long op_unlink(struct oplang *lang, char **args)
{
	(void)lang;
	return unlink(args[0]);
}

static long op_mkdir(struct oplang *lang, char **args)
{
	(void)lang;
	return mkdir(args[0], 0755);
}

static long op_rmdir(struct oplang *lang, char **args)
{
	(void)lang;
	return rmdir(args[0]);
}

static long op_fallocate(struct oplang *lang, char **args)
{
	int fd = open(args[0], O_WRONLY | O_CLOEXEC);

	(void)lang;
	return close_after(
		fd, fallocate(fd, atoi(args[3]), atol(args[1]), atol(args[2])));
}

static long op_chmod(struct oplang *lang, char **args)
{
	(void)lang;
	return chmod(args[0], (mode_t)strtoul(args[1], NULL, 8));
}

static long op_setxattr(struct oplang *lang, char **args)
{
	(void)lang;
	return setxattr(args[0], "user.k", args[1], strlen(args[1]), 0);
}

static long op_removexattr(struct oplang *lang, char **args)
{
	(void)lang;
	return removexattr(args[0], "user.k");
}

static long keep(struct oplang *lang, int fd)
{
	if (fd < 0)
		return -1;
	if (lang->kept_count == OPLANG_KEPT_MAX) {
		errno = EMFILE;
		return close_after(fd, -1);
	}
	lang->kept[lang->kept_count++] = fd;
	return 0;
}

/* -1, which every call refuses, for a number that is not there */
static int kept(const struct oplang *lang, const char *number)
{
	size_t index = (size_t)atol(number);

	return index < lang->kept_count ? lang->kept[index] : -1;
}

static long op_open(struct oplang *lang, char **args)
{
	return keep(lang, open(args[0], O_RDWR | O_CLOEXEC));
}

static long op_open_dsync(struct oplang *lang, char **args)
{
	return keep(lang, open(args[0], O_RDWR | O_DSYNC | O_CLOEXEC));
}

static long op_open_truncate(struct oplang *lang, char **args)
{
	return keep(lang, open(args[0], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
			       0644));
}

static long op_open_unnamed(struct oplang *lang, char **args)
{
	return keep(lang, open(args[0], O_RDWR | O_TMPFILE | O_CLOEXEC, 0644));
}

static long op_dup(struct oplang *lang, char **args)
{
	return keep(lang, fcntl(kept(lang, args[0]), F_DUPFD_CLOEXEC, 0));
}

static long op_write_kept(struct oplang *lang, char **args)
{
	return write_fd(kept(lang, args[0]), args[1], args[2], args[3][0]);
}

static long op_truncate_kept(struct oplang *lang, char **args)
{
	return ftruncate(kept(lang, args[0]), atol(args[1]));
}

static long op_fsync_kept(struct oplang *lang, char **args)
{
	return sync_fd(lang, kept(lang, args[0]), fsync);
}

static long op_fdatasync_kept(struct oplang *lang, char **args)
{
	return sync_fd(lang, kept(lang, args[0]), fdatasync);
}

static long op_link_kept(struct oplang *lang, char **args)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d",
		       kept(lang, args[0]));
	return linkat(AT_FDCWD, path, AT_FDCWD, args[1], AT_SYMLINK_FOLLOW);
}

static long op_close_kept(struct oplang *lang, char **args)
{
	int fd = kept(lang, args[0]);

	if (fd >= 0)
		lang->kept[atol(args[0])] = -1;
	return close(fd);
}

static const struct op OPS[] = {
	{"a", 3, op_append},
	{"c", 1, op_create},
	{"ch", 2, op_chmod},
	{"co", 1, op_close_kept},
	{"ds", 4, op_write_dsync},
	{"du", 1, op_dup},
	{"dw", 4, op_write_direct},
	{"f", 1, op_fsync},
	{"fa", 4, op_fallocate},
	{"fd", 1, op_fdatasync},
	{"fdo", 1, op_fdatasync_kept},
	{"fo", 1, op_fsync_kept},
	{"l", 2, op_link},
	{"lo", 2, op_link_kept},
	{"m", 1, op_mkdir},
	{"ma", 4, op_mmap_async},
	{"mm", 4, op_mmap},
	{"ms", 4, op_mmap_sync},
	{"o", 1, op_open},
	{"od", 1, op_open_dsync},
	{"ot", 1, op_open_truncate},
	{"ou", 1, op_open_unnamed},
	{"r", 2, op_rename},
	{"rd", 1, op_rmdir},
	{"rn", 2, op_rename_new},
	{"rx", 2, op_exchange},
	{"s", 2, op_symlink},
	{"sfr", 1, op_sync_range},
	{"sw", 4, op_write_sync},
	{"t", 2, op_truncate},
	{"to", 2, op_truncate_kept},
	{"tw", 3, op_rewrite},
	{"u", 1, op_unlink},
	{"w", 4, op_write},
	{"wo", 4, op_write_kept},
	{"x", 2, op_setxattr},
	{"xr", 1, op_removexattr},
	{"y", 1, op_sync},
};

static const struct op *find_op(const char *word)
{
	for (size_t i = 0; i < sizeof(OPS) / sizeof(OPS[0]); i++)
		if (strcmp(OPS[i].word, word) == 0)
			return &OPS[i];
	return NULL;
}

static int run_one(struct oplang *lang, const char *text, FILE *out)
{
	char line[OPLANG_LINE_MAX];
	char *words[WORDS_MAX + 1];
	const struct op *op;
	int count = 0;
	char *rest = NULL;

	(void)snprintf(line, sizeof(line), "%s", text);
	for (char *word = strtok_r(line, " ", &rest);
	     word && count <= WORDS_MAX; word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	if (count == 0)
		return 0;
	op = find_op(words[0]);
	if (!op || op->args != count - 1)
		return -EINVAL;
	if (op->run(lang, words + 1) < 0)
		fprintf(out, " [%s: %s]", text, strerror(errno));
	return 0;
}

void oplang_init(struct oplang *lang, int root, enum oplang_sync sync)
{
	*lang = (struct oplang){.root = root, .sync = sync};
}

void oplang_done(struct oplang *lang)
{
	for (size_t i = 0; i < lang->kept_count; i++)
		if (lang->kept[i] >= 0)
			(void)close(lang->kept[i]); /* may be dead: EIO */
	lang->kept_count = 0;
}

int oplang_run(struct oplang *lang, const char *ops, FILE *out)
{
	char *copy = strdup(ops);
	char *rest = copy;
	int r = 0;

	if (!copy)
		return -ENOMEM;
	if (fchdir(lang->root) < 0)
		r = -errno;
	for (char *text = strsep(&rest, ";"); text && r == 0;
	     text = strsep(&rest, ";"))
		r = run_one(lang, text, out);
	free(copy);
	return r;
}
