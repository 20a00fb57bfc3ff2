/* SPDX-License-Identifier: MIT */
/*
 * starved MOUNT STORE PLAN: the daemon runs with preload.c. Each step asks it for
 * one thing, with its first, second, ... allocation failing from the moment of
 * asking, until the step meets no failure. The step fails with ENOMEM and has
 * done nothing, or it succeeds and has done all.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/faults/planfile.h"
#include "tests/harness/controlfile.h"

#define BLOCK 4096
#define FAILURES_MAX 500 /* of one step: more means that it never ends */
#define TEXT_BYTES 65536
#define FILES 40 /* in a directory */

static struct preload_plan *plan;
static int root = -1;	 /* of the mount */
static int store = -1;	 /* of the store */
static char byte = 'a';	 /* what the last write wrote, or tried to */
static long incarnation; /* before the last crash */

static int result(int r)
{
	return r < 0 ? -errno : 0;
}

static bool exists(const char *name)
{
	return faccessat(root, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Past the kernel's cache: what the daemon says. */
static int first_byte_of(int directory, const char *name, int flags)
{
	static char block[BLOCK] __attribute__((aligned(BLOCK)));

	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | flags);
	if (fd < 0)
		return -1;
	ssize_t n = pread(fd, block, BLOCK, 0);
	close(fd);
	return n > 0 ? block[0] : -1;
}

/* The steps: run() is 0 or a negative errno; done() tells whether the thing has
 * happened, or -1 for neither; undo() leads back. */

static int create(void)
{
	int fd = openat(root, "new", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC,
			0644);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int is_created(void)
{
	return exists("new");
}

static void remove_it(void)
{
	(void)unlinkat(root, "new", 0); /* whatever it is, and if it is */
	(void)unlinkat(root, "new", AT_REMOVEDIR);
}

static int make_directory(void)
{
	return result(mkdirat(root, "new", 0755));
}

static int make_link(void)
{
	return result(symlinkat("target", root, "new"));
}

static int make_name(void)
{
	return result(linkat(root, "f", root, "new", 0));
}

static int rename_it(void)
{
	return result(renameat(root, "f", root, "new"));
}

static int is_renamed(void)
{
	if (exists("f") == exists("new"))
		return -1;
	return exists("new");
}

static void rename_back(void)
{
	(void)renameat(root, "new", root, "f"); /* if it came to that */
}

static int unlink_it(void)
{
	return result(unlinkat(root, "victim", 0));
}

static int is_unlinked(void)
{
	return !exists("victim");
}

static void make_victim(void)
{
	int fd = openat(root, "victim", O_CREAT | O_RDWR | O_CLOEXEC, 0644);

	(void)close(fd); /* done() sees if there is none */
}

static int write_it(void)
{
	char data[BLOCK];
	memset(data, ++byte, sizeof(data));
	int fd = openat(root, "f", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = pwrite(fd, data, sizeof(data), 0) == BLOCK ? 0 : -errno;
	close(fd);
	return r;
}

static int is_written(void)
{
	int seen = first_byte_of(root, "f", O_DIRECT);

	if (seen != byte && seen != byte - 1)
		return -1;
	bool written = seen == byte;
	byte = (char)seen;
	return written;
}

static int write_mapped(void)
{
	int fd = openat(root, "f", O_RDWR | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	char *map =
		mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		r = -errno;
	} else {
		memset(map, byte, BLOCK);
		r = result(msync(map, BLOCK, MS_SYNC));
		munmap(map, BLOCK);
	}
	close(fd);
	return r;
}

static int is_mapped(void)
{
	return -2; /* a page that could not be written may come later */
}

static int cut_off(void)
{
	int fd = openat(root, "f", O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int is_cut_off(void)
{
	struct stat st;

	if (fstatat(root, "f", &st, 0) < 0)
		return -1;
	return st.st_size == 0;
}

static void fill(void)
{
	(void)write_it(); /* done() of the next try sees it */
}

static int set_xattr(void)
{
	int fd = openat(root, "f", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int r = result(fsetxattr(fd, "user.new", "v", 1, 0));
	close(fd);
	return r;
}

static int has_xattr(void)
{
	char value[8];
	int fd = openat(root, "f", O_RDONLY | O_CLOEXEC);

	ssize_t n = fgetxattr(fd, "user.new", value, sizeof(value));
	int error = errno;
	close(fd);
	if (n < 0 && error != ENODATA)
		return -1;
	return n == 1;
}

static void drop_xattr(void)
{
	int fd = openat(root, "f", O_RDONLY | O_CLOEXEC);

	(void)fremovexattr(fd, "user.new"); /* if it is there */
	close(fd);
}

static int change_mode(void)
{
	return result(fchmodat(root, "f", 0600, 0));
}

static int is_private(void)
{
	struct stat st;

	if (fstatat(root, "f", &st, 0) < 0)
		return -1;
	return (st.st_mode & 07777) == 0600;
}

static void change_mode_back(void)
{
	(void)fchmodat(root, "f", 0644, 0); /* done() sees it */
}

static int list(void)
{
	int count = 0;
	int fd = openat(root, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	DIR *stream = fdopendir(fd);
	if (stream == NULL) { /* it asks for the attributes */
		int r = -errno;
		close(fd);
		return r;
	}
	errno = 0;
	while (readdir(stream) != NULL)
		count++;
	int r = -errno;
	closedir(stream);
	if (r == 0 && count != FILES + 2)
		return -EBADMSG;
	return r;
}

static int read_it(void)
{
	int seen = first_byte_of(root, "f", O_DIRECT);

	if (seen < 0)
		return -errno;
	return seen == byte ? 0 : -EBADMSG;
}

static int read_nothing(void)
{
	return -2; /* nothing to see */
}

static void nothing(void)
{
}

static int sync_file(void)
{
	int r = write_it();
	int fd = openat(root, "f", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || r < 0) {
		r = fd < 0 ? -errno : r;
		if (fd >= 0)
			close(fd);
		return r;
	}
	r = result(fsync(fd));
	close(fd);
	return r;
}

/* Success means that the store has it. */
static int is_stored(void)
{
	int live = is_written();

	return live < 0 ? -1 : first_byte_of(store, "f", 0) == byte;
}

static int sync_all(void)
{
	return controlfile_verb(root, "sync\n");
}

static int evict(void)
{
	return controlfile_verb(root, "evict\n");
}

static long status_number(const char *name)
{
	static char text[TEXT_BYTES];

	if (controlfile_read(root, "status", text, sizeof(text)) < 0)
		return -1;
	const char *at = strstr(text, name);
	return at == NULL ? -1 : strtol(at + strlen(name), NULL, 10);
}

static int crash(void)
{
	return controlfile_verb(root, "crash\n");
}

static int has_crashed(void)
{
	long now = status_number("\"incarnation\":");

	if (now != incarnation && now != incarnation + 1)
		return -1;
	/* What was made before it, unsynced, says the same. */
	if ((now == incarnation) != exists("new"))
		return -1;
	bool crashed = now == incarnation + 1;
	incarnation = now;
	return crashed;
}

static void prepare_crash(void)
{
	if (!exists("new"))
		(void)create(); /* done() sees it */
	byte = (char)first_byte_of(root, "f", O_DIRECT);
}

static int read_whole(const char *name, const char *end)
{
	static char text[TEXT_BYTES];
	int r = controlfile_read(root, name, text, sizeof(text));
	size_t length = strlen(text);

	if (r < 0)
		return r;
	if (length < strlen(end) ||
	    strcmp(text + length - strlen(end), end) != 0)
		return -EBADMSG;
	return 0;
}

static int read_status(void)
{
	return read_whole("status", "}\n");
}

static int read_unsynced(void)
{
	return read_whole("unsynced", "\n");
}

static int read_mode(void)
{
	return read_whole("mode", "\n");
}

static int read_log(void)
{
	return read_whole("log", "}\n");
}

static int read_answer(void)
{
	return read_whole("control", "");
}

static int set_mode(void)
{
	return controlfile_verb(root, "mode allow-writes\n");
}

static int refuse_line(void)
{
	int r = controlfile_verb(root, "krash seed=1\n");

	return r == -ENOENT || r == -EINVAL ? 0 : r;
}

static int look_up_anew(void)
{
	struct stat st;
	int r = evict();

	if (r < 0)
		return r;
	return result(fstatat(root, "d/deep/er", &st, 0));
}

struct step {
	const char *name;
	int (*run)(void);
	int (*done)(void);
	void (*undo)(void); /* also once before the first try */
};

static const struct step steps[] = {
	{"create", create, is_created, remove_it},
	{"mkdir", make_directory, is_created, remove_it},
	{"symlink", make_link, is_created, remove_it},
	{"link", make_name, is_created, remove_it},
	{"rename", rename_it, is_renamed, rename_back},
	{"unlink", unlink_it, is_unlinked, make_victim},
	{"write", write_it, is_written, nothing},
	{"read", read_it, read_nothing, nothing},
	{"store to a mapped page", write_mapped, is_mapped, fill},
	{"truncating open", cut_off, is_cut_off, fill},
	{"setxattr", set_xattr, has_xattr, drop_xattr},
	{"chmod", change_mode, is_private, change_mode_back},
	{"list", list, read_nothing, nothing},
	{"lookup", look_up_anew, read_nothing, nothing},
	{"fsync", sync_file, is_stored, nothing},
	{"sync", sync_all, read_nothing, fill},
	{"evict", evict, read_nothing, fill},
	{"status", read_status, read_nothing, nothing},
	{"unsynced", read_unsynced, read_nothing, fill},
	{"mode", read_mode, read_nothing, nothing},
	{"log", read_log, read_nothing, nothing},
	{"answer", read_answer, read_nothing, nothing},
	{"set mode", set_mode, read_nothing, nothing},
	{"refused line", refuse_line, read_nothing, nothing},
	{"crash", crash, has_crashed, prepare_crash},
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* 1 if it was right, 0 if not, and -1 if no allocation failed. */
static int try(const struct step *step, int nth, bool lasting)
{
	step->undo();
	planfile_arm(plan, PRELOAD_MEMORY, nth, lasting, ENOMEM);
	int r = step->run();
	int fired = planfile_disarm(plan);
	int done = step->done();
	if (fired == 0 && r == 0 && done != 0)
		return -1;
	if ((r == 0 || r == -ENOMEM) && done != -1 &&
	    (done == -2 || done == (r == 0)))
		return 1;
	/* A part of a fsync that failed may be stored. */
	if (r == -ENOMEM && done == 1 && step->done == is_stored)
		return 1;
	printf("# %s, allocation %d%s: %s, and it has %s happened\n",
	       step->name, nth, lasting ? " and later" : "", strerror(-r),
	       done == 1 ? "" : (done == 0 ? "not" : "half"));
	return 0;
}

static bool starve(const struct step *step, bool lasting, int *failures)
{
	for (int nth = 1; nth < FAILURES_MAX; nth++) {
		int r = try(step, nth, lasting);
		if (r <= 0) {
			step->undo();
			return r < 0;
		}
		++*failures;
	}
	printf("# %s never ends\n", step->name);
	return false;
}

static void prepare(void)
{
	char name[32];

	make_victim();
	(void)close(openat(root, "f", O_CREAT | O_RDWR | O_CLOEXEC, 0644));
	fill();
	if (mkdirat(root, "d", 0755) < 0 || mkdirat(root, "d/deep", 0755) < 0 ||
	    mkdirat(root, "d/deep/er", 0755) < 0)
		exit(1);
	for (int i = 1; i < FILES; i++) {
		snprintf(name, sizeof(name), "d/file%d", i);
		(void)close(
			openat(root, name, O_CREAT | O_RDWR | O_CLOEXEC, 0644));
	}
	if (sync_all() < 0)
		exit(1);
	incarnation = status_number("\"incarnation\":");
}

int main(int argc, char **argv)
{
	int failures = 0;
	int wrong = 0;

	if (argc != 4)
		return 2;
	root = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	store = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	plan = planfile_map(argv[3]);
	if (root < 0 || store < 0 || plan == NULL)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	prepare();
	for (size_t i = 0; i < STEPS; i++) {
		bool right = starve(&steps[i], false, &failures);
		right = starve(&steps[i], true, &failures) && right;
		wrong += !right;
		printf("%s %zu - %s\n", right ? "ok" : "not ok", i + 1,
		       steps[i].name);
	}
	printf("# %d failures in %zu steps\n1..%zu\n", failures, STEPS, STEPS);
	return wrong > 0;
}
