/* SPDX-License-Identifier: MIT */
/* Extended attributes: names, sizes, flags, kinds of files, permissions. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

#define NAME_255                                                               \
	"user.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"   \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"     \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"     \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
	const char *name;
	const char *attribute;
} names[] = {
	{"user", "user.name"},	     {"user_dotted", "user.a.b.c"},
	{"user_empty", "user."},     {"user_bytes", "user.\xc3\xa4 \n"},
	{"user_255", NAME_255},	     {"user_256", NAME_255 "x"},
	{"trusted", "trusted.name"}, {"security", "security.name"},
	{"system", "system.name"},   {"unknown", "other.name"},
	{"no_dot", "name"},	     {"empty", ""},
	{"capitals", "User.name"},
};
#define NAME_COUNT 13

/* Sorted, since the order is the file system's own; of others' security
 * modules nothing is said. */
static void see_list(const char *path)
{
	char list[8192];
	char *found[64];
	size_t count = 0;
	ssize_t n = llistxattr(path, list, sizeof(list));

	if (n < 0) {
		see_number("list", n);
		return;
	}
	for (char *at = list; at < list + n; at += strlen(at) + 1) {
		size_t to = count;
		if (strcmp(at, "security.selinux") == 0)
			continue;
		for (; to > 0 && strcmp(found[to - 1], at) > 0; to--)
			found[to] = found[to - 1];
		found[to] = at;
		count++;
	}
	see_say("listed=%zu", count);
	for (size_t i = 0; i < count; i++)
		see_bytes("name", found[i], (ssize_t)strlen(found[i]));
}

static void use_one(const struct stage_choice *choice)
{
	const char *name = names[choice->b].attribute;
	char value[32];

	thing_make(choice->a, "t");
	see_number("absent", lgetxattr("t", name, value, sizeof(value)));
	see_ok("set", lsetxattr("t", name, "value", 5, 0));
	see_bytes("get", value, lgetxattr("t", name, value, sizeof(value)));
	see_list("t");
	see_ok("remove", lremovexattr("t", name));
	see_ok("again", lremovexattr("t", name));
	see_list("t");
}

static const int kinds[] = {THING_FILE, THING_DIR, THING_DANGLING, THING_FIFO,
			    THING_MISSING};
#define KIND_COUNT 5

static void flags_one(const struct stage_choice *choice)
{
	static const int flags[] = {0, XATTR_CREATE, XATTR_REPLACE,
				    XATTR_CREATE | XATTR_REPLACE, 8};
	char value[32];

	thing_file("f", "x");
	if (choice->b)
		see_must("prepare", setxattr("f", "user.k", "old", 3, 0));
	struct stat before = see_times("f");
	see_tick();
	see_ok("set", setxattr("f", "user.k", "new", 3, flags[choice->a]));
	see_moved("f", &before, "f");
	see_bytes("get", value, getxattr("f", "user.k", value, sizeof(value)));
}

static const size_t value_sizes[] = {0,	   1,	 2,    100,   1000, 2000,
				     3000, 3900, 4096, 65536, 65537};
#define VALUE_COUNT 11

static void size_one(const struct stage_choice *choice)
{
	size_t size = value_sizes[choice->a];
	char *value = calloc(1, 70000), *back = calloc(1, 70000);

	memset(value, 'v', size);
	thing_file("f", "x");
	see_ok("set", setxattr("f", "user.k", value, size, 0));
	see_number("size", getxattr("f", "user.k", NULL, 0));
	ssize_t n = getxattr("f", "user.k", back, 70000);
	see_number("get", n);
	see_say("same=%d", n >= 0 && memcmp(value, back, size) == 0);
	if (size > 1)
		see_number("short", getxattr("f", "user.k", back, size - 1));
	see_number("exact", getxattr("f", "user.k", back, size));
	see_ok("smaller", setxattr("f", "user.k", "s", 1, 0));
	see_bytes("get", back, getxattr("f", "user.k", back, 100));
	free(value);
	free(back);
}

static void list_sizes(const struct stage_choice *choice)
{
	char list[64];

	(void)choice;
	thing_file("f", "x");
	see_number("none", listxattr("f", NULL, 0));
	see_ok("set", setxattr("f", "user.a", "1", 1, 0));
	see_ok("set", setxattr("f", "user.bb", "2", 1, 0));
	see_number("size", listxattr("f", NULL, 0));
	see_number("exact", listxattr("f", list, 15));
	see_number("short", listxattr("f", list, 14));
	see_number("long", listxattr("f", list, sizeof(list)));
	see_list("f");
}

/* How many fit is the file system's business; ext4 takes a block's worth. */
static void many_names(const struct stage_choice *choice)
{
	char name[32];
	int set = 0;

	(void)choice;
	thing_file("f", "x");
	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "user.n%d", i);
		set += setxattr("f", name, name, strlen(name), 0) == 0;
	}
	see_say("set=%d", set);
	see_number("size", listxattr("f", NULL, 0));
	for (int i = 0; i < 40; i += 2) {
		(void)snprintf(name, sizeof(name), "user.n%d", i);
		set -= removexattr("f", name) == 0;
	}
	see_say("left=%d", set);
	see_list("f");
}

static void too_many(const struct stage_choice *choice)
{
	char name[32], value[1000];
	int set = 0, error = 0;

	(void)choice;
	memset(value, 'v', sizeof(value));
	thing_file("f", "x");
	for (int i = 0; i < 200 && error == 0; i++) {
		(void)snprintf(name, sizeof(name), "user.n%d", i);
		error = setxattr("f", name, value, sizeof(value), 0) < 0 ? errno
									 : 0;
		set += error == 0;
	}
	see_say("refused=%s", strerrorname_np(error));
	see_say("some=%d", set > 0);
	see_say("first=%zd", getxattr("f", "user.n0", value, sizeof(value)));
}

static void through_links(const struct stage_choice *choice)
{
	char value[8];

	(void)choice;
	thing_make(THING_LINK, "l");
	see_ok("set", setxattr("l", "user.k", "v", 1, 0));
	see_bytes("get", value, getxattr("l.to", "user.k", value, 8));
	see_bytes("lget", value, lgetxattr("l", "user.k", value, 8));
	see_ok("remove", removexattr("l", "user.k"));
	thing_make(THING_DANGLING, "d");
	see_ok("dangling", setxattr("d", "user.k", "v", 1, 0));
	see_number("dangling", listxattr("d", NULL, 0));
}

static void by_descriptor(const struct stage_choice *choice)
{
	char value[8];

	(void)choice;
	thing_file("f", "x");
	int fd = thing_open("f", O_RDONLY);
	see_ok("set", fsetxattr(fd, "user.k", "v", 1, 0));
	see_ok("unlink", unlink("f"));
	see_bytes("get", value, fgetxattr(fd, "user.k", value, 8));
	see_ok("set", fsetxattr(fd, "user.l", "w", 1, 0));
	see_number("list", flistxattr(fd, NULL, 0));
	see_ok("remove", fremovexattr(fd, "user.k"));
	see_number("list", flistxattr(fd, NULL, 0));
}

static void follow_the_file(const struct stage_choice *choice)
{
	char value[8];

	(void)choice;
	thing_file("f", "x");
	see_ok("set", setxattr("f", "user.k", "v", 1, 0));
	see_ok("rename", rename("f", "g"));
	see_bytes("get", value, getxattr("g", "user.k", value, 8));
	see_ok("link", link("g", "h"));
	see_bytes("get", value, getxattr("h", "user.k", value, 8));
	thing_file("f", "new");
	see_number("new", getxattr("f", "user.k", value, 8));
	see_ok("over", rename("f", "g"));
	see_number("over", getxattr("g", "user.k", value, 8));
	see_bytes("left", value, getxattr("h", "user.k", value, 8));
}

static void values_are_bytes(const struct stage_choice *choice)
{
	char value[8];

	(void)choice;
	thing_file("f", "x");
	see_ok("set", setxattr("f", "user.k", "a\0b\xff", 4, 0));
	see_bytes("get", value, getxattr("f", "user.k", value, 8));
	see_ok("null", setxattr("f", "user.e", NULL, 0, 0));
	see_number("null", getxattr("f", "user.e", value, 8));
	see_list("f");
}

static const struct {
	const char *name;
	mode_t mode;
} rights[] = {{"none", 0600},
	      {"read", 0644},
	      {"write", 0622},
	      {"both", 0666},
	      {"sticky_dir", 01777}};

static void of_others(const struct stage_choice *choice)
{
	char value[8];
	int dir = choice->a == 4;

	thing_make(dir ? THING_DIR : THING_FILE, "t");
	see_must("prepare", setxattr("t", "user.k", "v", 1, 0));
	see_must("prepare", setxattr("t", "trusted.k", "v", 1, 0));
	see_must("prepare", chmod("t", rights[choice->a].mode));
	stage_act_as(STAGE_ANN);
	see_bytes("get", value, getxattr("t", "user.k", value, 8));
	see_number("trusted", getxattr("t", "trusted.k", value, 8));
	see_ok("set", setxattr("t", "user.new", "w", 1, 0));
	see_ok("remove", removexattr("t", "user.k"));
	see_ok("trusted", setxattr("t", "trusted.new", "w", 1, 0));
	see_ok("security", setxattr("t", "security.new", "w", 1, 0));
	see_list("t");
}

static const struct stage_case cases[] = {
	{"list_sizes", list_sizes},
	{"many_names", many_names},
	{"too_many", too_many},
	{"through_links", through_links},
	{"by_descriptor", by_descriptor},
	{"follow_the_file", follow_the_file},
	{"values_are_bytes", values_are_bytes},
};

void xattrs_theme(void)
{
	for (int a = 0; a < KIND_COUNT; a++)
		for (int b = 0; b < NAME_COUNT; b++)
			stage_run(use_one,
				  (struct stage_choice){.a = kinds[a], .b = b},
				  "xattr.%s.%s", thing_name(kinds[a]),
				  names[b].name);
	for (int a = 0; a < 5; a++)
		for (int b = 0; b < 2; b++)
			stage_run(flags_one,
				  (struct stage_choice){.a = a, .b = b},
				  "xattr.flags%d.%s", a, b ? "old" : "new");
	for (int a = 0; a < VALUE_COUNT; a++)
		stage_run(size_one, (struct stage_choice){.a = a},
			  "xattr.size%zu", value_sizes[a]);
	STAGE_RUN_ALL("xattr", cases);
	for (int a = 0; a < 5 && stage_is_root(); a++)
		stage_run(of_others, (struct stage_choice){.a = a},
			  "xattr.of_others.%s", rights[a].name);
}
