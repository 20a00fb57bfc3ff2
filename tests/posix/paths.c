/* SPDX-License-Identifier: MIT */
/* Long names and paths, odd bytes, loops, slashes, dots. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

/* What can be done with a path, alone. */
static int64_t do_open(const char *path)
{
	return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static int64_t do_create(const char *path)
{
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
}

static int64_t do_exclusive(const char *path)
{
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
}

static int64_t do_mkdir(const char *path)
{
	return mkdir(path, 0755);
}

static int64_t do_rmdir(const char *path)
{
	return rmdir(path);
}

static int64_t do_unlink(const char *path)
{
	return unlink(path);
}

static int64_t do_mkfifo(const char *path)
{
	return mkfifo(path, 0644);
}

static int64_t do_symlink(const char *path)
{
	return symlink("x", path);
}

static int64_t do_readlink(const char *path)
{
	char buffer[16];

	return readlink(path, buffer, sizeof(buffer));
}

static int64_t do_link_from(const char *path)
{
	return link(path, "new");
}

static int64_t do_link_to(const char *path)
{
	return link("other", path);
}

static int64_t do_rename_from(const char *path)
{
	return rename(path, "new");
}

static int64_t do_rename_to(const char *path)
{
	return rename("other", path);
}

static int64_t do_stat(const char *path)
{
	struct stat st;

	return stat(path, &st);
}

static int64_t do_lstat(const char *path)
{
	struct stat st;

	return lstat(path, &st);
}

static int64_t do_chdir(const char *path)
{
	int here = open(".", O_PATH | O_CLOEXEC);
	int r = chdir(path);
	int saved = errno;

	if (fchdir(here) < 0)
		see_say("lost=1");
	errno = saved;
	return r;
}

static int64_t do_chmod(const char *path)
{
	return chmod(path, 0711);
}

static int64_t do_truncate(const char *path)
{
	return truncate(path, 3);
}

static int64_t do_utimens(const char *path)
{
	return utimensat(AT_FDCWD, path, NULL, 0);
}

static int64_t do_access(const char *path)
{
	return access(path, R_OK);
}

static const struct {
	const char *name;
	int64_t (*act)(const char *path);
} acts[] = {
	{"open", do_open},	     {"create", do_create},
	{"exclusive", do_exclusive}, {"mkdir", do_mkdir},
	{"rmdir", do_rmdir},	     {"unlink", do_unlink},
	{"mkfifo", do_mkfifo},	     {"symlink", do_symlink},
	{"readlink", do_readlink},   {"link_from", do_link_from},
	{"link_to", do_link_to},     {"rename_from", do_rename_from},
	{"rename_to", do_rename_to}, {"stat", do_stat},
	{"lstat", do_lstat},	     {"chdir", do_chdir},
	{"chmod", do_chmod},	     {"truncate", do_truncate},
	{"utimens", do_utimens},     {"access", do_access},
};
#define ACT_COUNT 20

/* All kinds with one ending of the path, in one line a deed. */
static void ending_one(const struct stage_choice *choice)
{
	static const char *const endings[] = {"/", "//", "/.", "/..", "/x"};
	char name[16], path[32];

	thing_file("other", "other");
	for (int kind = 0; kind < THING_COUNT; kind++) {
		(void)snprintf(name, sizeof(name), "t%d", kind);
		thing_make(kind, name);
		(void)snprintf(path, sizeof(path), "%s%s", name,
			       endings[choice->b]);
		see_ok(thing_name(kind), acts[choice->a].act(path));
	}
	see_names("all", ".");
}

static void length_one(const struct stage_choice *choice)
{
	static const size_t lengths[] = {1, 254, 255, 256, 300};
	char name[512] = "";

	memset(name, 'n', lengths[choice->b]);
	name[lengths[choice->b]] = '\0';
	thing_file("other", "other");
	see_ok("missing", acts[choice->a].act(name));
	(void)unlink("new");	 /* if it was made */
	(void)mkdir(name, 0755); /* if it can be */
	see_ok("there", acts[choice->a].act(name));
	see_file("then", name);
}

static void total_length_one(const struct stage_choice *choice)
{
	static const size_t lengths[] = {4094, 4095, 4096, 5000};
	char *path = calloc(1, 8192);
	size_t length = lengths[choice->b];

	/* "././.../f", as long as wanted */
	for (size_t i = 0; i < length; i++)
		path[i] = i % 2 ? '/' : '.';
	if (length % 2)
		path[length - 1] = 'f';
	else
		memcpy(path + length - 2, "/f", 2);
	thing_file("other", "other");
	see_ok("missing", acts[choice->a].act(path));
	see_names("all", ".");
	free(path);
}

static const char *const odd_names[] = {
	"with space",  "new\nline", "\xff\xfe", "\xc3\xa4\xc3\xb6",
	"back\\slash", "-dash",	    "...",	".hidden",
	"tab\t",       "*?[",	    "\x01",	"quote'\"",
	"%s%n",	       "con:"};
#define ODD_COUNT 14

static void odd_name(const struct stage_choice *choice)
{
	const char *name = odd_names[choice->a];
	char target[64];

	thing_file(name, "odd");
	see_content("content", name);
	see_ok("rename", rename(name, "plain"));
	see_ok("back", rename("plain", name));
	see_ok("symlink", symlink(name, "l"));
	see_bytes("target", target, readlink("l", target, sizeof(target)));
	see_content("through", "l");
	see_ok("unlink", unlink("l"));
	int fd = thing_open(".", O_RDONLY | O_DIRECTORY);
	see_ok("dir", fd);
	see_ok("listed", openat(fd, name, O_RDONLY | O_CLOEXEC));
	see_ok("remove", unlink(name));
}

static void names_differ_by_case(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("a", "small");
	thing_file("A", "big");
	thing_file("\xc3\xa4", "composed");
	thing_file("a\xcc\x88", "decomposed");
	see_content("a", "a");
	see_content("A", "A");
	see_content("composed", "\xc3\xa4");
	see_content("decomposed", "a\xcc\x88");
}

/* A chain of so many links before the file. */
static void link_chain(const struct stage_choice *choice)
{
	static const int lengths[] = {1, 8, 39, 40, 41, 60};
	char from[16], to[16] = "f";

	thing_file("f", "x");
	for (int i = 0; i < lengths[choice->a]; i++) {
		(void)snprintf(from, sizeof(from), "l%d", i);
		see_must("prepare", symlink(to, from));
		memcpy(to, from, sizeof(to));
	}
	see_ok("open", do_open(to));
	see_ok("stat", do_stat(to));
	see_ok("create", do_create(to));
	see_ok("lstat", do_lstat(to));
	see_ok("path", open(to, O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

static void links_in_circles(const struct stage_choice *choice)
{
	see_must("prepare", symlink("b", "a"));
	see_must("prepare", symlink("a", "b"));
	see_must("prepare", symlink("self/x", "self"));
	see_must("prepare", symlink(".", "here"));
	thing_file("other", "x");
	see_ok("circle", acts[choice->a].act("a"));
	see_ok("below", acts[choice->a].act("a/x"));
	see_ok("self", acts[choice->a].act("self"));
	see_ok("here", acts[choice->a].act("here/here/here/other"));
}

static void links_to_places(const struct stage_choice *choice)
{
	(void)choice;
	see_must("prepare", mkdir("d", 0755));
	thing_file("d/f", "content");
	see_must("prepare", symlink("d", "l"));
	see_must("prepare", symlink("d/", "l_slash"));
	see_must("prepare", symlink("l/../l/f", "winding"));
	see_must("prepare", symlink("/proc/self/cwd/d/f", "absolute"));
	see_content("f", "l/f");
	see_content("slash", "l_slash/f");
	see_ok("winding", do_open("winding"));
	see_ok("absolute", do_open("absolute"));
	see_ok("create", do_create("l/new"));
	see_ok("mkdir", mkdir("l_slash/sub", 0755));
	see_ok("rename", rename("d", "e"));
	see_ok("broken", do_open("l/f"));
	see_names("e", "e");
}

static void deep_tree(const struct stage_choice *choice)
{
	int depth = 0;

	(void)choice;
	for (; depth < 300; depth++)
		if (mkdir("deeeeeeeeeeeeeep", 0755) < 0 ||
		    chdir("deeeeeeeeeeeeeep") < 0)
			break;
	see_say("depth=%d", depth);
	thing_file("f", "bottom");
	see_content("f", "f");
	char *path = malloc(PATH_MAX);
	see_ok("getcwd", getcwd(path, PATH_MAX) != NULL ? 0 : -1);
	free(path);
	for (int i = 0; i < depth; i++)
		if (chdir("..") < 0)
			see_ok("up", -1);
	see_names("top", ".");
}

static const struct stage_case cases[] = {
	{"names_differ_by_case", names_differ_by_case},
	{"links_to_places", links_to_places},
	{"deep_tree", deep_tree},
};

void paths_theme(void)
{
	static const char *const endings[] = {"slash", "slashes", "dot",
					      "dotdot", "below"};

	for (int a = 0; a < ACT_COUNT; a++) {
		for (int b = 0; b < 5; b++)
			stage_run(ending_one,
				  (struct stage_choice){.a = a, .b = b},
				  "path.%s.%s", acts[a].name, endings[b]);
		for (int b = 0; b < 5; b++)
			stage_run(length_one,
				  (struct stage_choice){.a = a, .b = b},
				  "name_length%d.%s", b, acts[a].name);
		for (int b = 0; b < 4; b++)
			stage_run(total_length_one,
				  (struct stage_choice){.a = a, .b = b},
				  "path_length%d.%s", b, acts[a].name);
		stage_run(links_in_circles, (struct stage_choice){.a = a},
			  "circle.%s", acts[a].name);
	}
	for (int a = 0; a < ODD_COUNT; a++)
		stage_run(odd_name, (struct stage_choice){.a = a},
			  "odd_name.%d", a);
	for (int a = 0; a < 6; a++)
		stage_run(link_chain, (struct stage_choice){.a = a},
			  "link_chain.%d", a);
	STAGE_RUN_ALL("paths", cases);
}
