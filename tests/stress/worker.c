/* SPDX-License-Identifier: MIT */
#include "tests/stress/worker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DIRECTORIES 4
#define FILES 8
#define PATH_BYTES 32
#define RECORD_BYTES 512
#define WRITE_BYTES_MAX 16384

typedef void action_fn(struct worker *worker);

/* Where a thread goes when its mapping lost its file. */
static _Thread_local sigjmp_buf fault_escape;

static unsigned int pick(struct worker *worker, unsigned int limit)
{
	/* xorshift64*: small, seeded, and good enough to shuffle. */
	worker->random ^= worker->random >> 12;
	worker->random ^= worker->random << 25;
	worker->random ^= worker->random >> 27;
	return (unsigned int)((worker->random * 2685821657736338717u) >> 33) %
	       limit;
}

/* Wakes whoever waits for work to be done. */
static void ring(const struct worker *worker)
{
	/* The pipe is far from full; without it there would be a stall. */
	(void)!write(worker->board->bell, "", 1);
}

static void fail(struct worker *worker, const char *what, int error)
{
	printf("# worker %d: %s: %s\n", worker->number, what, strerror(error));
	(void)fflush(stdout); /* the process may be killed soon */
	atomic_fetch_add(&worker->board->failures, 1);
	atomic_store(&worker->board->stop, true);
	ring(worker);
}

/* The moment for crashed_since(). */
static unsigned long crashes(const struct worker *worker)
{
	return atomic_load(&worker->board->crashes_ended);
}

/* Whether a crash was under way then, or began since. */
static bool crashed_since(const struct worker *worker, unsigned long moment)
{
	return atomic_load(&worker->board->crashes_begun) != moment;
}

/* On paths: what rivals explain, and nothing else; a crash is no excuse, for
 * what a path means afterwards is well defined. Two things are in the kernel's
 * hands, are counted and must be rare: a call that found a name before the crash,
 * and is sent when it is over, cannot be told from one on a descriptor (EIO); and
 * calls that make a name do not look again if the lookup of that name itself,
 * in a directory of the past, asks for it (ESTALE). */
static void expect_path(struct worker *worker, const char *what, long result)
{
	static const int right[] = {
		ENOENT, EEXIST, ENOTEMPTY, EISDIR, ENOTDIR, EINVAL,
		ELOOP,	EPERM,	ENODATA,   EXDEV,  EMLINK,
	};

	if (result >= 0)
		return;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		if (errno == right[i])
			return;
	if ((errno == EIO || errno == ESTALE) &&
	    crashed_since(worker, worker->began))
		atomic_fetch_add(&worker->board->late_paths, 1);
	else
		fail(worker, what, errno);
}

/* On descriptors: EIO, if there was a crash since they were opened. */
static bool expect_fd(struct worker *worker, const char *what, long result,
		      unsigned long opened)
{
	int error = errno;

	if (result >= 0)
		return true;
	if (error != EIO || !crashed_since(worker, opened))
		fail(worker, what, error);
	return false;
}

static const char *random_path(struct worker *worker, char *buffer)
{
	unsigned int directory = pick(worker, DIRECTORIES + 1);
	unsigned int file = pick(worker, FILES);

	if (directory == DIRECTORIES)
		(void)snprintf(buffer, PATH_BYTES, "f%u", file);
	else
		(void)snprintf(buffer, PATH_BYTES, "d%u/f%u", directory, file);
	return buffer;
}

static const char *random_directory(struct worker *worker, char *buffer)
{
	(void)snprintf(buffer, PATH_BYTES, "d%u", pick(worker, DIRECTORIES));
	return buffer;
}

static int open_random(struct worker *worker, int flags)
{
	char path[PATH_BYTES];
	int fd = openat(worker->root, random_path(worker, path),
			flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);

	expect_path(worker, "open", fd);
	return fd;
}

static void act_write(struct worker *worker)
{
	static const int flags[] = {0,	     0,	      0,     O_APPEND,
				    O_TRUNC, O_DSYNC, O_SYNC};
	char buffer[WRITE_BYTES_MAX];
	unsigned long now = crashes(worker);
	int fd = open_random(
		worker,
		O_CREAT | O_RDWR |
			flags[pick(worker, sizeof(flags) / sizeof(flags[0]))]);
	bool alive = fd >= 0;

	memset(buffer, 'a' + worker->number, sizeof(buffer));
	for (unsigned int i = pick(worker, 4); alive && i > 0; i--) {
		size_t length = pick(worker, sizeof(buffer)) + 1;

		alive = expect_fd(
			worker, "write",
			pwrite(fd, buffer, length, pick(worker, 65536)), now);
	}
	if (alive && pick(worker, 2))
		alive = expect_fd(worker, "fsync",
				  pick(worker, 2) ? fsync(fd) : fdatasync(fd),
				  now);
	if (alive && pick(worker, 4) == 0)
		(void)expect_fd(worker, "read",
				pread(fd, buffer, sizeof(buffer), 0), now);
	if (fd >= 0)
		(void)close(fd); /* of a dead descriptor it may fail */
}

static void act_truncate(struct worker *worker)
{
	unsigned long now = crashes(worker);
	int fd = open_random(worker, O_RDWR);

	if (fd < 0)
		return;
	(void)expect_fd(worker, "ftruncate", ftruncate(fd, pick(worker, 65536)),
			now);
	(void)close(fd); /* as above */
}

/* Stores through a mapping; a crash may cut the file under it. */
static void store_mapped(struct worker *worker, int fd, unsigned long now)
{
	struct stat st;
	char *map;

	if (!expect_fd(worker, "fstat", fstat(fd, &st), now) ||
	    st.st_size < 4096)
		return;
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		(void)expect_fd(worker, "mmap", -1, now);
		return;
	}
	if (sigsetjmp(fault_escape, 1) == 0)
		memset(map, 'A', 4096);
	if (pick(worker, 2) && msync(map, 4096, MS_SYNC) < 0 && errno != EIO)
		fail(worker, "msync", errno);
	(void)munmap(map, 4096); /* our own mapping: cannot fail */
}

static void act_mmap(struct worker *worker)
{
	unsigned long now = crashes(worker);
	int fd = open_random(worker, O_RDWR);

	if (fd < 0)
		return;
	store_mapped(worker, fd, now);
	(void)close(fd); /* as above */
}

static void act_rename(struct worker *worker)
{
	static const unsigned int flags[] = {0, 0, 0, RENAME_NOREPLACE,
					     RENAME_EXCHANGE};
	char from[PATH_BYTES], to[PATH_BYTES];
	unsigned int flag = flags[pick(worker, 5)];

	if (pick(worker, 5) == 0) {
		random_directory(worker, from);
		random_directory(worker, to);
	} else {
		random_path(worker, from);
		random_path(worker, to);
	}
	expect_path(worker, "rename",
		    renameat2(worker->root, from, worker->root, to, flag));
}

static void act_link(struct worker *worker)
{
	char from[PATH_BYTES], to[PATH_BYTES];

	random_path(worker, from);
	random_path(worker, to);
	if (pick(worker, 3) == 0)
		expect_path(worker, "symlink",
			    symlinkat(from, worker->root, to));
	else
		expect_path(worker, "link",
			    linkat(worker->root, from, worker->root, to, 0));
}

static void act_unlink(struct worker *worker)
{
	char path[PATH_BYTES];

	expect_path(worker, "unlink",
		    unlinkat(worker->root, random_path(worker, path), 0));
}

static void act_directory(struct worker *worker)
{
	char path[PATH_BYTES];

	random_directory(worker, path);
	if (pick(worker, 3))
		expect_path(worker, "mkdir", mkdirat(worker->root, path, 0755));
	else
		expect_path(worker, "rmdir",
			    unlinkat(worker->root, path, AT_REMOVEDIR));
}

static void act_sync_directory(struct worker *worker)
{
	char path[PATH_BYTES];
	unsigned long now = crashes(worker);
	int fd = openat(worker->root, random_directory(worker, path),
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	expect_path(worker, "open directory", fd);
	if (fd < 0)
		return;
	(void)expect_fd(worker, "fsync directory", fsync(fd), now);
	(void)close(fd); /* only synced */
}

static void act_list(struct worker *worker)
{
	char path[PATH_BYTES];
	int fd = openat(worker->root, random_directory(worker, path),
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	struct dirent *entry;
	DIR *stream;

	expect_path(worker, "open directory", fd);
	stream = fd < 0 ? NULL : fdopendir(fd);
	while (stream && (entry = readdir(stream)))
		expect_path(
			worker, "stat",
			fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW));
	if (stream)
		(void)closedir(stream); /* only read from */
}

/* Whatever a path can be asked; a crash must not show. */
static void act_path(struct worker *worker)
{
	char path[PATH_BYTES], value[16];
	struct stat st;
	long r = -1;

	random_path(worker, path);
	switch (pick(worker, 5)) {
	case 0:
		r = fstatat(worker->root, path, &st, AT_SYMLINK_NOFOLLOW);
		break;
	case 1:
		r = fchmodat(worker->root, path, 0640, 0);
		break;
	case 2:
		r = utimensat(worker->root, path, NULL, 0);
		break;
	case 3:
		r = readlinkat(worker->root, path, value, sizeof(value));
		break;
	case 4:
		r = faccessat(worker->root, path, R_OK, 0);
		break;
	}
	expect_path(worker, "a call on a path", r);
}

/* A file without a name that gets one. */
static void act_unnamed(struct worker *worker)
{
	char path[PATH_BYTES], self[PATH_BYTES];
	unsigned long now = crashes(worker);
	int fd =
		openat(worker->root, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);

	if (fd < 0) {
		expect_path(worker, "open a temporary file", -1);
		return;
	}
	if (expect_fd(worker, "write", pwrite(fd, "unnamed", 7, 4000), now)) {
		(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
		if (linkat(AT_FDCWD, self, worker->root,
			   random_path(worker, path), AT_SYMLINK_FOLLOW) < 0 &&
		    errno != EIO)
			expect_path(worker, "link", -1);
	}
	(void)close(fd); /* of a dead descriptor it may fail */
}

/* Calls on a descriptor that the kernel passes on without it. */
static void act_bare(struct worker *worker)
{
	static const struct timespec times[2] = {{.tv_nsec = UTIME_NOW},
						 {.tv_nsec = UTIME_OMIT}};
	unsigned long now = crashes(worker);
	int fd = open_random(worker, O_RDWR);
	char value[16];
	struct stat st;

	if (fd < 0)
		return;
	(void)expect_fd(worker, "futimens", futimens(fd, times), now);
	(void)expect_fd(worker, "fstat", fstat(fd, &st), now);
	if (fgetxattr(fd, "user.k", value, sizeof(value)) < 0 &&
	    errno != ENODATA)
		(void)expect_fd(worker, "fgetxattr", -1, now);
	if (lseek(fd, 0, SEEK_DATA) < 0 && errno != ENXIO)
		(void)expect_fd(worker, "lseek", -1, now);
	(void)expect_fd(worker, "fallocate",
			fallocate(fd,
				  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  pick(worker, 65536), 5000),
			now);
	(void)close(fd); /* as above */
}

static void act_attributes(struct worker *worker)
{
	unsigned long now = crashes(worker);
	int fd = open_random(worker, O_RDWR);

	if (fd < 0)
		return;
	(void)expect_fd(worker, "fchmod",
			fchmod(fd, pick(worker, 2) ? 0644 : 0600), now);
	(void)expect_fd(worker, "fsetxattr", fsetxattr(fd, "user.k", "v", 1, 0),
			now);
	(void)close(fd); /* as above */
}

static void log_path(const struct worker *worker, char *buffer)
{
	(void)snprintf(buffer, PATH_BYTES, "log%d", worker->number);
}

static void fill_record(char *record, int worker, unsigned long number)
{
	int length = snprintf(record, RECORD_BYTES, "worker %d record %lu ",
			      worker, number);

	memset(record + length, '.', (size_t)(RECORD_BYTES - length));
}

static void act_log(struct worker *worker)
{
	char record[RECORD_BYTES], path[PATH_BYTES];
	unsigned long now = crashes(worker);
	off_t offset = (off_t)(worker->log_synced * RECORD_BYTES);
	int fd;

	if (!worker_check_log(worker)) {
		fail(worker, "acknowledged records cannot be read", errno);
		return;
	}
	log_path(worker, path);
	fill_record(record, worker->number, worker->log_synced);
	fd = openat(worker->root, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		(void)expect_fd(worker, "open the log", -1, now);
		return;
	}
	if (expect_fd(worker, "write the log",
		      pwrite(fd, record, RECORD_BYTES, offset), now) &&
	    expect_fd(worker, "sync the log", fsync(fd), now))
		worker->log_synced++;
	(void)close(fd); /* as above */
}

static action_fn *const actions[] = {
	act_write,     act_write, act_write,	  act_truncate,
	act_mmap,      act_mmap,  act_rename,	  act_rename,
	act_link,      act_link,  act_unlink,	  act_unlink,
	act_directory, act_list,  act_attributes, act_sync_directory,
	act_log,       act_path,  act_path,	  act_unnamed,
	act_bare,
};

static void on_fault(int signal_number)
{
	siglongjmp(fault_escape, signal_number);
}

bool worker_prepare(const struct worker *worker)
{
	struct sigaction catch = {.sa_handler = on_fault};
	char path[PATH_BYTES];
	int fd, r;

	log_path(worker, path);
	fd = openat(worker->root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || sigaction(SIGBUS, &catch, NULL) < 0)
		return false;
	r = fsync(fd);
	return close(fd) == 0 && r == 0;
}

void worker_run(struct worker *worker)
{
	while (!atomic_load(&worker->board->stop)) {
		unsigned int index =
			pick(worker, sizeof(actions) / sizeof(actions[0]));

		worker->began = crashes(worker);
		actions[index](worker);
		if (atomic_fetch_add(&worker->board->operations, 1) + 1 ==
		    atomic_load(&worker->board->wanted))
			ring(worker);
	}
}

/* Reads by a fresh descriptor; a crash under the reading makes it start again
 * rather than fail. */
bool worker_check_log(const struct worker *worker)
{
	char record[RECORD_BYTES], wanted[RECORD_BYTES], path[PATH_BYTES];
	unsigned long now = crashes(worker), number = 0;
	int fd;

	log_path(worker, path);
	fd = openat(worker->root, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return crashed_since(worker, now) && worker_check_log(worker);
	/* The last ones tell: the earlier were looked at before. */
	if (worker->log_synced > 8)
		number = worker->log_synced - 8;
	for (; number < worker->log_synced; number++) {
		ssize_t n = pread(fd, record, RECORD_BYTES,
				  (off_t)(number * RECORD_BYTES));

		fill_record(wanted, worker->number, number);
		if (n != RECORD_BYTES || memcmp(record, wanted, RECORD_BYTES))
			break;
	}
	(void)close(fd); /* only read from */
	if (number < worker->log_synced && crashed_since(worker, now))
		return worker_check_log(worker);
	errno = 0; /* what is not there now was lost */
	return number == worker->log_synced;
}
