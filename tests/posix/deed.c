/* SPDX-License-Identifier: MIT */
#include "tests/posix/deed.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/posix/see.h"
#include "tests/posix/thing.h"

void deed_prepare(void)
{
	/* The same for both, so that exchanging them moves no mtime. */
	struct timespec times[2] = {{1000, 0}, {2000, 0}};

	thing_filled("f", 'f', 10000);
	thing_filled("g", 'g', 100);
	see_must("prepare", link("f", "h"));
	see_must("prepare", setxattr("f", "user.old", "old", 3, 0));
	see_must("prepare", utimensat(AT_FDCWD, "f", times, 0));
	see_must("prepare", utimensat(AT_FDCWD, "g", times, 0));
}

/* Keeps the error of what was done when it closes. */
static int64_t closed(int fd, int64_t result)
{
	int saved = errno;

	(void)close(fd); /* what counts has been said before */
	errno = saved;
	return result;
}

static int64_t written(const char *path, int flags, size_t size, off_t offset)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		return -1;
	return closed(fd, pwrite(fd, "0123456789", size, offset));
}

static int64_t write_one(void)
{
	return written("f", O_WRONLY, 1, 0);
}

static int64_t write_none(void)
{
	return written("f", O_WRONLY, 0, 0);
}

static int64_t write_at_end(void)
{
	return written("f", O_WRONLY, 5, 10000);
}

static int64_t write_far(void)
{
	return written("f", O_WRONLY, 5, 100000);
}

static int64_t write_append(void)
{
	return written("f", O_WRONLY | O_APPEND, 5, 0);
}

static int64_t write_sync(void)
{
	return written("f", O_WRONLY | O_SYNC, 5, 0);
}

static int64_t write_other_name(void)
{
	return written("h", O_WRONLY, 5, 0);
}

static int64_t truncate_shorter(void)
{
	return truncate("f", 10);
}

static int64_t truncate_same(void)
{
	return truncate("f", 10000);
}

static int64_t truncate_longer(void)
{
	return truncate("f", 20000);
}

static int64_t resized(off_t size)
{
	int fd = open("f", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -1;
	return closed(fd, ftruncate(fd, size));
}

static int64_t ftruncate_shorter(void)
{
	return resized(10);
}

static int64_t ftruncate_same(void)
{
	return resized(10000);
}

static int64_t ftruncate_longer(void)
{
	return resized(20000);
}

static int64_t opened(int flags)
{
	int fd = open("f", flags | O_CLOEXEC, 0644);

	return fd < 0 ? -1 : closed(fd, 0);
}

static int64_t open_read(void)
{
	return opened(O_RDONLY);
}

static int64_t open_write(void)
{
	return opened(O_RDWR);
}

static int64_t open_create(void)
{
	return opened(O_RDWR | O_CREAT);
}

static int64_t open_truncate(void)
{
	return opened(O_WRONLY | O_TRUNC);
}

static int64_t read_bytes(void)
{
	char bytes[10];
	int fd = open("f", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	return closed(fd, read(fd, bytes, sizeof(bytes)));
}

static int64_t allocated(int mode, off_t offset, off_t length)
{
	int fd = open("f", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -1;
	return closed(fd, fallocate(fd, mode, offset, length));
}

static int64_t allocate_within(void)
{
	return allocated(0, 0, 4096);
}

static int64_t allocate_longer(void)
{
	return allocated(0, 0, 20000);
}

static int64_t allocate_keeping(void)
{
	return allocated(FALLOC_FL_KEEP_SIZE, 10000, 10000);
}

static int64_t punch(void)
{
	return allocated(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
}

static int64_t zero(void)
{
	return allocated(FALLOC_FL_ZERO_RANGE, 4096, 4096);
}

static int64_t chmod_same(void)
{
	struct stat st;

	return stat("f", &st) < 0 ? -1 : chmod("f", st.st_mode & 07777);
}

static int64_t chmod_other(void)
{
	return chmod("f", 0611);
}

static int64_t chown_nothing(void)
{
	return chown("f", -1, -1);
}

static int64_t chown_same(void)
{
	struct stat st;

	return stat("f", &st) < 0 ? -1 : chown("f", st.st_uid, st.st_gid);
}

static int64_t chown_same_group(void)
{
	struct stat st;

	return stat("f", &st) < 0 ? -1 : chown("f", -1, st.st_gid);
}

static int64_t utimes_now(void)
{
	return utimensat(AT_FDCWD, "f", NULL, 0);
}

static int64_t utimes_omitted(void)
{
	struct timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};

	return utimensat(AT_FDCWD, "f", times, 0);
}

static int64_t utimes_old(void)
{
	struct timespec times[2] = {{1000, 1}, {2000, 2}};

	return utimensat(AT_FDCWD, "f", times, 0);
}

static int64_t setxattr_new(void)
{
	return setxattr("f", "user.new", "value", 5, 0);
}

static int64_t setxattr_same(void)
{
	return setxattr("f", "user.old", "old", 3, 0);
}

static int64_t setxattr_refused(void)
{
	return setxattr("f", "user.old", "x", 1, XATTR_CREATE);
}

static int64_t removexattr_old(void)
{
	return removexattr("f", "user.old");
}

static int64_t removexattr_none(void)
{
	return removexattr("f", "user.none");
}

static int64_t getxattr_old(void)
{
	char value[8];

	return getxattr("f", "user.old", value, sizeof(value));
}

static int64_t renamed_away_and_back(void)
{
	return rename("f", "i") < 0 ? -1 : rename("i", "f");
}

static int64_t renamed_to_itself(void)
{
	return rename("f", "f");
}

static int64_t renamed_to_its_other_name(void)
{
	return rename("h", "f");
}

static int64_t exchanged_with_another(void)
{
	return renameat2(AT_FDCWD, "g", AT_FDCWD, "h", RENAME_EXCHANGE);
}

static int64_t linked(void)
{
	return link("f", "i");
}

static int64_t other_name_unlinked(void)
{
	return unlink("h");
}

static int64_t other_name_replaced(void)
{
	return rename("g", "h");
}

static int64_t mapped(int flags, char with)
{
	int fd = open("f", O_RDWR | O_CLOEXEC);
	char *map;

	if (fd < 0)
		return -1;
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (map == MAP_FAILED)
		return closed(fd, -1);
	map[0] = with;
	int r = msync(map, 4096, MS_SYNC);
	(void)munmap(map, 4096); /* it is written by now */
	return closed(fd, r);
}

static int64_t mapped_shared(void)
{
	return mapped(MAP_SHARED, 'm');
}

static int64_t mapped_private(void)
{
	return mapped(MAP_PRIVATE, 'm');
}

static int64_t copied(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CLOEXEC);

	int64_t n = copy_file_range(in, NULL, out, NULL, 50, 0);
	return closed(in, closed(out, n));
}

static int64_t copied_into(void)
{
	return copied("g", "f");
}

static int64_t copied_out_of(void)
{
	return copied("f", "g");
}

static int64_t sent_into(void)
{
	int in = open("g", O_RDONLY | O_CLOEXEC);
	int out = open("f", O_WRONLY | O_CLOEXEC);

	return closed(in, closed(out, sendfile(out, in, NULL, 50)));
}

static int64_t synced(void)
{
	int fd = open("f", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : closed(fd, fsync(fd));
}

static int64_t synced_data(void)
{
	int fd = open("f", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : closed(fd, fdatasync(fd));
}

static int64_t locked(void)
{
	int fd = open("f", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : closed(fd, flock(fd, LOCK_SH));
}

static int64_t asked_for_access(void)
{
	return access("f", R_OK);
}

static const struct deed deeds[] = {
	{"write_one", write_one},
	{"write_none", write_none},
	{"write_at_end", write_at_end},
	{"write_far", write_far},
	{"write_append", write_append},
	{"write_sync", write_sync},
	{"write_other_name", write_other_name},
	{"truncate_shorter", truncate_shorter},
	{"truncate_same", truncate_same},
	{"truncate_longer", truncate_longer},
	{"ftruncate_shorter", ftruncate_shorter},
	{"ftruncate_same", ftruncate_same},
	{"ftruncate_longer", ftruncate_longer},
	{"open_read", open_read},
	{"open_write", open_write},
	{"open_create", open_create},
	{"open_truncate", open_truncate},
	{"read", read_bytes},
	{"allocate_within", allocate_within},
	{"allocate_longer", allocate_longer},
	{"allocate_keeping", allocate_keeping},
	{"punch", punch},
	{"zero", zero},
	{"chmod_same", chmod_same},
	{"chmod_other", chmod_other},
	{"chown_nothing", chown_nothing},
	{"chown_same", chown_same},
	{"chown_same_group", chown_same_group},
	{"utimes_now", utimes_now},
	{"utimes_omitted", utimes_omitted},
	{"utimes_old", utimes_old},
	{"setxattr_new", setxattr_new},
	{"setxattr_same", setxattr_same},
	{"setxattr_refused", setxattr_refused},
	{"removexattr_old", removexattr_old},
	{"removexattr_none", removexattr_none},
	{"getxattr_old", getxattr_old},
	{"renamed_away_and_back", renamed_away_and_back},
	{"renamed_to_itself", renamed_to_itself},
	{"renamed_to_its_other_name", renamed_to_its_other_name},
	{"exchanged_with_another", exchanged_with_another},
	{"linked", linked},
	{"other_name_unlinked", other_name_unlinked},
	{"other_name_replaced", other_name_replaced},
	{"mapped_shared", mapped_shared},
	{"mapped_private", mapped_private},
	{"copied_into", copied_into},
	{"copied_out_of", copied_out_of},
	{"sent_into", sent_into},
	{"synced", synced},
	{"synced_data", synced_data},
	{"locked", locked},
	{"asked_for_access", asked_for_access},
};

size_t deed_count(void)
{
	return sizeof(deeds) / sizeof(deeds[0]);
}

const struct deed *deed_at(size_t index)
{
	return &deeds[index];
}
