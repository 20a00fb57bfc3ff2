/* SPDX-License-Identifier: MIT */
/* truncate(2), fallocate(2) in every mode, and where data and holes are. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

static const off_t sizes[] = {0, 1, 4095, 4096, 4097, 10000};
#define SIZE_COUNT 6

static const struct {
	const char *name;
	int64_t size;
} targets[] = {
	{"0", 0},
	{"1", 1},
	{"4095", 4095},
	{"4096", 4096},
	{"4097", 4097},
	{"20000", 20000},
	{"1T", INT64_C(1) << 40},
	{"negative", -1},
	{"too_big", INT64_MAX},
};
#define TARGET_COUNT 9

static const char *const ways[] = {"truncate", "ftruncate", "ftruncate_wet"};

static int cut(int way, int fd, int64_t size)
{
	return way == 0 ? truncate("f", size) : ftruncate(fd, size);
}

/* Cut and grown again, the gap is zeros, whatever was there before. */
static void truncate_one(const struct stage_choice *choice)
{
	thing_filled("f", 'a', (size_t)sizes[choice->b]);
	int fd = thing_open("f", O_RDWR);
	if (choice->a == 2)
		see_must("prepare", pwrite(fd, "b", 1, 100));
	struct stat before = see_times("f");
	see_tick();
	see_ok("cut", cut(choice->a, fd, targets[choice->c].size));
	see_moved("f", &before, "f");
	see_file("f", "f");
	if (see_times("f").st_size < 1 << 20)
		see_content("f", "f");
	see_ok("grow", ftruncate(fd, 12000));
	see_content("f", "f");
}

static void truncate_matrix(void)
{
	for (int a = 0; a < 3; a++)
		for (int b = 0; b < SIZE_COUNT; b++)
			for (int c = 0; c < TARGET_COUNT; c++)
				stage_run(truncate_one,
					  (struct stage_choice){
						  .a = a, .b = b, .c = c},
					  "%s.%lld_to_%s", ways[a],
					  (long long)sizes[b], targets[c].name);
}

static void truncate_thing(const struct stage_choice *choice)
{
	thing_make(choice->a, "t");
	see_ok("truncate", truncate("t", 3));
	see_file("t", "t");
	see_ok("slash", truncate("t/", 3));
	int fd = open("t", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	see_ok("reader", ftruncate(fd, 1));
	see_file("to", "t.to");
}

static const struct {
	const char *name;
	int mode;
} modes[] = {
	{"allocate", 0},
	{"keep", FALLOC_FL_KEEP_SIZE},
	{"punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE},
	{"punch_alone", FALLOC_FL_PUNCH_HOLE},
	{"zero", FALLOC_FL_ZERO_RANGE},
	{"zero_keep", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE},
	{"zero_punch",
	 FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE},
	{"collapse", FALLOC_FL_COLLAPSE_RANGE},
	{"collapse_keep", FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE},
	{"insert", FALLOC_FL_INSERT_RANGE},
	{"insert_keep", FALLOC_FL_INSERT_RANGE | FALLOC_FL_KEEP_SIZE},
	{"unshare", FALLOC_FL_UNSHARE_RANGE},
	{"unknown", 0x8000},
};
#define MODE_COUNT 13

static const struct {
	const char *name;
	int64_t offset, length;
} ranges[] = {
	{"block", 4096, 4096},
	{"blocks", 0, 12288},
	{"unaligned", 5000, 3000},
	{"small", 4100, 10},
	{"over_the_end", 16384, 8192},
	{"unaligned_over_the_end", 17000, 5000},
	{"past_the_end", 40960, 4096},
	{"whole", 0, 65536},
	{"nothing", 4096, 0},
	{"negative_length", 4096, -1},
	{"negative_offset", -4096, 4096},
	{"too_far", INT64_MAX - 100, 200},
	{"too_big", 0, INT64_MAX},
};
#define RANGE_COUNT 13

/* Five blocks, each of a letter; the last is short. */
static int lettered(void)
{
	char block[4096];
	int fd = thing_open("f", O_RDWR | O_CREAT);

	for (int i = 0; i < 5; i++) {
		memset(block, 'A' + i, sizeof(block));
		see_must("prepare", pwrite(fd, block, i < 4 ? 4096 : 2000,
					   (off_t)i * 4096));
	}
	return fd;
}

static void allocate_one(const struct stage_choice *choice)
{
	int fd = lettered();

	if (choice->c)
		see_must("prepare", fsync(fd));
	see_ok("fallocate",
	       fallocate(fd, modes[choice->a].mode, ranges[choice->b].offset,
			 ranges[choice->b].length));
	see_fd("f", fd);
	see_content("f", "f");
	/* What is behind the end stays zero when the file grows. */
	see_ok("grow", ftruncate(fd, 70000));
	see_content("f", "f");
}

static void allocate_matrix(void)
{
	for (int a = 0; a < MODE_COUNT; a++)
		for (int b = 0; b < RANGE_COUNT; b++)
			for (int c = 0; c < 2; c++)
				stage_run(allocate_one,
					  (struct stage_choice){
						  .a = a, .b = b, .c = c},
					  "fallocate.%s.%s%s", modes[a].name,
					  ranges[b].name, c ? ".synced" : "");
}

static void allocate_thing(const struct stage_choice *choice)
{
	static const int flags[] = {O_RDONLY, O_RDWR, O_WRONLY | O_APPEND,
				    O_PATH};
	thing_make(choice->a, "t");
	int fd = open("t", flags[choice->b] | O_NONBLOCK | O_CLOEXEC);
	see_ok("fallocate",
	       fallocate(fd,
			 choice->c ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
				   : 0,
			 0, 100));
	see_file("t", "t");
}

/* Blocks are counted where the application can rely on them. */
static void blocks_are_counted(const struct stage_choice *choice)
{
	struct stat st;
	int fd = thing_open("f", O_RDWR | O_CREAT);

	(void)choice;
	see_ok("grow", ftruncate(fd, 1 << 20));
	see_ok("sync", fsync(fd));
	see_ok("stat", fstat(fd, &st));
	see_say("sparse=%lld", (long long)st.st_blocks);
	see_ok("allocate", fallocate(fd, 0, 0, 1 << 20));
	see_ok("sync", fsync(fd));
	see_ok("stat", fstat(fd, &st));
	see_say("full=%d", st.st_blocks >= 2048);
	see_ok("punch",
	       fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 1 << 19));
	see_ok("sync", fsync(fd));
	see_ok("stat", fstat(fd, &st));
	see_say("half=%d", st.st_blocks >= 1024 && st.st_blocks < 1200);
	see_ok("empty", ftruncate(fd, 0));
	see_ok("sync", fsync(fd));
	see_ok("stat", fstat(fd, &st));
	see_say("none=%lld", (long long)st.st_blocks);
}

/* How files with holes come to be. */
static int64_t make_holes(int how, int fd)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	switch (how) {
	case 0:
		return 0; /* empty */
	case 1:
		return ftruncate(fd, 20000);
	case 2:
		return pwrite(fd, block, 4096, 0);
	case 3:
		return pwrite(fd, block, 4096, 16384);
	case 4:
		see_must("prepare", pwrite(fd, block, 4096, 0));
		return pwrite(fd, block, 4096, 40960);
	case 5:
		see_must("prepare", pwrite(fd, block, 100, 5000));
		return ftruncate(fd, 30000);
	case 6:
		for (int i = 0; i < 5; i++)
			see_must("prepare",
				 pwrite(fd, block, 4096, (off_t)i * 4096));
		return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 4096, 8192);
	case 7:
		return pwrite(fd, block, 1, INT64_C(1) << 34);
	default:
		see_must("prepare", pwrite(fd, block, 4096, 0));
		return ftruncate(fd, 8192);
	}
}

static const char *const layouts[] = {
	"empty",  "all_hole", "dense",	  "hole_first", "hole_between",
	"island", "punched",  "very_far", "hole_last",
};

static void seek_layout(const struct stage_choice *choice)
{
	static const int64_t from[] = {0, 1, 4096, 5000, 16384, 19999, 1 << 20};
	int fd = thing_open("f", O_RDWR | O_CREAT);

	see_must("prepare", make_holes(choice->a, fd));
	if (choice->b)
		see_must("prepare", fsync(fd));
	see_map("map", fd);
	for (int i = 0; i < 7; i++) {
		see_number("data", lseek(fd, from[i], SEEK_DATA));
		see_number("hole", lseek(fd, from[i], SEEK_HOLE));
	}
	see_number("end", lseek(fd, 0, SEEK_END));
}

static void seek_otherwise(const struct stage_choice *choice)
{
	(void)choice;
	thing_filled("f", 'f', 5000);
	int fd = thing_open("f", O_RDWR);
	see_number("set", lseek(fd, 10, SEEK_SET));
	see_number("current", lseek(fd, 5, SEEK_CUR));
	see_number("end", lseek(fd, -5, SEEK_END));
	see_number("far", lseek(fd, INT64_C(1) << 43, SEEK_SET));
	see_number("negative", lseek(fd, -1, SEEK_SET));
	see_number("before", lseek(fd, -6000, SEEK_END));
	see_number("overflow", lseek(fd, INT64_MAX, SEEK_END));
	see_number("bad", lseek(fd, 0, 99));
	see_number("data_negative", lseek(fd, -1, SEEK_DATA));
	see_number("hole_negative", lseek(fd, -1, SEEK_HOLE));
	see_number("data_at_end", lseek(fd, 5000, SEEK_DATA));
	see_number("hole_at_end", lseek(fd, 5000, SEEK_HOLE));
	int dir = thing_open(".", O_RDONLY | O_DIRECTORY);
	see_ok("dir_data", lseek(dir, 0, SEEK_DATA));
}

static void write_far_away(const struct stage_choice *choice)
{
	static const int64_t at[] = {INT64_C(1) << 40,
				     (INT64_C(1) << 44) - 4097,
				     INT64_C(1) << 44, INT64_MAX - 1};
	int fd = thing_open("f", O_RDWR | O_CREAT);
	char byte = 0;

	see_number("write", pwrite(fd, "x", 1, at[choice->a]));
	see_number("read", pread(fd, &byte, 1, at[choice->a]));
	see_fd("f", fd);
	see_number("negative", pwrite(fd, "x", 1, -1));
	see_number("negative", pread(fd, &byte, 1, -1));
}

static const struct stage_case cases[] = {
	{"blocks_are_counted", blocks_are_counted},
	{"seek_otherwise", seek_otherwise},
};

void sizes_theme(void)
{
	truncate_matrix();
	allocate_matrix();
	for (int a = 0; a < THING_COUNT; a++) {
		stage_run(truncate_thing, (struct stage_choice){.a = a},
			  "truncate.%s", thing_name(a));
		for (int b = 0; b < 4; b++)
			for (int c = 0; c < 2; c++)
				stage_run(allocate_thing,
					  (struct stage_choice){
						  .a = a, .b = b, .c = c},
					  "fallocate_%s.%s.open%d",
					  c ? "punch" : "plain", thing_name(a),
					  b);
	}
	for (int a = 0; a < 9; a++)
		for (int b = 0; b < 2; b++)
			stage_run(seek_layout,
				  (struct stage_choice){.a = a, .b = b},
				  "seek.%s%s", layouts[a], b ? ".synced" : "");
	for (int a = 0; a < 4; a++)
		stage_run(write_far_away, (struct stage_choice){.a = a},
			  "write.far%d", a);
	STAGE_RUN_ALL("sizes", cases);
}
