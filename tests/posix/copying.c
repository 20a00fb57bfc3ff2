/* SPDX-License-Identifier: MIT */
/* copy_file_range(2), sendfile(2), splice(2), vectors, clones. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

static const struct {
	const char *name;
	off_t from, to;
	size_t length;
} ranges[] = {
	{"all", 0, 0, 10000},
	{"more_than_all", 0, 0, 50000},
	{"middle", 4096, 100, 2000},
	{"to_the_far", 0, 100000, 100},
	{"from_the_end", 10000, 0, 100},
	{"from_behind", 20000, 0, 100},
	{"nothing", 0, 0, 0},
	{"negative", -1, 0, 100},
	{"to_negative", 0, -1, 100},
	{"too_far", 0, INT64_MAX - 10, 100},
};
#define RANGE_COUNT 10

static void copy_one(const struct stage_choice *choice)
{
	loff_t from = ranges[choice->a].from, to = ranges[choice->a].to;

	thing_filled("f", 'f', 10000);
	thing_filled("g", 'g', 5000);
	int in = thing_open("f", O_RDONLY);
	int out = thing_open("g", O_RDWR);
	see_number("copied", copy_file_range(in, &from, out, &to,
					     ranges[choice->a].length, 0));
	see_say("from=%lld to=%lld", (long long)from, (long long)to);
	see_number("in", lseek(in, 0, SEEK_CUR));
	see_number("out", lseek(out, 0, SEEK_CUR));
	see_file("g", "g");
	see_content("g", "g");
}

static void copy_within(const struct stage_choice *choice)
{
	static const off_t tos[] = {0, 100, 5000, 9999, 20000};
	loff_t from = 0, to = tos[choice->a];

	thing_filled("f", 'f', 5000);
	int fd = thing_open("f", O_RDWR);
	see_must("prepare", pwrite(fd, "start", 5, 0));
	see_number("copied", copy_file_range(fd, &from, fd, &to, 5000, 0));
	see_content("f", "f");
}

static void copy_by_positions(const struct stage_choice *choice)
{
	(void)choice;
	thing_filled("f", 'f', 10000);
	int in = thing_open("f", O_RDONLY);
	int out = thing_open("g", O_RDWR | O_CREAT);
	see_number("seek", lseek(in, 9000, SEEK_SET));
	see_number("copied", copy_file_range(in, NULL, out, NULL, 600, 0));
	see_number("in", lseek(in, 0, SEEK_CUR));
	see_number("out", lseek(out, 0, SEEK_CUR));
	see_number("rest", copy_file_range(in, NULL, out, NULL, 600, 0));
	see_number("end", copy_file_range(in, NULL, out, NULL, 600, 0));
	see_number("flags", copy_file_range(in, NULL, out, NULL, 600, 1));
	see_file("g", "g");
}

/* Which pair of opens it takes. */
static void copy_opens(const struct stage_choice *choice)
{
	static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR,
				    O_WRONLY | O_APPEND, O_PATH};

	thing_filled("f", 'f', 100);
	thing_filled("g", 'g', 10);
	int in = thing_open("f", flags[choice->a]);
	int out = thing_open("g", flags[choice->b]);
	see_number("copied", copy_file_range(in, NULL, out, NULL, 50, 0));
	see_number("sent", sendfile(out, in, NULL, 50));
	see_content("g", "g");
}

static void copy_things(const struct stage_choice *choice)
{
	thing_file("f", "content");
	thing_make(choice->a, "t");
	int fd = thing_open("f", O_RDWR);
	int thing = open("t", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	see_number("from", copy_file_range(thing, NULL, fd, NULL, 50, 0));
	int writer = open("t", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	see_number("to", copy_file_range(fd, NULL, writer, NULL, 50, 0));
}

static void copy_of_mapped_dirt(const struct stage_choice *choice)
{
	(void)choice;
	thing_filled("f", 'f', 8192);
	int in = thing_open("f", O_RDWR);
	see_number("write", pwrite(in, "dirty", 5, 4094));
	int out = thing_open("g", O_RDWR | O_CREAT);
	see_number("copied", copy_file_range(in, NULL, out, NULL, 8192, 0));
	see_content("g", "g");
	see_number("write", pwrite(in, "later", 5, 0));
	see_content("g", "g");
}

static void copy_to_another_file_system(const struct stage_choice *choice)
{
	char bytes[32];

	(void)choice;
	thing_file("f", "content");
	int in = thing_open("f", O_RDWR);
	int out = memfd_create("other", MFD_CLOEXEC);
	see_number("copied", copy_file_range(in, NULL, out, NULL, 50, 0));
	see_number("sent", sendfile(out, in, NULL, 50));
	see_bytes("out", bytes, pread(out, bytes, sizeof(bytes), 0));
}

static void send_file(const struct stage_choice *choice)
{
	off_t from = 90;
	int ends[2];
	char bytes[64];

	(void)choice;
	thing_filled("f", 'f', 100);
	int in = thing_open("f", O_RDONLY);
	see_must("pipe", pipe2(ends, O_CLOEXEC));
	see_number("sent", sendfile(ends[1], in, &from, 50));
	see_say("from=%lld", (long long)from);
	see_bytes("pipe", bytes, read(ends[0], bytes, sizeof(bytes)));
	see_number("position", lseek(in, 0, SEEK_CUR));
	see_number("end", sendfile(ends[1], in, &from, 50));
}

static void splice_both_ways(const struct stage_choice *choice)
{
	loff_t at = 4;
	int ends[2];

	(void)choice;
	thing_file("f", "content");
	int in = thing_open("f", O_RDONLY);
	int out = thing_open("g", O_RDWR | O_CREAT);
	see_must("pipe", pipe2(ends, O_CLOEXEC));
	see_number("in", splice(in, NULL, ends[1], NULL, 7, 0));
	see_number("out", splice(ends[0], NULL, out, &at, 7, 0));
	see_content("g", "g");
	see_number("end",
		   splice(in, NULL, ends[1], NULL, 7, SPLICE_F_NONBLOCK));
}

static void vectors(const struct stage_choice *choice)
{
	char a[4] = "aaa", b[4] = "bbb", c[8] = "", d[8] = "";
	const struct iovec out[] = {{a, 3}, {NULL, 0}, {b, 3}};
	const struct iovec in[] = {{c, 2}, {d, 7}};

	(void)choice;
	int fd = thing_open("f", O_RDWR | O_CREAT);
	see_number("writev", writev(fd, out, 3));
	see_number("pwritev", pwritev(fd, out, 3, 10));
	see_number("preadv", preadv(fd, in, 2, 1));
	see_bytes("c", c, 2);
	see_bytes("d", d, 7);
	see_number("append", pwritev2(fd, out, 3, 0, RWF_APPEND));
	see_number("dsync", pwritev2(fd, out, 3, 0, RWF_DSYNC));
	see_number("nowait", preadv2(fd, in, 2, 0, 0));
	see_content("f", "f");
}

static void reads_and_writes(const struct stage_choice *choice)
{
	char bytes[32];

	(void)choice;
	thing_file("f", "0123456789");
	int fd = thing_open("f", O_RDWR);
	see_bytes("read", bytes, read(fd, bytes, 4));
	see_bytes("pread", bytes, pread(fd, bytes, 4, 8));
	see_bytes("read", bytes, read(fd, bytes, 32));
	see_number("end", read(fd, bytes, 32));
	see_number("behind", pread(fd, bytes, 4, 100));
	see_number("write", write(fd, "x", 1));
	see_number("gap", pwrite(fd, "y", 1, 20));
	void *closed =
		mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	see_number("fault_read", pread(fd, closed, 4, 0));
	see_number("fault_write", pwrite(fd, closed, 4, 0));
	see_number("bad", pread(-1, bytes, 1, 0));
	see_content("f", "f");
}

static void big_transfers(const struct stage_choice *choice)
{
	static char big[3 << 20];

	(void)choice;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)('a' + i / 100000 % 26);
	int fd = thing_open("f", O_RDWR | O_CREAT);
	see_number("write", pwrite(fd, big, sizeof(big), 100));
	see_fd("f", fd);
	memset(big, 0, sizeof(big));
	see_number("read", pread(fd, big, sizeof(big), 100));
	see_say("first=%c last=%c", big[0], big[sizeof(big) - 1]);
}

static void clones(const struct stage_choice *choice)
{
	(void)choice;
	thing_filled("f", 'f', 8192);
	int in = thing_open("f", O_RDONLY);
	int out = thing_open("g", O_RDWR | O_CREAT);
	see_ok("clone", ioctl(out, FICLONE, in));
	see_file("g", "g");
}

/* A write that the file size limit cuts off. */
static void nothing_is_written_to_full(const struct stage_choice *choice)
{
	(void)choice;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	thing_file("f", "x");
	int in = thing_open("f", O_RDONLY);
	see_number("sent", sendfile(fd, in, NULL, 1));
}

static const struct stage_case cases[] = {
	{"by_positions", copy_by_positions},
	{"of_mapped_dirt", copy_of_mapped_dirt},
	{"to_another_file_system", copy_to_another_file_system},
	{"send_file", send_file},
	{"splice_both_ways", splice_both_ways},
	{"vectors", vectors},
	{"reads_and_writes", reads_and_writes},
	{"big_transfers", big_transfers},
	{"clones", clones},
	{"nothing_is_written_to_full", nothing_is_written_to_full},
};

void copying_theme(void)
{
	for (int a = 0; a < RANGE_COUNT; a++)
		stage_run(copy_one, (struct stage_choice){.a = a}, "copy.%s",
			  ranges[a].name);
	for (int a = 0; a < 5; a++)
		stage_run(copy_within, (struct stage_choice){.a = a},
			  "copy.within%d", a);
	for (int a = 0; a < 5; a++)
		for (int b = 0; b < 5; b++)
			stage_run(copy_opens,
				  (struct stage_choice){.a = a, .b = b},
				  "copy.open%d_to%d", a, b);
	for (int a = 0; a < THING_COUNT; a++)
		stage_run(copy_things, (struct stage_choice){.a = a}, "copy.%s",
			  thing_name(a));
	STAGE_RUN_ALL("copy", cases);
}
