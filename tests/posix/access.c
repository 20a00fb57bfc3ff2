/* SPDX-License-Identifier: MIT */
/* Permissions: what each class may do, access(2), sticky directories. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

static const char *const classes[] = {"owner", "group", "other", "root"};

/* Ann owns it, the club is its group; who acts falls into the class. */
static void own(const char *path, mode_t bits, int class)
{
	mode_t mode = class == 0 ? bits << 6 : class == 1 ? bits << 3 : bits;

	if (stage_is_root())
		see_must("prepare", chown(path, STAGE_ANN, STAGE_CLUB));
	/* The other classes may the opposite. */
	mode_t rest = 0777 & ~(class == 0 ? 0700 : class == 1 ? 0070 : 0007);
	if (class < 3)
		mode |= rest & ~(bits << 6 | bits << 3 | bits);
	see_must("prepare", chmod(path, mode));
}

static void act(int class)
{
	if (!stage_is_root())
		return;
	if (class == 1)
		stage_join(STAGE_CLUB);
	if (class < 3)
		stage_act_as(class == 0 ? STAGE_ANN : STAGE_BOB);
}

static void use_file(const struct stage_choice *choice)
{
	thing_file("f", "#!/bin/true\n");
	own("f", (mode_t)choice->a, choice->b);
	act(choice->b);
	see_ok("read", open("f", O_RDONLY | O_CLOEXEC));
	see_ok("write", open("f", O_WRONLY | O_CLOEXEC));
	see_ok("both", open("f", O_RDWR | O_CLOEXEC));
	see_ok("truncate", open("f", O_RDONLY | O_TRUNC | O_CLOEXEC));
	see_ok("truncate", truncate("f", 5));
	see_ok("access_r", faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
	see_ok("access_w", faccessat(AT_FDCWD, "f", W_OK, AT_EACCESS));
	see_ok("access_x", faccessat(AT_FDCWD, "f", X_OK, AT_EACCESS));
	see_ok("access_f", faccessat(AT_FDCWD, "f", F_OK, AT_EACCESS));
	see_ok("real", access("f", W_OK));
	see_ok("path", open("f", O_PATH | O_CLOEXEC));
	struct stat before = see_times("f");
	see_ok("stat", before.st_ino != 0 ? 0 : -1);
	execl("./f", "f", (char *)NULL);
	see_ok("exec", -1);
}

static void use_dir(const struct stage_choice *choice)
{
	see_must("prepare", mkdir("d", 0755));
	thing_file("d/f", "x");
	thing_file("g", "x");
	see_must("prepare", chmod("d/f", 0666));
	see_must("prepare", chmod("g", 0666));
	see_must("prepare", mkdir("d/s", 0777));
	own("d", (mode_t)choice->a, choice->b);
	see_must("prepare", chmod(".", 0777));
	act(choice->b);
	see_names("list", "d");
	see_ok("stat", open("d/f", O_PATH | O_CLOEXEC));
	see_ok("open", open("d/f", O_RDWR | O_CLOEXEC));
	see_ok("chdir", chdir("d") == 0 ? chdir("..") : -1);
	see_ok("create", open("d/n", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
	see_ok("mkdir", mkdir("d/m", 0755));
	see_ok("symlink", symlink("x", "d/l"));
	see_ok("link", link("d/f", "d/h"));
	see_ok("rename", rename("d/f", "d/r"));
	see_ok("rename_in", rename("g", "d/g"));
	see_ok("unlink", unlink("d/r"));
	see_ok("rmdir", rmdir("d/s"));
	see_ok("missing", open("d/none", O_RDONLY | O_CLOEXEC));
	see_ok("access", faccessat(AT_FDCWD, "d", W_OK, AT_EACCESS));
}

static void access_real(const struct stage_choice *choice)
{
	thing_make(choice->a, "t");
	for (int mode = 0; mode < 8; mode++)
		see_ok("access", access("t", mode));
	see_ok("slash", access("t/", F_OK));
	see_ok("bad", access("t", 8));
	see_ok("nofollow", faccessat(AT_FDCWD, "t", F_OK, AT_SYMLINK_NOFOLLOW));
	see_ok("bad_flag", faccessat(AT_FDCWD, "t", F_OK, 0x40000000));
}

/* access(2) asks for the real user, not the effective one. */
static void access_as_another(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("f", "x");
	see_must("prepare", chmod("f", 0600));
	stage_act_as(STAGE_ANN);
	see_ok("real", access("f", R_OK));
	see_ok("effective", faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
}

static const uid_t people[] = {0, STAGE_ANN, STAGE_BOB};
static const char *const people_names[] = {"root", "ann", "bob"};

/* Who owns the sticky directory, who the things in it, who acts. */
static void sticky_one(const struct stage_choice *choice)
{
	see_must("prepare", mkdir("d", 0755));
	thing_file("d/f", "x");
	thing_file("d/over", "x");
	thing_file("d/mine", "x");
	see_must("prepare", mkdir("d/s", 0777));
	see_must("prepare", mkdir("d/t", 0777));
	const char *things[] = {"d/f", "d/over", "d/s", "d/t"};
	for (int i = 0; i < 4; i++)
		see_must("prepare", chown(things[i], people[choice->b],
					  people[choice->b]));
	see_must("prepare",
		 chown("d/mine", people[choice->c], people[choice->c]));
	see_must("prepare", chown("d", people[choice->a], people[choice->a]));
	see_must("prepare", chmod("d", choice->d ? 01777 : 0777));
	stage_act_as(people[choice->c]);
	see_ok("over", rename("d/mine", "d/over"));
	see_ok("create", open("d/new", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
	see_ok("exchange",
	       renameat2(AT_FDCWD, "d/new", AT_FDCWD, "d/f", RENAME_EXCHANGE));
	see_ok("rename", rename("d/f", "d/g"));
	see_ok("unlink", unlink("d/g"));
	see_ok("rename_dir", rename("d/t", "d/u"));
	see_ok("rmdir", rmdir("d/s"));
	see_names("left", "d");
}

static const struct {
	const char *name;
	int flags;
} creations[] = {
	{"create_read", O_RDONLY | O_CREAT},
	{"create_write", O_WRONLY | O_CREAT},
	{"create_truncate", O_WRONLY | O_CREAT | O_TRUNC},
	{"write", O_WRONLY},
};

/* protected_regular and protected_fifos look at sticky directories, too. */
static void open_in_sticky(const struct stage_choice *choice)
{
	see_must("prepare", mkdir("d", 0755));
	thing_file("d/f", "x");
	see_must("prepare", mkfifo("d/p", 0666));
	see_must("prepare", chmod("d/f", 0666));
	see_must("prepare", chmod("d/p", 0666));
	see_must("prepare", chown("d/f", STAGE_ANN, STAGE_ANN));
	see_must("prepare", chown("d/p", STAGE_ANN, STAGE_ANN));
	see_must("prepare", chmod("d", 01777));
	stage_act_as(STAGE_BOB);
	int flags = creations[choice->a].flags | O_NONBLOCK;
	see_ok("file", open("d/f", flags | O_CLOEXEC, 0644));
	see_ok("fifo", open("d/p", flags | O_CLOEXEC, 0644));
}

void access_theme(void)
{
	int last = stage_is_root() ? 3 : 0;

	for (int a = 0; a < 8; a++)
		for (int b = 0; b <= last; b++) {
			stage_run(use_file,
				  (struct stage_choice){.a = a, .b = b},
				  "may_file.%o.%s", a, classes[b]);
			stage_run(use_dir,
				  (struct stage_choice){.a = a, .b = b},
				  "may_dir.%o.%s", a, classes[b]);
		}
	for (int a = 0; a < THING_COUNT; a++)
		stage_run(access_real, (struct stage_choice){.a = a},
			  "access.%s", thing_name(a));
	if (!stage_is_root())
		return;
	stage_run(access_as_another, (struct stage_choice){0},
		  "access.as_another");
	for (int i = 0; i < 54; i++)
		stage_run(sticky_one,
			  (struct stage_choice){.a = i / 9 % 3,
						.b = i / 3 % 3,
						.c = i % 3,
						.d = i >= 27},
			  "%s.dir_of_%s.things_of_%s.by_%s",
			  i >= 27 ? "sticky" : "unsticky",
			  people_names[i / 9 % 3], people_names[i / 3 % 3],
			  people_names[i % 3]);
	for (int a = 0; a < 4; a++)
		stage_run(open_in_sticky, (struct stage_choice){.a = a},
			  "sticky.open.%s", creations[a].name);
}
