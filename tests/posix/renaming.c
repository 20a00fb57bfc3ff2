/* SPDX-License-Identifier: MIT */
/* rename(2) and renameat2(2): every kind over every kind. */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

static const struct {
	const char *name;
	unsigned int flags;
} ways[] = {
	{"rename", 0},
	{"noreplace", RENAME_NOREPLACE},
	{"exchange", RENAME_EXCHANGE},
	{"whiteout", RENAME_WHITEOUT},
	{"whiteout_noreplace", RENAME_WHITEOUT | RENAME_NOREPLACE},
	{"whiteout_exchange", RENAME_WHITEOUT | RENAME_EXCHANGE},
	{"noreplace_exchange", RENAME_NOREPLACE | RENAME_EXCHANGE},
	{"unknown_flag", 1U << 20},
};

static void rename_paths(const struct stage_choice *choice, const char *from,
			 const char *to)
{
	struct stat st = {0};

	see_ok("rename",
	       renameat2(AT_FDCWD, from, AT_FDCWD, to, ways[choice->a].flags));
	see_file("from", from);
	see_file("to", to);
	see_names("all", ".");
	if (lstat(from, &st) == 0 && S_ISCHR(st.st_mode))
		see_say("whiteout=%d", st.st_rdev == 0);
}

static void rename_here(const struct stage_choice *choice)
{
	struct stat to;

	thing_make(choice->b, "from");
	thing_make(choice->c, "to");
	struct stat dir = see_times("."), from = see_times("from");
	see_tick();
	rename_paths(choice, "from", "to");
	see_moved("dir", &dir, ".");
	see_file("dir", ".");
	bool moved = lstat("to", &to) == 0 && to.st_ino == from.st_ino;
	see_say("moved=%d", moved);
	if (moved)
		see_moved("times", &from, "to");
}

static void rename_away(const struct stage_choice *choice)
{
	see_ok("mkdir", mkdir("a", 0755));
	see_ok("mkdir", mkdir("b", 0755));
	thing_make(choice->b, "a/from");
	thing_make(choice->c, "b/to");
	struct stat here = see_times("a"), there = see_times("b");
	see_tick();
	rename_paths(choice, "a/from", "b/to");
	see_moved("here", &here, "a");
	see_moved("there", &there, "b");
	see_file("here", "a");
	see_file("there", "b");
	see_names("a", "a");
	see_names("b", "b");
}

static void rename_matrix(void)
{
	for (int a = 0; a < 4; a++)
		for (int b = 0; b < THING_COUNT; b++)
			for (int c = 0; c < THING_COUNT; c++)
				stage_run(rename_here,
					  (struct stage_choice){
						  .a = a, .b = b, .c = c},
					  "%s.%s.to_%s", ways[a].name,
					  thing_name(b), thing_name(c));
	for (int a = 0; a < 4; a += 2)
		for (int b = THING_FILE; b <= THING_FULL_DIR; b++)
			for (int c = 0; c <= THING_LINK; c++)
				stage_run(rename_away,
					  (struct stage_choice){
						  .a = a, .b = b, .c = c},
					  "%s_away.%s.to_%s", ways[a].name,
					  thing_name(b), thing_name(c));
	for (int a = 4; a < 8; a++)
		for (int c = 0; c < THING_DIR; c++)
			stage_run(rename_here,
				  (struct stage_choice){
					  .a = a, .b = THING_FILE, .c = c},
				  "%s.file.to_%s", ways[a].name, thing_name(c));
}

static const struct {
	const char *name;
	const char *from, *to;
} paths[] = {
	{"itself", "file", "file"},
	{"other_link", "file", "hard"},
	{"directory_itself", "dir", "dir"},
	{"into_itself", "dir", "dir/in"},
	{"deep_into_itself", "dir", "dir/sub/in"},
	{"over_parent", "dir/sub", "dir"},
	{"from_dot", "dir/.", "new"},
	{"from_dotdot", "dir/..", "new"},
	{"to_dot", "dir", "."},
	{"to_dotdot", "dir", ".."},
	{"file_to_dot", "file", "."},
	{"from_slash_file", "file/", "new"},
	{"from_slash_dir", "dir/", "new"},
	{"to_slash_missing_file", "file", "new/"},
	{"to_slash_missing_dir", "dir", "new/"},
	{"to_slash_file", "file", "other/"},
	{"to_slash_dir", "dir", "empty/"},
	{"from_slash_link", "dirlink/", "new"},
	{"to_slash_link", "empty", "dirlink/"},
	{"empty_from", "", "new"},
	{"empty_to", "file", ""},
	{"below_file", "file/x", "new"},
	{"to_below_file", "file", "other/x"},
	{"below_missing", "none/x", "new"},
	{"to_below_missing", "file", "none/x"},
	{"dir_over_symlink_to_dir", "empty", "dirlink"},
};

static void rename_path(const struct stage_choice *choice)
{
	thing_file("file", "file");
	see_ok("link", link("file", "hard"));
	thing_file("other", "other");
	see_ok("mkdir", mkdir("dir", 0755));
	see_ok("mkdir", mkdir("dir/sub", 0755));
	see_ok("mkdir", mkdir("empty", 0755));
	see_ok("symlink", symlink("empty", "dirlink"));
	struct stat before = see_times("file");
	see_tick();
	see_ok("rename",
	       renameat2(AT_FDCWD, paths[choice->a].from, AT_FDCWD,
			 paths[choice->a].to, choice->b ? RENAME_EXCHANGE : 0));
	see_names("all", ".");
	see_file("dir", ".");
	see_file("file", "file");
	see_moved("file", &before, "file");
}

static void replaced_file_stays_open(const struct stage_choice *choice)
{
	char bytes[8];

	(void)choice;
	thing_file("old", "old");
	thing_file("new", "new");
	see_ok("link", link("old", "kept"));
	int fd = thing_open("old", O_RDWR);
	struct stat before = see_times("kept");
	see_tick();
	see_ok("rename", rename("new", "old"));
	see_bytes("old", bytes, pread(fd, bytes, sizeof(bytes), 0));
	see_fd("fd", fd);
	see_moved("kept", &before, "kept");
	see_content("new", "old");
}

static void directory_moves_with_its_children(const struct stage_choice *choice)
{
	(void)choice;
	see_ok("mkdir", mkdir("a", 0755));
	see_ok("mkdir", mkdir("b", 0755));
	see_ok("mkdir", mkdir("a/d", 0755));
	thing_file("a/d/f", "x");
	struct stat before = see_times("a/d");
	see_tick();
	see_ok("chdir", chdir("a/d"));
	see_ok("rename", rename("../../a/d", "../../b/e"));
	see_content("f", "f");
	see_moved("dir", &before, ".");
	see_same("up", "..", "../../b");
	see_file("a", "../../a");
	see_file("b", "../../b");
}

static void exchange_keeps_both(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("f", "file");
	thing_make(THING_FULL_DIR, "d");
	struct stat f = see_times("f"), d = see_times("d");
	see_tick();
	see_ok("exchange",
	       renameat2(AT_FDCWD, "f", AT_FDCWD, "d", RENAME_EXCHANGE));
	see_moved("file", &f, "d");
	see_moved("dir", &d, "f");
	see_content("d", "d");
	see_names("f", "f");
	see_ok("back",
	       renameat2(AT_FDCWD, "f", AT_FDCWD, "d", RENAME_EXCHANGE));
	see_content("f", "f");
}

/* A moved directory of another needs write permission on itself, for "..". */
static void moving_needs_permission(const struct stage_choice *choice)
{
	(void)choice;
	see_ok("chmod", chmod(".", 0777));
	see_ok("mkdir", mkdir("a", 0777));
	see_ok("mkdir", mkdir("b", 0777));
	see_ok("mkdir", mkdir("a/d", 0755));
	see_ok("chmod", chmod("a", 0777));
	see_ok("chmod", chmod("b", 0777));
	thing_file("a/f", "x");
	stage_act_as(STAGE_ANN);
	see_ok("within", rename("a/d", "a/e"));
	see_ok("away", rename("a/e", "b/e"));
	see_ok("file", rename("a/f", "b/f"));
	see_names("b", "b");
}

static const struct stage_case cases[] = {
	{"replaced_file_stays_open", replaced_file_stays_open},
	{"directory_moves_with_its_children",
	 directory_moves_with_its_children},
	{"exchange_keeps_both", exchange_keeps_both},
};

void renaming_theme(void)
{
	int count = sizeof(paths) / sizeof(paths[0]);

	rename_matrix();
	for (int a = 0; a < count; a++)
		for (int b = 0; b < 2; b++)
			stage_run(rename_path,
				  (struct stage_choice){.a = a, .b = b},
				  "%s_path.%s", b ? "exchange" : "rename",
				  paths[a].name);
	STAGE_RUN_ALL("renames", cases);
	if (stage_is_root())
		stage_run(moving_needs_permission, (struct stage_choice){0},
			  "renames.moving_needs_permission");
}
