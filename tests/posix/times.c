/* SPDX-License-Identifier: MIT */
/* Times: set with utimensat(2), moved by everything else. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/posix/deed.h"
#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

static const struct {
	const char *name;
	struct timespec time;
} values[] = {
	{"now", {0, UTIME_NOW}},
	{"omit", {0, UTIME_OMIT}},
	{"old", {1234567, 890}},
	{"before_1970", {-1000, 5}},
	{"after_2038", {0x90000000, 999999999}},
	{"bad", {1, 1000000000}},
};
#define VALUE_COUNT 6

static const char *show(const struct timespec *time, char *buffer)
{
	/* What is set now is told by see_moved(). */
	if (time->tv_sec > 1600000000 && time->tv_sec < 2200000000)
		return "now";
	(void)sprintf(buffer, "%lld.%09ld", (long long)time->tv_sec,
		      time->tv_nsec);
	return buffer;
}

static void see_both(const char *path)
{
	char atime[48], mtime[48];
	struct stat st = see_times(path);

	see_say("atime=%s mtime=%s", show(&st.st_atim, atime),
		show(&st.st_mtim, mtime));
}

static const struct {
	const char *name;
	mode_t mode;
	uid_t uid;
} actors[] = {
	{"owner", 0644, STAGE_ANN},
	{"owner_readonly", 0444, STAGE_ANN},
	{"writer", 0666, STAGE_BOB},
	{"stranger", 0644, STAGE_BOB},
};

static void set_times(const struct stage_choice *choice)
{
	struct timespec times[2] = {values[choice->a].time,
				    values[choice->b].time};

	thing_file("f", "x");
	if (choice->c > 0) {
		see_ok("chmod", chmod("f", actors[choice->c - 1].mode));
		see_ok("chown", chown("f", STAGE_ANN, STAGE_ANN));
		stage_act_as(actors[choice->c - 1].uid);
	}
	struct stat before = see_times("f");
	see_tick();
	see_ok("set", utimensat(AT_FDCWD, "f", times, 0));
	see_both("f");
	see_moved("f", &before, "f");
}

static void set_matrix(void)
{
	int last = stage_is_root() ? 4 : 0;

	for (int c = 0; c <= last; c++)
		for (int a = 0; a < VALUE_COUNT; a++)
			for (int b = 0; b < VALUE_COUNT; b++)
				stage_run(set_times,
					  (struct stage_choice){
						  .a = a, .b = b, .c = c},
					  "utimens.%s_%s.by_%s", values[a].name,
					  values[b].name,
					  c ? actors[c - 1].name : "me");
}

static void set_on_things(const struct stage_choice *choice)
{
	struct timespec times[2] = {{1000, 1}, {2000, 2}};

	thing_make(choice->a, "t");
	see_ok("set", utimensat(AT_FDCWD, "t", times,
				choice->b ? AT_SYMLINK_NOFOLLOW : 0));
	see_both("t");
}

static void set_by_descriptor(const struct stage_choice *choice)
{
	struct timespec times[2] = {{1000, 1}, {2000, 2}};

	(void)choice;
	thing_file("f", "x");
	int reader = thing_open("f", O_RDONLY);
	see_ok("reader", futimens(reader, times));
	see_both("f");
	int path = thing_open("f", O_PATH);
	see_ok("path", futimens(path, times));
	int dir = thing_open(".", O_RDONLY | O_DIRECTORY);
	see_ok("dir", futimens(dir, times));
	see_both(".");
	see_ok("unlink", unlink("f"));
	see_ok("unlinked", futimens(reader, NULL));
	see_ok("bad_flag", utimensat(AT_FDCWD, ".", times, 0x40000000));
}

/* A write after the time was set moves it again. */
static void write_after_set(const struct stage_choice *choice)
{
	struct timespec times[2] = {{1000, 1}, {2000, 2}};

	(void)choice;
	thing_file("f", "x");
	int fd = thing_open("f", O_RDWR);
	see_number("write", write(fd, "y", 1));
	see_ok("set", futimens(fd, times));
	see_both("f");
	see_ok("close", close(fd));
	see_both("f");
	fd = thing_open("f", O_RDWR);
	see_number("write", write(fd, "z", 1));
	see_both("f");
}

static void moved_by(const struct stage_choice *choice)
{
	deed_prepare();
	struct stat f = see_times("f"), g = see_times("g"),
		    dir = see_times(".");
	see_tick();
	see_number("deed", deed_at((size_t)choice->a)->act());
	see_moved("f", &f, "f");
	see_moved("g", &g, "g");
	see_moved("dir", &dir, ".");
	see_names("all", ".");
	see_file("f", "f");
	see_file("g", "g");
}

/* What is done in a directory, and whether that moves its times. */
static int64_t make_in(int what)
{
	switch (what) {
	case 0:
		return open("d/n", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	case 1:
		return mkdir("d/n", 0755);
	case 2:
		return symlink("x", "d/n");
	case 3:
		return mknod("d/n", S_IFIFO | 0644, 0);
	case 4:
		return link("d/f", "d/n");
	case 5:
		return unlink("d/f");
	case 6:
		return rmdir("d/s");
	case 7:
		return rename("d/f", "d/n");
	case 8:
		return rename("d/f", "n");
	case 9:
		return rename("f", "d/n");
	case 10:
		return mkdir("d/s/n", 0755);
	case 11:
		return open("d/f", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	case 12:
		return mkdir("d/s", 0755);
	case 13:
		return unlink("d/none");
	case 14:
		return open("d/f", O_WRONLY | O_TRUNC | O_CLOEXEC);
	case 15:
		return chmod("d/f", 0600);
	case 16:
		return open("d", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	default:
		return rename("d/f", "d/f");
	}
}

static const char *const makings[] = {
	"create",	 "mkdir",	   "symlink",	     "mknod",
	"link",		 "unlink",	   "rmdir",	     "rename",
	"rename_out",	 "rename_in",	   "mkdir_below",    "create_refused",
	"mkdir_refused", "unlink_refused", "truncate_child", "chmod_child",
	"tmpfile",	 "rename_nothing",
};

static void moved_in(const struct stage_choice *choice)
{
	see_ok("mkdir", mkdir("d", 0755));
	see_ok("mkdir", mkdir("d/s", 0755));
	thing_file("d/f", "x");
	thing_file("f", "x");
	struct stat d = see_times("d"), s = see_times("d/s"),
		    here = see_times(".");
	see_tick();
	see_ok("deed", make_in(choice->a));
	see_moved("d", &d, "d");
	see_moved("s", &s, "d/s");
	see_moved("here", &here, ".");
	see_file("d", "d");
}

/* A new thing's three times are one, and its directory's are the same. */
static void times_of_the_new(const struct stage_choice *choice)
{
	struct stat st;

	struct stat before = see_times(".");
	see_tick();
	thing_make(choice->a, "t");
	st = see_times("t");
	see_moved("later", &before, "t");
	see_say("equal=%d", st.st_atim.tv_sec == st.st_ctim.tv_sec);
}

/* relatime: a read moves atime if it is not later than mtime. */
static void prepare_read(void)
{
	struct timespec times[2] = {{1000, 0}, {2000, 0}};

	thing_filled("f", 'f', 5000);
	see_must("sync", syncfs(thing_open("f", O_RDONLY)));
	see_must("mkdir", mkdir("d", 0755));
	thing_file("d/in", "x");
	see_must("symlink", symlink("f", "l"));
	see_must("set", utimensat(AT_FDCWD, "f", times, 0));
	see_must("set", utimensat(AT_FDCWD, "d", times, 0));
	see_must("set", utimensat(AT_FDCWD, "l", times, AT_SYMLINK_NOFOLLOW));
}

static int64_t look(int what, int fd)
{
	char bytes[16];
	volatile const char *map;

	switch (what) {
	case 0:
		return read(fd, bytes, sizeof(bytes));
	case 1:
		return pread(fd, bytes, sizeof(bytes), 9000);
	case 2:
		return read(fd, bytes, 0);
	case 3:
		return readlink("l", bytes, sizeof(bytes));
	case 4:
		see_names("names", "d");
		return 0;
	case 5:
		map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		return map[0] == 'f' ? 0 : -1;
	case 6:
		return open("l", O_RDONLY | O_CLOEXEC);
	case 7:
		return lseek(fd, 0, SEEK_DATA);
	case 8:
		return copy_file_range(fd, NULL,
				       thing_open("n", O_RDWR | O_CREAT), NULL,
				       100, 0);
	default:
		return open("f", O_RDONLY | O_CLOEXEC);
	}
}

static const char *const looks[] = {
	"read",	  "read_at_end",  "read_nothing", "readlink",	"readdir",
	"mapped", "through_link", "seek",	  "copied_out", "only_opened",
};

static void atime_moved_by(const struct stage_choice *choice)
{
	prepare_read();
	int fd = thing_open("f", choice->b ? O_RDONLY | O_NOATIME : O_RDONLY);
	struct stat f = see_times("f"), d = see_times("d"), l = see_times("l");
	see_tick();
	see_number("look", look(choice->a, fd));
	see_read("f", &f, "f");
	see_read("d", &d, "d");
	see_read("l", &l, "l");
	see_moved("f_else", &f, "f");
}

/* Read for the second time, nothing moves. */
static void atime_moves_once(const struct stage_choice *choice)
{
	char byte;

	(void)choice;
	prepare_read();
	int fd = thing_open("f", O_RDONLY);
	see_number("read", pread(fd, &byte, 1, 0));
	struct stat before = see_times("f");
	see_tick();
	see_number("read", pread(fd, &byte, 1, 0));
	see_read("f", &before, "f");
}

static const struct stage_case cases[] = {
	{"set_by_descriptor", set_by_descriptor},
	{"write_after_set", write_after_set},
};

void times_theme(void)
{
	set_matrix();
	for (int a = 0; a < THING_COUNT; a++) {
		for (int b = 0; b < 2; b++)
			stage_run(set_on_things,
				  (struct stage_choice){.a = a, .b = b},
				  "utimens.on_%s%s", thing_name(a),
				  b ? ".nofollow" : "");
		stage_run(times_of_the_new, (struct stage_choice){.a = a},
			  "times.new_%s", thing_name(a));
	}
	for (int a = 0; a < (int)deed_count(); a++)
		stage_run(moved_by, (struct stage_choice){.a = a},
			  "times.moved_by.%s", deed_at((size_t)a)->name);
	for (int a = 0; a < 18; a++)
		stage_run(moved_in, (struct stage_choice){.a = a},
			  "times.moved_in.%s", makings[a]);
	for (int a = 0; a < 10; a++)
		for (int b = 0; b < 2; b++)
			stage_run(atime_moved_by,
				  (struct stage_choice){.a = a, .b = b},
				  "atime.%s%s", looks[a], b ? ".noatime" : "");
	stage_run(atime_moves_once, (struct stage_choice){0},
		  "atime.moves_once");
	STAGE_RUN_ALL("times", cases);
}
