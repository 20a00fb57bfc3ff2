/* SPDX-License-Identifier: MIT */
/* chmod(2), chown(2), and what takes the set-id bits away. */
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/posix/deed.h"
#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

static const mode_t modes[] = {0, 0111, 0644, 0777, 01777, 02755, 04755, 07777};
#define MODE_COUNT 8

static void chmod_thing(const struct stage_choice *choice)
{
	thing_make(choice->a, "t");
	struct stat before = see_times("t"), dir = see_times(".");
	see_tick();
	see_ok("chmod", chmod("t", modes[choice->b]));
	see_file("t", "t");
	see_file("to", "t.to");
	see_moved("t", &before, "t");
	see_moved("dir", &dir, ".");
}

static void chmod_link_itself(const struct stage_choice *choice)
{
	(void)choice;
	thing_make(THING_LINK, "t");
	see_ok("chmod", fchmodat(AT_FDCWD, "t", 0600, AT_SYMLINK_NOFOLLOW));
	see_file("t", "t");
	see_file("to", "t.to");
}

static void fchmod_descriptors(const struct stage_choice *choice)
{
	(void)choice;
	thing_file("f", "x");
	int reader = thing_open("f", O_RDONLY);
	see_ok("reader", fchmod(reader, 0400));
	see_file("f", "f");
	see_ok("bits", fchmod(reader, 0107777));
	see_file("f", "f");
	see_ok("bad", fchmod(-1, 0600));
}

/* chown -1 means as it is. */
static const struct {
	const char *name;
	uid_t uid;
} owners[] = {{"same", -1}, {"own", STAGE_ANN}, {"other", STAGE_BOB}};
static const struct {
	const char *name;
	gid_t gid;
} groups[] = {{"same", -1}, {"own", STAGE_ANN}, {"club", STAGE_CLUB}};
static const struct {
	const char *name;
	uid_t uid;
} actors[] = {{"root", 0},
	      {"owner", STAGE_ANN},
	      {"owner_in_club", STAGE_ANN},
	      {"other", STAGE_BOB}};
static const mode_t set_id[] = {06755, 02745, 06777};

/* Ann's file; others change it. */
static void chown_as(const struct stage_choice *choice)
{
	int who = choice->a / 3;

	thing_make(choice->d, "t");
	see_must("give", lchown("t", STAGE_ANN, STAGE_ANN));
	if (choice->d != THING_DANGLING)
		see_must("chmod", chmod("t", set_id[choice->a % 3]));
	stage_act_as(actors[who].uid);
	if (who == 2)
		stage_join(STAGE_CLUB);
	struct stat before = see_times("t");
	see_tick();
	see_ok("chown",
	       lchown("t", owners[choice->b].uid, groups[choice->c].gid));
	see_file("t", "t");
	see_owner("t", "t");
	see_moved("t", &before, "t");
}

static void chown_matrix(enum thing thing)
{
	for (int a = 0; a < 12; a++)
		for (int b = 0; b < 3; b++)
			for (int c = 0; c < 3; c++)
				stage_run(
					chown_as,
					(struct stage_choice){.a = a,
							      .b = b,
							      .c = c,
							      .d = (int)thing},
					"chown.%s.mode%04o.by_%s.to_%s_%s",
					thing_name(thing), set_id[a % 3],
					actors[a / 3].name, owners[b].name,
					groups[c].name);
}

static void chown_own(const struct stage_choice *choice)
{
	const uid_t uids[] = {-1, stage_own_uid(), 0};
	const gid_t gids[] = {-1, stage_own_gid(), 0};

	thing_make(choice->d, "t");
	see_must("chmod", chmod("t", set_id[choice->a]));
	struct stat before = see_times("t");
	see_tick();
	see_ok("chown", lchown("t", uids[choice->b], gids[choice->c]));
	see_file("t", "t");
	see_owner("t", "t");
	see_moved("t", &before, "t");
}

static void chown_own_matrix(enum thing thing)
{
	static const char *const names[] = {"same", "me", "root"};

	for (int a = 0; a < 3; a++)
		for (int b = 0; b < 3; b++)
			for (int c = 0; c < 3; c++)
				stage_run(
					chown_own,
					(struct stage_choice){.a = a,
							      .b = b,
							      .c = c,
							      .d = (int)thing},
					"chown_own.%s.mode%04o.to_%s_%s",
					thing_name(thing), set_id[a], names[b],
					names[c]);
}

static void chown_follows(const struct stage_choice *choice)
{
	(void)choice;
	thing_make(THING_LINK, "t");
	struct stat link = see_times("t"), to = see_times("t.to");
	see_tick();
	see_ok("chown", chown("t", stage_own_uid(), stage_own_gid()));
	see_moved("link", &link, "t");
	see_moved("to", &to, "t.to");
	see_ok("lchown", lchown("t", stage_own_uid(), stage_own_gid()));
	see_moved("link", &link, "t");
	see_ok("dangling", chown("none", -1, -1));
}

/* A member of the file's group may give it set-gid, others lose it. */
static void chmod_set_gid(const struct stage_choice *choice)
{
	thing_make(choice->a, "t");
	see_must("give", chown("t", STAGE_ANN, STAGE_CLUB));
	if (choice->b)
		stage_join(STAGE_CLUB);
	stage_act_as(choice->c ? STAGE_BOB : STAGE_ANN);
	see_ok("chmod", chmod("t", 06775));
	see_file("t", "t");
}

static const mode_t cleared[] = {06755, 02644, 06777};
#define CLEARED_COUNT 3

static void clear_by(const struct stage_choice *choice)
{
	const struct deed *deed = deed_at((size_t)choice->a);

	deed_prepare();
	see_must("chmod", chmod("f", cleared[choice->b]));
	if (choice->c) {
		see_must("give", chmod(".", 0777));
		see_must("give", chown("f", STAGE_ANN, STAGE_ANN));
		see_must("give", chown("g", STAGE_ANN, STAGE_ANN));
		see_must("chmod", chmod("f", cleared[choice->b]));
		stage_act_as(choice->c == 1 ? STAGE_ANN : STAGE_BOB);
	}
	see_number("deed", deed->act());
	see_file("f", "f");
}

static void clear_matrix(void)
{
	static const char *const who[] = {"me", "owner", "other"};
	int last = stage_is_root() ? 2 : 0;

	for (int a = 0; a < (int)deed_count(); a++)
		for (int b = 0; b < CLEARED_COUNT; b++)
			for (int c = 0; c <= last; c++)
				stage_run(clear_by,
					  (struct stage_choice){
						  .a = a, .b = b, .c = c},
					  "set_id.%s.mode%04o.by_%s",
					  deed_at((size_t)a)->name, cleared[b],
					  who[c]);
}

/* A file capability goes as set-user-ID does, but for root as well. */
static void capability_goes(const struct stage_choice *choice)
{
	struct vfs_cap_data data = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data = {{.permitted = 1}},
	};
	char value[64];

	deed_prepare();
	see_must("set", setxattr("f", "security.capability", &data,
				 XATTR_CAPS_SZ_2, 0));
	see_number("deed", deed_at((size_t)choice->a)->act());
	see_number("left", getxattr("f", "security.capability", value, 64));
}

static const struct stage_case cases[] = {
	{"chmod_link_itself", chmod_link_itself},
	{"fchmod_descriptors", fchmod_descriptors},
	{"chown_follows", chown_follows},
};

void modes_theme(void)
{
	for (int a = 0; a < THING_COUNT; a++)
		for (int b = 0; b < MODE_COUNT; b++)
			stage_run(chmod_thing,
				  (struct stage_choice){.a = a, .b = b},
				  "chmod.%s.%04o", thing_name(a), modes[b]);
	STAGE_RUN_ALL("modes", cases);
	chown_own_matrix(THING_FILE);
	chown_own_matrix(THING_DIR);
	clear_matrix();
	if (!stage_is_root())
		return;
	chown_matrix(THING_FILE);
	chown_matrix(THING_DIR);
	chown_matrix(THING_DANGLING);
	for (int i = 0; i < 8; i++)
		stage_run(chmod_set_gid,
			  (struct stage_choice){.a = i & 1 ? THING_DIR
							   : THING_FILE,
						.b = i >> 1 & 1,
						.c = i >> 2},
			  "chmod_set_gid.%s.%s.by_%s", i & 1 ? "dir" : "file",
			  i >> 1 & 1 ? "member" : "stranger",
			  i >> 2 ? "other" : "owner");
	for (int a = 0; a < (int)deed_count(); a++)
		stage_run(capability_goes, (struct stage_choice){.a = a},
			  "capability.%s", deed_at((size_t)a)->name);
}
