/* SPDX-License-Identifier: MIT */
/*
 * POSIX access lists, as the xattrs in which programs see them: what they
 * grant, what the mask takes away, what new files inherit, and how they and the
 * mode follow each other.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
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

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
#define ENTRIES_MAX 40

struct entry {
	uint16_t tag, permissions;
	uint32_t id;
};

struct list {
	uint32_t version;
	struct entry entries[ENTRIES_MAX];
};

/* The text of acl(5), with numbers: "u::rwx,u:64001:r--,g::r-x,m::rwx,o::r--".
 * The letters are u, g, m and o. Returns the size of the xattr. */
static size_t parse(const char *text, struct list *list)
{
	size_t count = 0;

	list->version = htole32(2);
	while (*text != '\0' && count < ENTRIES_MAX) {
		static const char letters[] = "ugmo";
		static const uint16_t tags[] = {0x01, 0x04, 0x10, 0x20};
		struct entry *entry = &list->entries[count++];
		size_t letter = (size_t)(strchr(letters, text[0]) - letters);
		char *end;

		entry->tag = tags[letter];
		entry->id = htole32(UINT32_MAX);
		text += 2;
		if (*text != ':') {
			entry->id = htole32((uint32_t)strtoul(text, &end, 10));
			entry->tag = (uint16_t)(entry->tag << 1);
			text = end;
		}
		text++;
		uint16_t bits = 0;
		for (; *text != '\0' && *text != ','; text++)
			bits |= *text == 'r'   ? 4
				: *text == 'w' ? 2
				: *text == 'x' ? 1
					       : 0;
		entry->tag = htole16(entry->tag);
		entry->permissions = htole16(bits);
		text += *text == ',';
	}
	return sizeof(list->version) + count * sizeof(struct entry);
}

static int set(const char *path, const char *which, const char *text)
{
	struct list list;
	size_t size = parse(text, &list);

	return setxattr(path, which, &list, size, 0);
}

static void see_list(const char *key, const char *path, const char *which)
{
	struct list list;
	char text[1024] = "";
	ssize_t n = getxattr(path, which, &list, sizeof(list));

	if (n < 0) {
		see_ok(key, -1);
		return;
	}
	size_t count = ((size_t)n - 4) / sizeof(struct entry);
	for (size_t i = 0; i < count; i++) {
		const struct entry *entry = &list.entries[i];
		uint16_t tag = le16toh(entry->tag);
		uint32_t id = le32toh(entry->id);
		uint16_t bits = le16toh(entry->permissions);
		const char *letter = tag & 0x03	   ? "u"
				     : tag & 0x0c  ? "g"
				     : tag == 0x10 ? "m"
						   : "o";
		char number[16] = "";
		if (tag == 0x02 || tag == 0x08)
			(void)snprintf(number, sizeof(number), "%u", id);
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			       "%s%s:%s:%c%c%c", i > 0 ? "," : "", letter,
			       number, bits & 4 ? 'r' : '-',
			       bits & 2 ? 'w' : '-', bits & 1 ? 'x' : '-');
	}
	see_say("%s=%s", key, text);
}

static const struct {
	const char *name;
	const char *text;
} lists[] = {
	{"minimal", "u::rw-,g::r--,o::---"},
	{"named_user", "u::rw-,u:64002:rw-,g::r--,m::rw-,o::---"},
	{"named_group", "u::rw-,g::---,g:64010:r-x,m::r-x,o::---"},
	{"masked", "u::rwx,u:64002:rwx,g::rwx,m::r--,o::---"},
	{"masked_out", "u::rwx,u:64002:rwx,g::rwx,g:64010:rwx,m::---,o::rwx"},
	{"denied_user", "u::rw-,u:64002:---,g::rw-,m::rw-,o::rw-"},
	{"both", "u::rwx,u:64001:r--,u:64002:-w-,g::r--,g:64010:--x,m::rwx,"
		 "o::---"},
	{"all", "u::rwx,g::rwx,o::rwx"},
	{"nothing", "u::---,g::---,o::---"},
};
#define LIST_COUNT 9

static const struct {
	const char *name;
	const char *text;
} bad[] = {
	{"no_mask", "u::rw-,u:64002:rw-,g::r--,o::---"},
	{"no_other", "u::rw-,g::r--"},
	{"no_owner", "g::r--,o::---"},
	{"two_owners", "u::rw-,u::r--,g::r--,o::---"},
	{"wrong_order", "g::r--,u::rw-,o::---"},
	{"two_masks", "u::rw-,g::r--,m::rw-,m::r--,o::---"},
	{"same_user_twice", "u::rw-,u:64002:rw-,u:64002:r--,g::r--,m::rw-,"
			    "o::---"},
	{"users_unsorted", "u::rw-,u:64002:rw-,u:64001:r--,g::r--,m::rw-,"
			   "o::---"},
	{"mask_alone", "u::rw-,g::r--,m::-w-,o::---"},
	{"empty", ""},
};
#define BAD_COUNT 10

static void set_one(const struct stage_choice *choice)
{
	const char *text =
		choice->b ? bad[choice->a].text : lists[choice->a].text;
	const char *which = choice->c ? DEFAULT : ACCESS;

	thing_make(choice->d, "t");
	struct stat before = see_times("t");
	see_tick();
	see_ok("set", set("t", which, text));
	see_moved("t", &before, "t");
	see_file("t", "t");
	see_list("list", "t", which);
	see_number("size", listxattr("t", NULL, 0));
	see_ok("remove", removexattr("t", which));
	see_file("t", "t");
	see_list("list", "t", which);
	see_ok("again", removexattr("t", which));
}

static void set_everything(void)
{
	for (int c = 0; c < 2; c++)
		for (int d = THING_FILE; d <= THING_DIR; d++) {
			for (int a = 0; a < LIST_COUNT; a++)
				stage_run(set_one,
					  (struct stage_choice){
						  .a = a, .c = c, .d = d},
					  "acl.%s.%s.%s",
					  c ? "default" : "access",
					  thing_name(d), lists[a].name);
			for (int a = 0; a < BAD_COUNT; a++)
				stage_run(
					set_one,
					(struct stage_choice){
						.a = a, .b = 1, .c = c, .d = d},
					"acl_bad.%s.%s.%s",
					c ? "default" : "access", thing_name(d),
					bad[a].name);
		}
}

static const mode_t modes[] = {0, 0640, 0777, 0070, 02755};

/* The group bits of the mode are the mask, once there is one. */
static void chmod_one(const struct stage_choice *choice)
{
	thing_make(choice->c, "t");
	see_must("prepare", set("t", ACCESS, lists[choice->a].text));
	see_ok("chmod", chmod("t", modes[choice->b]));
	see_file("t", "t");
	see_list("list", "t", ACCESS);
}

static const struct {
	const char *name;
	const char *text;
} defaults[] = {
	{"minimal", "u::rwx,g::r-x,o::---"},
	{"open", "u::rwx,u:64002:rwx,g::rwx,m::rwx,o::rwx"},
	{"closed", "u::---,u:64002:rwx,g::---,m::---,o::---"},
	{"named", "u::rw-,u:64002:r-x,g::r--,g:64010:rw-,m::rwx,o::r--"},
};
static const mode_t wanted[] = {0666, 0777, 0600, 0};

/* A default list replaces the umask. */
static void inherit_one(const struct stage_choice *choice)
{
	umask(choice->c ? 077 : 0);
	see_must("prepare", mkdir("d", 0777));
	see_must("prepare", set("d", DEFAULT, defaults[choice->a].text));
	mode_t mode = wanted[choice->b];
	see_ok("create", open("d/f", O_RDWR | O_CREAT | O_CLOEXEC, mode));
	see_file("f", "d/f");
	see_list("f", "d/f", ACCESS);
	see_ok("mkdir", mkdir("d/s", mode));
	see_file("s", "d/s");
	see_list("s", "d/s", ACCESS);
	see_list("s_default", "d/s", DEFAULT);
	see_ok("mkfifo", mkfifo("d/p", mode));
	see_file("p", "d/p");
	see_list("p", "d/p", ACCESS);
	see_ok("symlink", symlink("f", "d/l"));
	see_file("l", "d/l");
	int fd = open("d", O_RDWR | O_TMPFILE | O_CLOEXEC, mode);
	see_fd("unnamed", fd);
}

static void moved_files_keep_theirs(const struct stage_choice *choice)
{
	(void)choice;
	see_must("prepare", mkdir("d", 0777));
	see_must("prepare", set("d", DEFAULT, defaults[3].text));
	thing_file("f", "x");
	see_ok("rename", rename("f", "d/f"));
	see_list("f", "d/f", ACCESS);
	thing_file("g", "x");
	see_ok("link", link("g", "d/g"));
	see_list("g", "d/g", ACCESS);
	see_must("prepare", set("g", ACCESS, lists[1].text));
	see_list("both", "d/g", ACCESS);
	see_ok("rename", rename("d", "e"));
	see_list("e", "e", DEFAULT);
}

static void by_symlink(const struct stage_choice *choice)
{
	struct list list;
	size_t size = parse(lists[1].text, &list);

	(void)choice;
	thing_make(THING_LINK, "l");
	see_ok("follow", setxattr("l", ACCESS, &list, size, 0));
	see_list("to", "l.to", ACCESS);
	see_ok("link", lsetxattr("l", ACCESS, &list, size, 0));
	see_number("lget", lgetxattr("l", ACCESS, &list, sizeof(list)));
	see_ok("remove", lremovexattr("l", ACCESS));
}

static void broken_bytes(const struct stage_choice *choice)
{
	struct list list;
	size_t size = parse(lists[1].text, &list);

	(void)choice;
	thing_file("f", "x");
	see_ok("short", setxattr("f", ACCESS, &list, size - 1, 0));
	see_ok("head", setxattr("f", ACCESS, &list, 3, 0));
	see_ok("none", setxattr("f", ACCESS, &list, 4, 0));
	list.version = htole32(1);
	see_ok("version", setxattr("f", ACCESS, &list, size, 0));
	list.version = htole32(2);
	list.entries[0].tag = htole16(0x80);
	see_ok("tag", setxattr("f", ACCESS, &list, size, 0));
	(void)parse(lists[1].text, &list);
	list.entries[0].permissions = htole16(8);
	see_ok("bits", setxattr("f", ACCESS, &list, size, 0));
	(void)parse(lists[1].text, &list);
	see_ok("create", setxattr("f", ACCESS, &list, size, XATTR_CREATE));
	see_ok("create", setxattr("f", ACCESS, &list, size, XATTR_CREATE));
	see_ok("replace", setxattr("f", ACCESS, &list, size, XATTR_REPLACE));
	see_number("size", getxattr("f", ACCESS, NULL, 0));
	see_number("small", getxattr("f", ACCESS, &list, 10));
}

static void kept_over_a_sync(const struct stage_choice *choice)
{
	(void)choice;
	see_must("prepare", mkdir("d", 0777));
	see_must("prepare", set("d", DEFAULT, defaults[3].text));
	int fd = open("d/f", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	see_ok("fsync", fsync(fd));
	see_list("f", "d/f", ACCESS);
	see_list("d", "d", DEFAULT);
	see_file("f", "d/f");
	see_ok("chmod", chmod("d/f", 0600));
	see_ok("fsync", fsync(fd));
	see_list("f", "d/f", ACCESS);
}

/* Who may what by a list: Ann owns, Bob is named, the club is a group. */
static void granted_one(const struct stage_choice *choice)
{
	thing_file("f", "#!/bin/true\n");
	see_must("prepare", chown("f", STAGE_ANN, STAGE_ANN));
	see_must("prepare", set("f", ACCESS, lists[choice->a].text));
	if (choice->b >= 2)
		stage_join(STAGE_CLUB);
	if (choice->b == 0)
		stage_act_as(STAGE_ANN);
	else if (choice->b == 1)
		stage_act_as(STAGE_BOB);
	else
		stage_act_in(64003, 64003);
	see_ok("read", open("f", O_RDONLY | O_CLOEXEC));
	see_ok("write", open("f", O_WRONLY | O_CLOEXEC));
	see_ok("exec", faccessat(AT_FDCWD, "f", X_OK, AT_EACCESS));
	see_ok("set", set("f", ACCESS, lists[7].text));
	see_ok("remove", removexattr("f", ACCESS));
}

static int64_t allocate(void)
{
	int fd = open("f", O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -1 : fallocate(fd, 0, 0, 100000);
}

static int64_t copy_range(void)
{
	int from = open("g", O_RDONLY | O_CLOEXEC);
	int to = open("f", O_WRONLY | O_CLOEXEC);

	return to < 0 ? -1 : copy_file_range(from, NULL, to, NULL, 5, 0);
}

static int64_t set_now(void)
{
	return utimensat(AT_FDCWD, "f", NULL, 0);
}

static int64_t set_atime_now(void)
{
	struct timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};

	return utimensat(AT_FDCWD, "f", times, 0);
}

static const struct {
	const char *name;
	int64_t (*act)(void);
} deeds[] = {
	{"fallocate", allocate},
	{"copy_range", copy_range},
	{"set_now", set_now},
	{"set_atime_now", set_atime_now},
};
#define DEED_COUNT 4

/* What only those who may write can do; and writing takes set-id bits away. */
static void write_granted(const struct stage_choice *choice)
{
	struct stat st;

	thing_file("f", "some text");
	thing_file("g", "other text");
	see_must("prepare", chown("f", STAGE_ANN, STAGE_ANN));
	see_must("prepare", set("f", ACCESS, lists[choice->a].text));
	see_must("prepare", stat("f", &st));
	see_must("prepare", chmod("f", (st.st_mode & 0777) | S_ISUID));
	struct stat before = see_times("f");
	see_tick();
	if (choice->b == 2)
		stage_join(STAGE_CLUB);
	if (choice->b == 0)
		stage_act_as(STAGE_ANN);
	else if (choice->b == 1)
		stage_act_as(STAGE_BOB);
	else
		stage_act_in(64003, choice->b == 3 ? STAGE_ANN : 64003);
	see_number("deed", deeds[choice->c].act());
	stage_act_as(0);
	see_file("f", "f");
	see_list("list", "f", ACCESS);
	see_moved("f", &before, "f");
}

static void directory_granted(const struct stage_choice *choice)
{
	see_must("prepare", mkdir("d", 0755));
	thing_file("d/f", "x");
	see_must("prepare", chown("d", STAGE_ANN, STAGE_ANN));
	see_must("prepare", set("d", ACCESS, lists[choice->a].text));
	stage_act_as(STAGE_BOB);
	see_names("list", "d");
	see_ok("open", open("d/f", O_RDONLY | O_CLOEXEC));
	see_ok("create", open("d/n", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
	see_ok("unlink", unlink("d/f"));
}

/* A list set by an owner who is not of the group takes set-group-ID away. */
static void set_clears_set_gid(const struct stage_choice *choice)
{
	thing_file("f", "x");
	see_must("prepare", chown("f", STAGE_ANN, STAGE_CLUB));
	see_must("prepare", chmod("f", 02775));
	if (choice->a)
		stage_join(STAGE_CLUB);
	stage_act_as(STAGE_ANN);
	see_ok("set", set("f", ACCESS, lists[7].text));
	see_file("f", "f");
}

static const struct stage_case cases[] = {
	{"moved_files_keep_theirs", moved_files_keep_theirs},
	{"by_symlink", by_symlink},
	{"broken_bytes", broken_bytes},
	{"kept_over_a_sync", kept_over_a_sync},
};

static void grants(void)
{
	static const char *const who[] = {"owner", "named", "member", "group"};

	for (int a = 0; a < LIST_COUNT; a++) {
		for (int b = 0; b < 3; b++)
			stage_run(granted_one,
				  (struct stage_choice){.a = a, .b = b},
				  "acl.grants.%s.to_%s", lists[a].name, who[b]);
		for (int b = 0; b < 4; b++)
			for (int c = 0; c < DEED_COUNT; c++)
				stage_run(write_granted,
					  (struct stage_choice){
						  .a = a, .b = b, .c = c},
					  "acl.write.%s.%s.by_%s",
					  deeds[c].name, lists[a].name, who[b]);
		stage_run(directory_granted, (struct stage_choice){.a = a},
			  "acl.grants_dir.%s", lists[a].name);
	}
	for (int a = 0; a < 2; a++)
		stage_run(set_clears_set_gid, (struct stage_choice){.a = a},
			  "acl.set_gid.%s", a ? "member" : "stranger");
}

void acls_theme(void)
{
	set_everything();
	for (int a = 0; a < LIST_COUNT; a++)
		for (int b = 0; b < 5; b++)
			for (int c = THING_FILE; c <= THING_DIR; c++)
				stage_run(chmod_one,
					  (struct stage_choice){
						  .a = a, .b = b, .c = c},
					  "acl.chmod.%s.%s.%04o", thing_name(c),
					  lists[a].name, modes[b]);
	for (int a = 0; a < 4; a++)
		for (int b = 0; b < 4; b++)
			for (int c = 0; c < 2; c++)
				stage_run(inherit_one,
					  (struct stage_choice){
						  .a = a, .b = b, .c = c},
					  "acl.inherit.%s.%04o.umask%d",
					  defaults[a].name, wanted[b], c);
	STAGE_RUN_ALL("acl", cases);
	if (stage_is_root())
		grants();
}
