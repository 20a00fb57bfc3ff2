/* SPDX-License-Identifier: MIT */
/* O_TMPFILE: files that begin without a name. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

static int unnamed(const char *directory, int flags, mode_t mode)
{
	int fd = open(directory, O_TMPFILE | O_CLOEXEC | flags, mode);

	see_ok("tmpfile", fd);
	return fd;
}

static int give_name(int fd, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

static void is_unseen(const struct stage_choice *choice)
{
	(void)choice;
	struct stat before = see_times(".");
	see_tick();
	int fd = unnamed(".", O_RDWR, 0640);
	see_fd("fd", fd);
	see_moved("dir", &before, ".");
	see_names("all", ".");
	see_ok("close", close(fd));
}

static void gets_a_name(const struct stage_choice *choice)
{
	(void)choice;
	int fd = unnamed(".", O_RDWR, 0640);
	see_number("write", write(fd, "content", 7));
	struct stat before = see_times(".");
	see_tick();
	see_ok("link", give_name(fd, "f"));
	see_moved("dir", &before, ".");
	see_file("f", "f");
	see_content("f", "f");
	see_number("write", pwrite(fd, "C", 1, 0));
	see_content("f", "f");
	see_fd("fd", fd);
}

static void gets_two_names(const struct stage_choice *choice)
{
	(void)choice;
	int fd = unnamed(".", O_RDWR, 0600);
	see_ok("link", give_name(fd, "a"));
	see_ok("link", give_name(fd, "b"));
	see_file("a", "a");
	see_same("same", "a", "b");
	see_ok("unlink", unlink("a"));
	see_ok("unlink", unlink("b"));
	see_fd("fd", fd);
	see_ok("again", give_name(fd, "c"));
}

static void by_empty_path(const struct stage_choice *choice)
{
	(void)choice;
	int fd = unnamed(".", O_RDWR, 0600);
	see_ok("link", linkat(fd, "", AT_FDCWD, "f", AT_EMPTY_PATH));
	see_file("f", "f");
}

/* A descriptor that is only a path keeps a file, and whoever has it can open or
 * link the file again. */
static void outlives_its_handle(const struct stage_choice *choice)
{
	char path[64];
	char content[8];

	int fd = unnamed(".", O_RDWR, 0600);
	see_number("write", write(fd, "content", 7));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int only_path = open(path, O_PATH | O_CLOEXEC);
	see_ok("path", only_path);
	if (choice->a) {
		see_ok("link", give_name(fd, "f"));
		see_ok("unlink", unlink("f"));
	}
	see_ok("close", close(fd));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", only_path);
	int again = open(path, O_RDONLY | O_CLOEXEC);
	see_bytes("reopened", content, read(again, content, sizeof(content)));
	see_ok("link", give_name(only_path, "g"));
	see_content("g", "g");
}

static void exclusive_stays_unnamed(const struct stage_choice *choice)
{
	(void)choice;
	int fd = unnamed(".", O_RDWR | O_EXCL, 0600);
	see_ok("link", give_name(fd, "f"));
	see_names("all", ".");
}

static void taken_name_is_refused(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("f", "old");
	int fd = unnamed(".", O_RDWR, 0600);
	see_ok("link", give_name(fd, "f"));
	see_ok("missing", give_name(fd, "none/f"));
	see_content("f", "f");
	see_fd("fd", fd);
}

static void keeps_attributes(const struct stage_choice *choice)
{
	char value[8];
	struct timespec times[2] = {{1000, 0}, {2000, 0}};

	(void)choice;
	int fd = unnamed(".", O_RDWR, 0600);
	see_ok("fchmod", fchmod(fd, 0751));
	see_ok("setxattr", fsetxattr(fd, "user.x", "value", 5, 0));
	see_ok("truncate", ftruncate(fd, 5000));
	see_number("write", pwrite(fd, "x", 1, 100));
	see_ok("times", futimens(fd, times));
	see_ok("link", give_name(fd, "f"));
	see_file("f", "f");
	see_bytes("xattr", value, getxattr("f", "user.x", value, 8));
	see_say("mtime=%lld", (long long)see_times("f").st_mtim.tv_sec);
	see_content("f", "f");
}

static void places(const struct stage_choice *choice)
{
	thing_make(choice->a, "t");
	int fd = unnamed("t", O_RDWR, 0600);
	if (fd >= 0)
		see_fd("fd", fd);
	see_names("all", ".");
}

static void access_modes(const struct stage_choice *choice)
{
	static const int flags[] = {O_RDONLY,	      O_WRONLY,
				    O_RDWR,	      O_RDWR | O_CREAT,
				    O_RDWR | O_TRUNC, O_WRONLY | O_APPEND};
	char byte;

	int fd = unnamed(".", flags[choice->a], 0600);
	see_number("write", write(fd, "x", 1));
	see_number("read", pread(fd, &byte, 1, 0));
	see_names("all", ".");
}

static void creation_modes(const struct stage_choice *choice)
{
	static const mode_t modes[] = {0, 0444, 0777, 04755, 02755, 01777};

	umask(choice->b ? 077 : 0);
	int fd = unnamed(".", O_RDWR, modes[choice->a]);
	see_fd("fd", fd);
	see_number("write", write(fd, "x", 1));
	see_ok("link", give_name(fd, "f"));
	see_file("f", "f");
}

static void group_of_the_directory(const struct stage_choice *choice)
{
	(void)choice;
	see_ok("mkdir", mkdir("d", 0755));
	see_ok("chown",
	       chown("d", -1, stage_is_root() ? STAGE_CLUB : stage_own_gid()));
	see_ok("chmod", chmod("d", 02777));
	int fd = unnamed("d", O_RDWR, 0644);
	see_ok("link", give_name(fd, "d/f"));
	see_file("f", "d/f");
	see_owner("f", "d/f");
}

static void needs_a_writable_directory(const struct stage_choice *choice)
{
	(void)choice;
	see_ok("mkdir", mkdir("d", 0755));
	see_ok("chmod", chmod("d", 0555));
	if (stage_is_root())
		stage_act_as(STAGE_ANN);
	(void)unnamed("d", O_RDWR, 0644);
}

static const struct stage_case cases[] = {
	{"is_unseen", is_unseen},
	{"gets_a_name", gets_a_name},
	{"gets_two_names", gets_two_names},
	{"by_empty_path", by_empty_path},
	{"exclusive_stays_unnamed", exclusive_stays_unnamed},
	{"taken_name_is_refused", taken_name_is_refused},
	{"keeps_attributes", keeps_attributes},
	{"group_of_the_directory", group_of_the_directory},
	{"needs_a_writable_directory", needs_a_writable_directory},
};

void unnamed_theme(void)
{
	STAGE_RUN_ALL("tmpfile", cases);
	for (int a = 0; a < 2; a++)
		stage_run(outlives_its_handle, (struct stage_choice){.a = a},
			  "tmpfile.outlives_its_handle%s",
			  a ? ".unlinked" : "");
	for (int a = 0; a < THING_COUNT; a++)
		stage_run(places, (struct stage_choice){.a = a},
			  "tmpfile.in_%s", thing_name(a));
	for (int a = 0; a < 6; a++) {
		stage_run(access_modes, (struct stage_choice){.a = a},
			  "tmpfile.access%d", a);
		for (int b = 0; b < 2; b++)
			stage_run(creation_modes,
				  (struct stage_choice){.a = a, .b = b},
				  "tmpfile.mode%d.umask%d", a, b);
	}
}
