/* SPDX-License-Identifier: MIT */
/*
 * The differences by design: what a simulated disk does and a real one cannot. There
 * it is one sentence, and nothing happens. Those of a crash with open files, a kernel
 * that lacks a mode, a gap in the journal, checksums and a dead server are told where
 * they show, with "differs:", too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/flakey.h"
#include "tests/contract/contract.h"
#include "tests/contract/points.h"

#define SENTENCE "not supported by the dm backend: "
#define RULE "fs/write{path=*.never}=return(ENOSPC)"

/* Works on a simulated disk; r is 0 or more, or an error. */
static void only_fuse(const struct contract *about, const char *sentence, int r,
		      const char *name)
{
	char told[128];

	if (!about->dm) {
		if (!ok(r >= 0, name))
			printf("# %d: %s\n", r, sentence);
		return;
	}
	(void)snprintf(told, sizeof(told), "differs: only fuse: %s", name);
	is(r, -EOPNOTSUPP, told);
	says(sentence, SENTENCE, "and dm says so");
}

static void plans_are_for_fuse(const struct contract *about,
			       struct flakey *disk)
{
	static const struct {
		struct flakey_plan plan;
		const char *name;
	} plans[] = {
#define PLAN(...)                                                              \
	{.size = sizeof(struct flakey_plan),                                   \
	 .keep = FLAKEY_KEEP_SHARE,                                            \
	 .keep_percent = 50,                                                   \
	 __VA_ARGS__}
		{PLAN(.seed = 0), "a crash that keeps a share"},
		{PLAN(.seed = 7), "one with a seed"},
		{PLAN(.order = FLAKEY_ORDER_ANY), "in any order"},
		{PLAN(.torn = FLAKEY_TORN_SECTOR), "torn"},
		{PLAN(.fill = FLAKEY_FILL_ZERO), "filled with zeros"},
#undef PLAN
	};
	struct flakey_plan all = FLAKEY_PLAN_INIT;
	char directory[32];

	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		int r = flakey_crash(disk, &plans[i].plan, NULL);

		only_fuse(about, flakey_error(disk), r, plans[i].name);
		(void)snprintf(directory, sizeof(directory), "planned-%zu", i);
		r = flakey_snapshot(disk, directory, &plans[i].plan, NULL);
		only_fuse(about, flakey_error(disk), r, "a snapshot like it");
		ok(!about->dm || access(directory, F_OK) < 0,
		   "of which nothing is left if it is refused");
	}
	all.keep = FLAKEY_KEEP_ALL;
	int r = flakey_snapshot(disk, "planned-all", &all, NULL);
	only_fuse(about, flakey_error(disk), r, "a snapshot of all");
	all.keep = FLAKEY_KEEP_NONE;
	all.digest = 1;
	r = flakey_snapshot(disk, "planned-digest", &all, NULL);
	only_fuse(about, flakey_error(disk), r, "a digest of a snapshot");
}

static uint64_t digest(struct flakey *disk)
{
	struct flakey_report report = FLAKEY_REPORT_INIT;
	struct flakey_plan plan = FLAKEY_PLAN_INIT;

	plan.digest = 1;
	is(flakey_crash(disk, &plan, &report), 0, "power fails, with a digest");
	return report.digest;
}

/* Both have that, and of one tree the same. */
static void digests_compare_trees(struct flakey *disk)
{
	uint64_t first;
	uint64_t second;

	put("mnt/digested", "one", SYNC);
	first = digest(disk);
	ok(first != 0, "which is a number");
	put("mnt/unsynced", "lost", NO_SYNC);
	same(digest(disk), first, "what did not survive is not in it");
	put("mnt/digested", "two", SYNC);
	second = digest(disk);
	ok(second != first, "another content has another one");
	put("mnt/digested", "one", SYNC);
	same(digest(disk), first, "and the old content the old one");
}

static void rules_are_for_fuse(const struct contract *about,
			       struct flakey *disk)
{
	int r = flakey_fault_add(disk, RULE);

	only_fuse(about, flakey_error(disk), r, "a fault rule");
	r = flakey_fault_set(disk, RULE);
	only_fuse(about, flakey_error(disk), r, "all rules at once");
	r = flakey_fault_list(disk, NULL, NULL);
	only_fuse(about, flakey_error(disk), r, "the list of rules");
	r = flakey_fault_wait(disk, "fs/write{path=*.never}", 0, 1000, NULL);
	only_fuse(about, flakey_error(disk), r, "a wait for a rule");
	r = flakey_fault_remove(disk, "fs/write{path=*.never}");
	only_fuse(about, flakey_error(disk), r, "a rule less");
	r = flakey_fault_clear(disk);
	only_fuse(about, flakey_error(disk), r, "no rules");
}

static void modes_of_fuse(const struct contract *about, struct flakey *disk)
{
	struct flakey_mode_options options = FLAKEY_MODE_OPTIONS_INIT;
	int r;

	options.seed = 7;
	r = flakey_random_read_corrupt(disk, 1, &options);
	only_fuse(about, flakey_error(disk), r, "a seed of a random mode");
	is(flakey_allow_writes(disk), 0, "and back");
	r = flakey_corrupt_bio_byte(disk, 1, FLAKEY_WRITES, 0, 1, NULL);
	is(r, about->dm ? 0 : -EINVAL,
	   "differs: only dm has transfers with flags");
	is(flakey_allow_writes(disk), 0, "and back");
}

/* What cannot be read is no file without content, and says why. */
static void a_file_answers(const struct contract *about, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;
	char sentence[512] = "";

	if (fd >= 0)
		(void)close(fd); /* was only read */
	fd = open("mnt/.flakey/error", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t size = read(fd, sentence, sizeof(sentence) - 1);

		if (size > 0)
			sentence[size - 1] = '\0'; /* the newline */
		(void)close(fd);		   /* was only read */
	}
	only_fuse(about, sentence, r, path);
}

static void starts_of_fuse(const struct contract *about)
{
	static const struct flakey_config configs[] = {
		{.size = sizeof(configs[0]), .http = "127.0.0.1:0"},
		{.size = sizeof(configs[0]), .commit_interval_ms = 1000},
		{.size = sizeof(configs[0]), .writeback_after_ms = 1000},
		{.size = sizeof(configs[0])},
	};
	static const char *const names[] = {
		"a mount with --http",
		"one that commits by itself",
		"one that writes by itself",
		"one that has fault rules at once",
	};

	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		struct flakey_config config = configs[i];
		char why[FLAKEY_ERROR_MAX] = "";
		struct flakey *disk = NULL;
		int r;

		config.source = "rot";
		config.mountpoint = "mnt2";
		if (i == 3)
			(void)setenv("FLAKEY_FAULTS", RULE, 1); /* is short */
		r = flakey_start(&config, &disk, why, sizeof(why));
		(void)unsetenv("FLAKEY_FAULTS"); /* the name is right */
		/* The program fails with a sentence; it has no number. */
		only_fuse(about, why, r == -EIO ? -EOPNOTSUPP : r, names[i]);
		if (r == 0)
			is(flakey_stop(disk), 0, "it stops");
		flakey_free(disk);
	}
}

void differences_are_told(const struct contract *about, struct flakey *disk)
{
	int r;

	plans_are_for_fuse(about, disk);
	digests_compare_trees(disk);
	rules_are_for_fuse(about, disk);
	r = flakey_unsynced(disk, NULL, NULL);
	only_fuse(about, flakey_error(disk), r, "what is not synced");
	modes_of_fuse(about, disk);
	a_file_answers(about, "mnt/.flakey/faults");
	a_file_answers(about, "mnt/.flakey/unsynced");
	starts_of_fuse(about);
}
