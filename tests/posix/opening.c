/* SPDX-License-Identifier: MIT */
/* open(2): every flag on every kind of thing. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

#define FLAGS_SHOWN                                                            \
	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DIRECT | O_DIRECTORY | \
	 O_NOFOLLOW | O_NOATIME | O_PATH | O_CREAT | O_EXCL | O_TRUNC)

static const struct {
	const char *name;
	int flags;
} ways[] = {
	{"read", O_RDONLY},
	{"write", O_WRONLY},
	{"both", O_RDWR},
	{"neither", O_ACCMODE},
	{"create_read", O_RDONLY | O_CREAT},
	{"create_write", O_WRONLY | O_CREAT},
	{"create_both", O_RDWR | O_CREAT},
	{"exclusive", O_RDWR | O_CREAT | O_EXCL},
	{"exclusive_truncate", O_RDWR | O_CREAT | O_EXCL | O_TRUNC},
	{"exclusive_alone", O_RDWR | O_EXCL},
	{"truncate_read", O_RDONLY | O_TRUNC},
	{"truncate_write", O_WRONLY | O_TRUNC},
	{"truncate_create", O_RDWR | O_CREAT | O_TRUNC},
	{"append", O_RDWR | O_APPEND},
	{"append_truncate", O_WRONLY | O_APPEND | O_TRUNC},
	{"directory", O_RDONLY | O_DIRECTORY},
	{"directory_write", O_RDWR | O_DIRECTORY},
	{"directory_nofollow", O_RDONLY | O_DIRECTORY | O_NOFOLLOW},
	{"nofollow", O_RDONLY | O_NOFOLLOW},
	{"nofollow_create", O_RDWR | O_CREAT | O_NOFOLLOW},
	{"nofollow_exclusive", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW},
	{"path", O_PATH},
	{"path_nofollow", O_PATH | O_NOFOLLOW},
	{"path_directory", O_PATH | O_DIRECTORY},
	{"noatime", O_RDONLY | O_NOATIME},
	{"sync", O_RDWR | O_SYNC},
	{"dsync", O_RDWR | O_DSYNC},
	{"tmpfile", O_RDWR | O_TMPFILE},
};

static void open_one(const struct stage_choice *choice)
{
	char buffer[4];
	int fd;

	thing_make(choice->b, "t");
	fd = open("t", ways[choice->a].flags | O_NONBLOCK | O_CLOEXEC, 0640);
	see_ok("open", fd);
	if (fd >= 0) {
		see_say("flags=%x", fcntl(fd, F_GETFL) & FLAGS_SHOWN);
		see_fd("fd", fd);
		see_bytes("read", buffer, read(fd, buffer, sizeof(buffer)));
		see_number("write", write(fd, "xyz", 3));
		see_number("at", lseek(fd, 0, SEEK_CUR));
		see_ok("close", close(fd));
	}
	see_file("t", "t");
	see_content("content", "t");
	see_names("all", ".");
}

/* A trailing slash asks for a directory. */
static void open_slash(const struct stage_choice *choice)
{
	int fd;

	thing_make(choice->b, "t");
	fd = open("t/", ways[choice->a].flags | O_NONBLOCK | O_CLOEXEC, 0640);
	see_ok("open", fd);
	if (fd >= 0)
		see_fd("fd", fd);
	see_file("t", "t");
}

static void create_modes(const struct stage_choice *choice)
{
	static const mode_t modes[] = {0,     0644,  0777,  01777,
				       02755, 04755, 07777, 0170644};
	static const mode_t masks[] = {0, 022, 077, 0777};
	int fd;

	umask(masks[choice->b]);
	fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC, modes[choice->a]);
	see_ok("open", fd);
	see_file("f", "f");
	/* The descriptor works whatever the mode is. */
	see_number("write", write(fd, "x", 1));
	see_ok("again", open("f", O_RDWR | O_CLOEXEC));
}

static void create_everywhere(void)
{
	for (int a = 0; a < 8; a++)
		for (int b = 0; b < 4; b++)
			stage_run(create_modes,
				  (struct stage_choice){.a = a, .b = b},
				  "open.mode%d.umask%d", a, b);
}

static void append_goes_to_the_end(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("f", "12345");
	int one = thing_open("f", O_RDWR | O_APPEND);
	int other = thing_open("f", O_WRONLY);
	see_number("seek", lseek(one, 1, SEEK_SET));
	see_number("append", write(one, "a", 1));
	see_number("at", lseek(one, 0, SEEK_CUR));
	see_number("other", pwrite(other, "bb", 2, 8));
	see_number("append", write(one, "c", 1));
	see_number("pwrite", pwrite(one, "d", 1, 0)); /* Linux: appends */
	see_content("f", "f");
}

static void append_by_fcntl(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("f", "12345");
	int fd = thing_open("f", O_RDWR);
	see_ok("set", fcntl(fd, F_SETFL, O_APPEND));
	see_number("write", write(fd, "x", 1));
	see_ok("unset", fcntl(fd, F_SETFL, 0));
	see_number("pwrite", pwrite(fd, "y", 1, 0));
	see_content("f", "f");
}

static void direct_aligned(const struct stage_choice *choice)
{
	void *page = NULL;
	int fd;

	(void)choice;
	fd = thing_open("f", O_RDWR | O_CREAT | O_DIRECT);
	if (posix_memalign(&page, 4096, 8192) != 0)
		return;
	for (int i = 0; i < 8192; i++)
		((char *)page)[i] = i < 4096 ? 'a' : 'b';
	see_number("write", pwrite(fd, page, 8192, 0));
	see_number("read", pread(fd, page, 8192, 4096));
	see_bytes("page", page, 4096);
	see_number("end", pread(fd, page, 4096, 8192));
	see_content("f", "f");
	see_fd("fd", fd);
	free(page);
}

static void direct_misaligned(const struct stage_choice *choice)
{
	static char bytes[4096] __attribute__((aligned(4096)));
	int fd;

	(void)choice;
	thing_filled("f", 'f', 8192);
	fd = thing_open("f", O_RDWR | O_DIRECT);
	see_number("short_read", pread(fd, bytes, 100, 0));
	see_number("odd_read", pread(fd, bytes, 512, 100));
	see_number("short_write", pwrite(fd, bytes, 100, 0));
	see_number("odd_write", pwrite(fd, bytes, 512, 100));
}

static void direct_set_later(const struct stage_choice *choice)
{
	(void)choice;
	thing_filled("f", 'f', 4096);
	int fd = thing_open("f", O_RDWR);
	see_ok("set", fcntl(fd, F_SETFL, O_DIRECT));
	see_say("flags=%x", fcntl(fd, F_GETFL) & FLAGS_SHOWN);
}

static void noatime_by_fcntl(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("f", "x");
	int fd = thing_open("f", O_RDWR);
	see_ok("set", fcntl(fd, F_SETFL, O_NOATIME));
	see_say("flags=%x", fcntl(fd, F_GETFL) & FLAGS_SHOWN);
}

/* Only the owner may look without leaving a trace. */
static void noatime_of_others(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("f", "x");
	stage_act_as(STAGE_ANN);
	see_ok("open", open("f", O_RDONLY | O_NOATIME | O_CLOEXEC));
	see_ok("plain", open("f", O_RDONLY | O_CLOEXEC));
}

static void path_descriptors_only_point(const struct stage_choice *choice)
{
	char byte;

	(void)choice;
	thing_file("f", "x");
	int fd = thing_open("f", O_PATH);
	see_number("read", read(fd, &byte, 1));
	see_number("write", write(fd, "y", 1));
	see_ok("fchmod", fchmod(fd, 0600));
	see_ok("fchown", fchown(fd, -1, -1));
	see_ok("ftruncate", ftruncate(fd, 0));
	see_ok("fsync", fsync(fd));
	see_ok("fchdir", fchdir(fd));
	see_ok("again", openat(fd, "", O_RDONLY | O_CLOEXEC));
	see_ok("close", close(fd));
}

static void reopened_by_proc(const struct stage_choice *choice)
{
	char path[64];

	(void)choice;
	thing_file("f", "content");
	int fd = thing_open("f", O_RDONLY);
	see_ok("unlink", unlink("f"));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int again = open(path, O_RDWR | O_CLOEXEC);
	see_ok("open", again);
	see_number("write", write(again, "C", 1));
	char bytes[8];
	see_bytes("read", bytes, pread(fd, bytes, sizeof(bytes), 0));
	see_fd("fd", fd);
}

static void relative_to_descriptors(const struct stage_choice *choice)
{
	(void)choice;
	see_ok("mkdir", mkdir("d", 0755));
	thing_file("f", "x");
	int dir = thing_open("d", O_RDONLY | O_DIRECTORY);
	int file = thing_open("f", O_RDONLY);
	see_ok("create", openat(dir, "in", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
	see_ok("up", openat(dir, "../f", O_RDONLY | O_CLOEXEC));
	see_ok("of_file", openat(file, "in", O_RDONLY | O_CLOEXEC));
	see_ok("bad", openat(-1, "in", O_RDONLY | O_CLOEXEC));
	see_ok("rename", rename("d", "e"));
	see_ok("moved", openat(dir, "in", O_RDONLY | O_CLOEXEC));
	see_names("e", "e");
}

static void in_a_removed_directory(const struct stage_choice *choice)
{
	(void)choice;
	see_ok("mkdir", mkdir("d", 0755));
	int dir = thing_open("d", O_RDONLY | O_DIRECTORY);
	see_ok("rmdir", rmdir("d"));
	see_ok("create", openat(dir, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
	see_ok("tmpfile", openat(dir, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0));
	see_ok("mkdirat", mkdirat(dir, "s", 0755));
	see_ok("dot", openat(dir, ".", O_RDONLY | O_CLOEXEC));
	see_ok("dotdot", openat(dir, "..", O_RDONLY | O_CLOEXEC));
	see_fd("fd", dir);
	see_ok("fsync", fsync(dir));
	see_ok("fchmod", fchmod(dir, 0700));
}

static void text_that_runs(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("f", "#!/bin/sh\n");
	see_ok("chmod", chmod("f", 0755));
	int fd = thing_open("f", O_RDONLY);
	see_ok("write", open("f", O_WRONLY | O_CLOEXEC));
	see_ok("close", close(fd));
}

static const struct stage_case cases[] = {
	{"append_goes_to_the_end", append_goes_to_the_end},
	{"append_by_fcntl", append_by_fcntl},
	{"direct_aligned", direct_aligned},
	{"direct_misaligned", direct_misaligned},
	{"direct_set_later", direct_set_later},
	{"noatime_by_fcntl", noatime_by_fcntl},
	{"path_descriptors_only_point", path_descriptors_only_point},
	{"reopened_by_proc", reopened_by_proc},
	{"relative_to_descriptors", relative_to_descriptors},
	{"in_a_removed_directory", in_a_removed_directory},
	{"text_that_runs", text_that_runs},
};

void opening_theme(void)
{
	int count = sizeof(ways) / sizeof(ways[0]);

	for (int a = 0; a < count; a++)
		for (int b = 0; b < THING_COUNT; b++)
			stage_run(open_one,
				  (struct stage_choice){.a = a, .b = b},
				  "open.%s.%s", ways[a].name, thing_name(b));
	for (int a = 0; a < 8; a++)
		for (int b = 0; b < THING_COUNT; b++)
			stage_run(open_slash,
				  (struct stage_choice){.a = a, .b = b},
				  "open.slash_%s.%s", ways[a].name,
				  thing_name(b));
	create_everywhere();
	STAGE_RUN_ALL("open", cases);
	if (stage_is_root())
		stage_run(noatime_of_others, (struct stage_choice){0},
			  "open.noatime_of_others");
}
