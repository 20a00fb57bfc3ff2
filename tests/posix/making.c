/* SPDX-License-Identifier: MIT */
/* mkdir(2), mknod(2), symlink(2), readlink(2), O_TMPFILE. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

static const mode_t modes[] = {0, 0700, 0755, 0777, 01777, 02775, 04755, 07777};
static const mode_t masks[] = {0, 027, 0777};

static const struct {
	const char *name;
	mode_t type;
} nodes[] = {
	{"mkdir", S_IFDIR},	    {"mknod_file", S_IFREG},
	{"mknod_fifo", S_IFIFO},    {"mknod_socket", S_IFSOCK},
	{"mknod_char", S_IFCHR},    {"mknod_block", S_IFBLK},
	{"mknod_none", 0},	    {"mknod_dir", S_IFDIR | 1},
	{"mknod_symlink", S_IFLNK}, {"mknod_bad", 0170000},
};

static int make_node(int index, const char *path, mode_t mode)
{
	mode_t type = nodes[index].type;

	if (type == S_IFDIR)
		return mkdir(path, mode);
	return mknod(path, (type & S_IFMT) | mode, makedev(1, 7));
}

static void make_over(const struct stage_choice *choice)
{
	thing_make(choice->b, "t");
	struct stat before = see_times(".");
	see_tick();
	see_ok("make", make_node(choice->a, choice->c ? "t/" : "t", 0644));
	see_file("t", "t");
	see_moved("dir", &before, ".");
	see_file("dir", ".");
	see_names("all", ".");
}

static void make_mode(const struct stage_choice *choice)
{
	umask(masks[choice->c]);
	see_ok("make", make_node(choice->a, "t", modes[choice->b]));
	see_file("t", "t");
	see_owner("t", "t");
}

static void make_in_set_gid(const struct stage_choice *choice)
{
	see_ok("mkdir", mkdir("d", 0755));
	see_ok("chown",
	       chown("d", -1, stage_is_root() ? STAGE_CLUB : stage_own_gid()));
	see_ok("chmod", chmod("d", 02777));
	see_file("d", "d");
	see_ok("make", make_node(choice->a, "d/t", modes[choice->b]));
	see_file("t", "d/t");
	see_owner("t", "d/t");
}

static void make_everything(void)
{
	int count = sizeof(nodes) / sizeof(nodes[0]);

	for (int a = 0; a < count; a++) {
		for (int b = 0; b < THING_COUNT; b++)
			stage_run(make_over,
				  (struct stage_choice){.a = a, .b = b},
				  "%s.over_%s", nodes[a].name, thing_name(b));
		stage_run(make_over,
			  (struct stage_choice){
				  .a = a, .b = THING_MISSING, .c = 1},
			  "%s.slash", nodes[a].name);
	}
	for (int a = 0; a < 4; a++)
		for (int b = 0; b < 8; b++) {
			for (int c = 0; c < 3; c++)
				stage_run(make_mode,
					  (struct stage_choice){
						  .a = a, .b = b, .c = c},
					  "%s.mode%04o.umask%03o",
					  nodes[a].name, modes[b], masks[c]);
			stage_run(make_in_set_gid,
				  (struct stage_choice){.a = a, .b = b},
				  "%s.mode%04o.in_set_gid", nodes[a].name,
				  modes[b]);
		}
}

static void device_numbers_are_kept(const struct stage_choice *choice)
{
	struct stat st;

	(void)choice;
	see_ok("mknod", mknod("d", S_IFCHR | 0600, makedev(4095, 1048575)));
	see_ok("stat", stat("d", &st));
	see_say("major=%u minor=%u", major(st.st_rdev), minor(st.st_rdev));
	see_ok("mknod", mknod("w", S_IFCHR | 0600, 0));
	see_ok("stat", stat("w", &st));
	see_say("major=%u minor=%u", major(st.st_rdev), minor(st.st_rdev));
}

static void link_count_of_directories(const struct stage_choice *choice)
{
	(void)choice;
	see_ok("mkdir", mkdir("d", 0755));
	see_file("new", "d");
	see_ok("mkdir", mkdir("d/a", 0755));
	see_ok("mkdir", mkdir("d/b", 0755));
	thing_file("d/f", "x");
	see_ok("symlink", symlink("a", "d/l"));
	see_file("two", "d");
	see_ok("rmdir", rmdir("d/a"));
	see_file("one", "d");
	see_ok("rename", rename("d/b", "b"));
	see_file("none", "d");
	see_file("here", ".");
	int fd = thing_open("b", O_RDONLY | O_DIRECTORY);
	see_ok("rmdir", rmdir("b"));
	see_fd("gone", fd);
}

static void dots_are_there(const struct stage_choice *choice)
{
	(void)choice;
	see_ok("mkdir", mkdir("d", 0755));
	see_ok("mkdir", mkdir("d/e", 0755));
	see_same("dot", "d", "d/.");
	see_same("dotdot", "d", "d/e/..");
	see_same("both", "d/e", "d/./e/../e/.");
	see_ok("mkdir_dot", mkdir("d/.", 0755));
	see_ok("mkdir_dotdot", mkdir("d/..", 0755));
	see_ok("mknod_dot", mknod("d/.", S_IFREG | 0600, 0));
	see_ok("symlink_dot", symlink("x", "d/."));
	see_ok("empty", mkdir("", 0755));
	see_ok("parent", mkdir("none/d", 0755));
}

static void symlink_over(const struct stage_choice *choice)
{
	char buffer[32];

	thing_make(choice->a, "t");
	see_ok("symlink", symlink("target", choice->b ? "t/" : "t"));
	see_file("t", "t");
	see_bytes("target", buffer, readlink("t", buffer, sizeof(buffer)));
}

static void readlink_of(const struct stage_choice *choice)
{
	char buffer[32];

	thing_make(choice->a, "t");
	see_bytes("all", buffer, readlink("t", buffer, sizeof(buffer)));
	see_bytes("cut", buffer, readlink("t", buffer, 2));
	see_bytes("none", buffer, readlink("t", buffer, 0));
	see_bytes("slash", buffer, readlink("t/", buffer, sizeof(buffer)));
}

static void symlink_lengths(const struct stage_choice *choice)
{
	static const int lengths[] = {0, 1, 59, 60, 255, 256, 4094, 4095, 4096};
	static char target[8192], back[8192]; /* a case has its own process */
	int length = lengths[choice->a];

	memset(target, 'x', (size_t)length);
	see_ok("symlink", symlink(target, "l"));
	see_file("l", "l");
	ssize_t n = readlink("l", back, sizeof(back));
	see_number("readlink", n);
	see_say("same=%d", strcmp(target, back) == 0);
	see_ok("stat", open("l", O_RDONLY | O_CLOEXEC));
}

static void symlinks_have_times(const struct stage_choice *choice)
{
	char buffer[8];
	struct timespec times[2] = {{1000, 5}, {2000, 7}};

	(void)choice;
	see_ok("symlink", symlink("x", "l"));
	struct stat before = see_times("l");
	see_tick();
	see_ok("set", utimensat(AT_FDCWD, "l", times, AT_SYMLINK_NOFOLLOW));
	see_moved("set", &before, "l");
	see_bytes("read", buffer, readlink("l", buffer, sizeof(buffer)));
	struct stat now = see_times("l");
	see_say("mtime=%lld.%ld", (long long)now.st_mtim.tv_sec,
		now.st_mtim.tv_nsec);
	see_ok("follow", utimensat(AT_FDCWD, "l", times, 0));
}

static const struct stage_case cases[] = {
	{"link_count_of_directories", link_count_of_directories},
	{"dots_are_there", dots_are_there},
	{"device_numbers_are_kept", device_numbers_are_kept},
	{"symlinks_have_times", symlinks_have_times},
};

void making_theme(void)
{
	make_everything();
	STAGE_RUN_ALL("make", cases);
	for (int a = 0; a < THING_COUNT; a++) {
		for (int b = 0; b < 2; b++)
			stage_run(symlink_over,
				  (struct stage_choice){.a = a, .b = b},
				  "symlink%s.over_%s", b ? "_slash" : "",
				  thing_name(a));
		stage_run(readlink_of, (struct stage_choice){.a = a},
			  "readlink.%s", thing_name(a));
	}
	for (int a = 0; a < 9; a++)
		stage_run(symlink_lengths, (struct stage_choice){.a = a},
			  "symlink.length%d", a);
}
