/* SPDX-License-Identifier: MIT */
/* link(2), unlink(2), rmdir(2), and files that outlive their names. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

static void link_one(const struct stage_choice *choice)
{
	int r;

	thing_make(choice->a, "from");
	thing_make(choice->b, "to");
	struct stat before = see_times(".");
	see_tick();
	r = linkat(AT_FDCWD, "from", AT_FDCWD, "to",
		   choice->c ? AT_SYMLINK_FOLLOW : 0);
	see_ok("link", r);
	see_moved("dir", &before, ".");
	see_file("from", "from");
	see_file("to", "to");
	see_same("same", "from", "to");
	see_names("all", ".");
}

static void link_everything(void)
{
	static const int targets[] = {THING_MISSING, THING_FILE, THING_DIR,
				      THING_DANGLING};

	for (int a = 0; a < THING_COUNT; a++)
		for (int b = 0; b < 4; b++)
			for (int c = 0; c < 2; c++)
				stage_run(link_one,
					  (struct stage_choice){.a = a,
								.b = targets[b],
								.c = c},
					  "link%s.%s.to_%s", c ? "_follow" : "",
					  thing_name(a),
					  thing_name(targets[b]));
}

static const struct {
	const char *name;
	const char *path;
	int flags;
} removals[] = {
	{"unlink", "t", 0},
	{"rmdir", "t", AT_REMOVEDIR},
	{"unlink_slash", "t/", 0},
	{"rmdir_slash", "t/", AT_REMOVEDIR},
	{"rmdir_dot", "t/.", AT_REMOVEDIR},
	{"rmdir_dotdot", "t/..", AT_REMOVEDIR},
	{"unlink_bad_flag", "t", 0x40000000},
};

static void remove_one(const struct stage_choice *choice)
{
	thing_make(choice->b, "t");
	struct stat before = see_times(".");
	see_tick();
	see_ok("remove", unlinkat(AT_FDCWD, removals[choice->a].path,
				  removals[choice->a].flags));
	see_moved("dir", &before, ".");
	see_file("dir", ".");
	see_file("t", "t");
	see_names("all", ".");
}

/* An open file keeps all it has after its last name is gone. */
static void open_file_outlives_its_name(const struct stage_choice *choice)
{
	char bytes[16];

	(void)choice;
	thing_file("f", "content");
	int fd = thing_open("f", O_RDWR);
	struct stat before = see_times("f");
	see_tick();
	see_ok("unlink", unlink("f"));
	see_moved_fd("moved", &before, fd);
	see_fd("fd", fd);
	see_number("write", pwrite(fd, "more", 4, 7));
	see_bytes("read", bytes, pread(fd, bytes, sizeof(bytes), 0));
	see_ok("truncate", ftruncate(fd, 3));
	see_fd("cut", fd);
	see_ok("fchmod", fchmod(fd, 0600));
	see_ok("fchown", fchown(fd, -1, -1));
	see_ok("fsync", fsync(fd));
	see_fd("last", fd);
	see_ok("close", close(fd));
}

static void name_is_free_while_open(const struct stage_choice *choice)
{
	char bytes[16];

	(void)choice;
	thing_file("f", "old");
	int fd = thing_open("f", O_RDWR);
	see_ok("unlink", unlink("f"));
	thing_file("f", "newer");
	see_bytes("old", bytes, pread(fd, bytes, sizeof(bytes), 0));
	see_content("new", "f");
	see_fd("fd", fd);
	see_file("f", "f");
}

static void unlinked_file_has_no_way_back(const struct stage_choice *choice)
{
	char path[64];

	(void)choice;
	thing_file("f", "x");
	int fd = thing_open("f", O_RDWR);
	see_ok("unlink", unlink("f"));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	see_ok("link",
	       linkat(AT_FDCWD, path, AT_FDCWD, "g", AT_SYMLINK_FOLLOW));
	see_file("g", "g");
}

static void second_name_shows_all(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("a", "one");
	see_ok("link", link("a", "b"));
	thing_file("b", "changed");
	see_ok("chmod", chmod("b", 0600));
	see_content("a", "a");
	see_file("a", "a");
	struct stat before = see_times("a");
	see_tick();
	see_ok("unlink", unlink("b"));
	see_moved("left", &before, "a");
	see_file("a", "a");
}

static void link_moves_ctime(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("a", "x");
	struct stat before = see_times("a");
	see_tick();
	see_ok("link", link("a", "b"));
	see_moved("a", &before, "a");
	see_moved("b", &before, "b");
}

static void many_links(const struct stage_choice *choice)
{
	char name[16];
	int made = 0;

	(void)choice;
	thing_file("f", "x");
	for (int i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "l%d", i);
		made += link("f", name) == 0;
	}
	see_say("made=%d", made);
	see_file("f", "f");
	for (int i = 0; i < 300; i += 2) {
		(void)snprintf(name, sizeof(name), "l%d", i);
		made -= unlink(name) == 0;
	}
	see_say("left=%d", made);
	see_file("f", "f");
}

static void link_over_itself(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("a", "x");
	see_ok("link", link("a", "a"));
	see_ok("missing_parent", link("a", "none/a"));
	see_ok("file_parent", link("a", "a/b"));
	see_ok("empty_from", link("", "b"));
	see_ok("empty_to", link("a", ""));
	see_ok("bad_flags", linkat(AT_FDCWD, "a", AT_FDCWD, "b", 0x40000000));
	see_file("a", "a");
}

static void link_across_directories(const struct stage_choice *choice)
{
	(void)choice;
	see_ok("mkdir", mkdir("d", 0755));
	thing_file("a", "x");
	struct stat here = see_times("."), there = see_times("d");
	see_tick();
	see_ok("link", link("a", "d/a"));
	see_moved("here", &here, ".");
	see_moved("there", &there, "d");
	see_file("d/a", "d/a");
	see_same("same", "a", "d/a");
}

static void unlink_paths(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("f", "x");
	see_ok("empty", unlink(""));
	see_ok("dot", unlink("."));
	see_ok("dotdot", unlink(".."));
	see_ok("below_file", unlink("f/x"));
	see_ok("below_missing", unlink("none/x"));
	see_ok("root", unlink("/"));
	see_ok("rmdir_empty", rmdir(""));
	see_ok("rmdir_dot", rmdir("."));
	see_ok("rmdir_dotdot", rmdir(".."));
	see_ok("rmdir_root", rmdir("/"));
}

static void link_by_empty_path(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("f", "x");
	int fd = thing_open("f", O_PATH);
	see_ok("link", linkat(fd, "", AT_FDCWD, "g", AT_EMPTY_PATH));
	see_file("g", "g");
}

/* protected_hardlinks would decide too; the owner may always. */
static void link_of_other_owner(const struct stage_choice *choice)
{
	(void)choice;
	see_ok("chmod", chmod(".", 0777));
	thing_file("f", "x");
	see_ok("chown", chown("f", STAGE_ANN, STAGE_ANN));
	see_ok("chmod", chmod("f", 0666));
	stage_act_as(STAGE_BOB);
	see_ok("link", link("f", "g"));
	stage_act_as(STAGE_ANN);
	see_ok("by_owner", link("f", "h"));
	see_owner("h", "h");
}

static const struct stage_case cases[] = {
	{"open_file_outlives_its_name", open_file_outlives_its_name},
	{"name_is_free_while_open", name_is_free_while_open},
	{"unlinked_file_has_no_way_back", unlinked_file_has_no_way_back},
	{"second_name_shows_all", second_name_shows_all},
	{"link_moves_ctime", link_moves_ctime},
	{"many_links", many_links},
	{"link_over_itself", link_over_itself},
	{"link_across_directories", link_across_directories},
	{"unlink_paths", unlink_paths},
	{"link_by_empty_path", link_by_empty_path},
};

void linking_theme(void)
{
	int count = sizeof(removals) / sizeof(removals[0]);

	link_everything();
	for (int a = 0; a < count; a++)
		for (int b = 0; b < THING_COUNT; b++)
			stage_run(remove_one,
				  (struct stage_choice){.a = a, .b = b},
				  "%s.%s", removals[a].name, thing_name(b));
	STAGE_RUN_ALL("links", cases);
	if (stage_is_root())
		stage_run(link_of_other_owner, (struct stage_choice){0},
			  "links.link_of_other_owner");
}
