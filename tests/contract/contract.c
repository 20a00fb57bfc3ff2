/* SPDX-License-Identifier: MIT */
/*
 * contract WORK BACKEND PROFILE: what both backends promise, through the public
 * interface only. The backend under test is chosen by $FLAKEY_BACKEND, as a user
 * swaps it; BACKEND says which one that is, PROFILE which file system, or whose
 * rules. Where the backends differ by design, the line says so with "differs:".
 * Needs FLAKEY_COMMAND.
 */
#include "tests/contract/contract.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/flakey.h"
#include "tests/contract/points.h"

#define DEADLINE_US INT64_C(10000000)

static struct contract contract;

struct flakey *contract_start(const struct contract *about, const char *source,
			      const char *mountpoint)
{
	struct flakey_config config = FLAKEY_CONFIG_INIT;
	char why[FLAKEY_ERROR_MAX] = "";
	struct flakey *disk = NULL;

	config.source = source;
	config.mountpoint = mountpoint;
	config.profile = about->profile;
	/* A copy has the size that it has. */
	if (about->dm && strcmp(source, "copy") != 0)
		config.disk_bytes = (uint64_t)320 << 20;
	if (flakey_start(&config, &disk, why, sizeof(why)) < 0) {
		printf("Bail out! cannot start: %s\n", why);
		exit(1);
	}
	return disk;
}

int64_t contract_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

bool contract_becomes(struct flakey *disk, const char *mode_now)
{
	int64_t end_us = contract_now_us() + DEADLINE_US;
	struct flakey_info info = FLAKEY_INFO_INIT;

	do {
		if (flakey_status(disk, &info) < 0)
			return false;
		if (strcmp(info.mode_now, mode_now) == 0)
			return true;
	} while (contract_now_us() < end_us);
	return false;
}

bool contract_has_checksums(const struct contract *about)
{
	return about->dm && strcmp(about->profile, "btrfs") == 0;
}

static void it_says_what_it_is(struct flakey *disk)
{
	struct flakey_info info = FLAKEY_INFO_INIT;

	is(flakey_status(disk, &info), 0, "status answers");
	says(info.backend, contract.dm ? "dm" : "fuse", "with the backend");
	says(info.profile, contract.profile, "the profile or file system");
	says(info.state, "ok", "the state");
	says(info.mode_now, "allow-writes", "the mode");
	same(info.incarnation, 1, "and the incarnation");
	ok((flakey_device(disk) != NULL) == contract.dm,
	   "differs: dm has a device, fuse has none");
	ok(!contract.dm || access(flakey_device(disk), F_OK) == 0,
	   "which exists");
}

/* The first example of the manuals. */
static void a_crash_loses_what_was_not_synced(struct flakey *disk)
{
	struct flakey_report report = FLAKEY_REPORT_INIT;

	put("mnt/synced", "synced", SYNC);
	put("mnt/unsynced", "unsynced", NO_SYNC);
	holds("mnt/unsynced", "unsynced", "what is not synced is visible");
	is(flakey_crash(disk, NULL, &report), 0, "power fails");
	same(report.incarnation, 2, "the report has the new incarnation");
	holds("mnt/synced", "synced", "what was synced survives");
	holds("mnt/unsynced", NULL, "what was not is gone");
	put("mnt/after", "after", SYNC);
	is(flakey_crash(disk, NULL, NULL), 0, "power fails again");
	holds("mnt/after", "after", "the disk works after a crash");
}

static void a_crash_of_the_programs_keeps_all(struct flakey *disk)
{
	struct flakey_plan plan = FLAKEY_PLAN_INIT;

	put("mnt/kept", "kept", NO_SYNC);
	plan.keep = FLAKEY_KEEP_ALL;
	is(flakey_crash(disk, &plan, NULL), 0, "only the programs die");
	holds("mnt/kept", "kept", "all survives that");
	put("mnt/chosen", "chosen", NO_SYNC);
	plan.keep = FLAKEY_KEEP_SHARE;
	plan.keep_percent = 50;
	is(flakey_crash(disk, &plan, NULL), contract.dm ? -EOPNOTSUPP : 0,
	   "differs: only fuse chooses by chance what survives");
}

static void sync_makes_all_durable(struct flakey *disk)
{
	put("mnt/by-sync", "by sync", NO_SYNC);
	is(flakey_sync(disk), 0, "all is synced");
	is(flakey_crash(disk, NULL, NULL), 0, "power fails");
	holds("mnt/by-sync", "by sync", "it survives");
}

static void dropped_writes_are_lost(struct flakey *disk)
{
	struct flakey_info info = FLAKEY_INFO_INIT;

	is(flakey_drop_writes(disk, NULL), 0, "writes are dropped");
	is(flakey_status(disk, &info), 0, "status answers");
	says(info.mode_now, "drop-writes", "and says so");
	put("mnt/dropped", "dropped", SYNC);
	holds("mnt/dropped", "dropped", "programs see nothing of it");
	is(flakey_crash(disk, NULL, NULL), 0, "power fails");
	holds("mnt/dropped", NULL, "what was dropped is lost");
	is(flakey_status(disk, &info), 0, "status answers");
	says(info.mode_now, "allow-writes", "power comes back to a good disk");
}

/* The second example. */
static void failed_writes_are_told(struct flakey *disk)
{
	int r;

	put("mnt/failing", "old old old", SYNC);
	is(flakey_error_writes(disk, NULL), 0, "writes fail");
	is(overwrite("mnt/failing", "new new new"), -EIO, "fsync says so");
	is(flakey_allow_writes(disk), 0, "writes are allowed again");
	r = overwrite("mnt/failing", "newest!!!!!");
	/* Of ext4 and xfs a failed fsync of data alone leaves the file system
	 * at work; btrfs needs its tree, and becomes read-only. */
	if (strcmp(contract.profile, "btrfs") == 0)
		ok(r == 0 || r == -EROFS || r == -EIO,
		   "btrfs may be read-only from then on");
	else
		is(r, 0, "and fsync works again");
	is(flakey_crash(disk, NULL, NULL), 0, "power fails");
	is(overwrite("mnt/failing", "after crash"), 0, "all is well after it");
	holds("mnt/failing", "after crash", "and what is written is there");
}

static void modes_end_and_go_round(struct flakey *disk)
{
	struct flakey_mode_options options = FLAKEY_MODE_OPTIONS_INIT;

	options.for_ms = 400;
	is(flakey_drop_writes(disk, &options), 0, "drop for a moment");
	put("mnt/in-between", "in between", SYNC);
	ok(contract_becomes(disk, "allow-writes"), "it ends by itself");
	put("mnt/at-last", "at last", SYNC);
	is(flakey_crash(disk, NULL, NULL), 0, "power fails");
	/* On a real disk the journal has a gap now, behind which nothing is
	 * found: differs. */
	if (!contract.dm)
		holds("mnt/at-last", "at last", "what came later survives");
	options.for_ms = 0;
	options.up_ms = 300;
	options.down_ms = 300;
	is(flakey_drop_writes(disk, &options), 0, "up and down");
	ok(contract_becomes(disk, "drop-writes"), "it goes down");
	ok(contract_becomes(disk, "allow-writes"), "and up");
	ok(contract_becomes(disk, "drop-writes"), "and down again");
	is(flakey_crash(disk, NULL, NULL), 0, "power fails");
	ok(contract_becomes(disk, "allow-writes"), "a crash ends the mode");
	options.for_ms = 50;
	is(flakey_drop_writes(disk, &options), -EINVAL, "50 ms are refused");
}

static void others_are_answered(struct flakey *disk)
{
	put("mnt/cached", "cached", SYNC);
	is(flakey_evict(disk), 0, "clean pages are dropped");
	holds("mnt/cached", "cached", "and read again");
	put("mnt/at-risk", "at risk", NO_SYNC);
	if (contract.dm)
		is(flakey_unsynced(disk, NULL, NULL), -EOPNOTSUPP,
		   "differs: a real disk cannot tell what is not synced");
	else
		ok(flakey_unsynced(disk, NULL, NULL) > 0,
		   "what is not synced can be asked for");
}

static void a_copy_beside_it_is_told_apart_or_refused(void)
{
	struct flakey_config config = FLAKEY_CONFIG_INIT;
	char why[FLAKEY_ERROR_MAX] = "";
	struct flakey *copy = NULL;

	config.source = "copy";
	config.mountpoint = "mnt2";
	if (flakey_start(&config, &copy, why, sizeof(why)) == 0)
		is(flakey_stop(copy), 0, "this kernel can have both");
	else
		says(why, "a copy of this btrfs is mounted",
		     "differs: not every kernel can have both");
	flakey_free(copy);
}

static void a_snapshot_is_what_a_crash_would_leave(struct flakey **disk)
{
	/* Of btrfs the kernel takes two with one number for one. */
	bool alone = contract_has_checksums(&contract);
	struct flakey *copy;

	put("mnt/durable", "durable", SYNC);
	put("mnt/volatile", "volatile", NO_SYNC);
	if (flakey_snapshot(*disk, "copy", NULL, NULL) < 0) {
		ok(false, "a snapshot is taken");
		printf("# %s\n", flakey_error(*disk));
		return;
	}
	ok(true, "a snapshot is taken");
	holds("mnt/volatile", "volatile", "the mount goes on");
	if (alone) {
		a_copy_beside_it_is_told_apart_or_refused();
		is(flakey_stop(*disk), 0, "differs: of btrfs one at a time");
		flakey_free(*disk);
	}
	copy = contract_start(&contract, "copy", "mnt2");
	holds("mnt2/durable", "durable", "it has what was synced");
	holds("mnt2/volatile", NULL, "and not what was not");
	put("mnt2/in-the-copy", "copy", SYNC);
	is(flakey_stop(copy), 0, "it can be stopped");
	flakey_free(copy);
	if (alone)
		*disk = contract_start(&contract, "store", "mnt");
	holds("mnt/volatile", "volatile", "the mount has what it had");
	holds("mnt/in-the-copy", NULL, "and nothing of the copy");
}

static void a_mount_in_use_cannot_be_stopped(struct flakey *disk)
{
	int fd = open("mnt/synced", O_RDONLY | O_CLOEXEC);

	is(flakey_stop(disk), -EBUSY, "a mount in use cannot be stopped");
	says(flakey_error(disk), "is in use", "with a sentence");
	holds("mnt/synced", "synced", "and goes on");
	is(flakey_crash(disk, NULL, NULL), contract.dm ? -EBUSY : 0,
	   "differs: dm must unmount for a crash, so nobody may use it");
	(void)close(fd); /* only read from */
	holds("mnt/synced", "synced", "nothing is lost by it");
}

static void a_dead_server_is_taken_over(struct flakey **disk)
{
	struct flakey_info info = FLAKEY_INFO_INIT;
	int64_t end_us = contract_now_us() + DEADLINE_US;

	put("mnt/before-death", "before", SYNC);
	is(flakey_status(*disk, &info), 0, "status answers");
	ok(kill((pid_t)info.pid, SIGKILL) == 0, "the server is killed");
	while (kill((pid_t)info.pid, 0) == 0 && contract_now_us() < end_us)
		(void)usleep(1000); /* shorter is as good */
	is(flakey_sync(*disk), -ENOTCONN, "its mount is dead");
	flakey_free(*disk);
	*disk = contract_start(&contract, "store", "mnt");
	holds("mnt/before-death", "before", "another one takes it over");
}

/* Line by line what docs/migration.md has for InitFlakey, its options and Teardown;
 * the modes, the intervals and the crash are above. */
static void it_starts_as_go_dmflakey_does(void)
{
	struct flakey_config config = FLAKEY_CONFIG_INIT;
	struct flakey_info info = FLAKEY_INFO_INIT;
	char why[FLAKEY_ERROR_MAX] = "";
	struct flakey *disk = NULL;

	config.source = "migrated";
	config.mountpoint = "mnt2";
	config.device_name = "go-dmflakey";
	config.fstype = contract.profile;
	config.mkfs_options = "-L label";
	config.mount_options = "noatime";
	config.disk_bytes = (uint64_t)320 << 20;
	if (!ok(flakey_start(&config, &disk, why, sizeof(why)) == 0,
		"a disk by name, folder and file system")) {
		printf("# %s\n", why);
		return;
	}
	is(flakey_status(disk, &info), 0, "status answers");
	says(info.profile, contract.profile, "with the file system");
	if (contract.dm)
		says(flakey_device(disk), "/dev/mapper/go-dmflakey",
		     "and the device has its name");
	put("mnt2/before-the-switch", "synced", NO_SYNC);
	is(flakey_sync(disk), 0, "synced first, as an option there");
	is(flakey_drop_writes(disk, NULL), 0, "then dropped");
	is(flakey_crash(disk, NULL, NULL), 0, "power fails");
	holds("mnt2/before-the-switch", "synced", "and it is there");
	is(flakey_stop(disk), 0, "it stops");
	is(flakey_stop(disk), 0, "any number of times");
	flakey_free(disk);
}

static void stopping_leaves_nothing(struct flakey *disk)
{
	put("mnt/last", "last", NO_SYNC);
	is(flakey_stop(disk), 0, "it stops");
	is(flakey_stop(disk), 0, "to stop it twice is no error");
	holds("mnt/last", NULL, "the mountpoint is empty");
	flakey_free(disk);
	disk = contract_start(&contract, "store", "mnt");
	holds("mnt/last", "last", "a clean stop loses nothing");
	is(flakey_stop(disk), 0, "it stops again");
	flakey_free(disk);
}

int main(int argc, char **argv)
{
	struct flakey *disk;

	if (argc != 4 || chdir(argv[1]) < 0)
		return 2;
	contract.dm = strcmp(argv[2], "dm") == 0;
	contract.profile = argv[3];
	disk = contract_start(&contract, "store", "mnt");
	it_says_what_it_is(disk);
	a_crash_loses_what_was_not_synced(disk);
	a_crash_of_the_programs_keeps_all(disk);
	sync_makes_all_durable(disk);
	dropped_writes_are_lost(disk);
	failed_writes_are_told(disk);
	modes_end_and_go_round(disk);
	differences_are_told(&contract, disk);
	load_is_borne(&contract, disk);
	modes_act(&contract);
	others_are_answered(disk);
	a_snapshot_is_what_a_crash_would_leave(&disk);
	a_mount_in_use_cannot_be_stopped(disk);
	a_dead_server_is_taken_over(&disk);
	stopping_leaves_nothing(disk);
	it_starts_as_go_dmflakey_does();
	return points_done();
}
