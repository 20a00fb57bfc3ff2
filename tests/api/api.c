/* SPDX-License-Identifier: MIT */
/*
 * api WORK: libflakey from a C program, on a real mount below WORK. What the
 * calls say is compared with what programs see on the mount and in the store.
 * Needs FLAKEY_COMMAND.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/flakey.h"

#define THREADS 4
#define CALLS_PER_THREAD 50
#define DEADLINE_S 10

static unsigned int points;
static unsigned int failures;

static bool ok(bool good, const char *name)
{
	failures += !good;
	printf("%sok %u - %s\n", good ? "" : "not ", ++points, name);
	(void)fflush(stdout); /* a crash must not lose points */
	return good;
}

/* A result of the library: 0 or the errno that is wanted. */
static void is(int got, int wanted, const char *name)
{
	if (!ok(got == wanted, name))
		printf("# wanted %d, got %d\n", wanted, got);
}

static void same(uint64_t got, uint64_t wanted, const char *name)
{
	if (!ok(got == wanted, name))
		printf("# wanted %" PRIu64 ", got %" PRIu64 "\n", wanted, got);
}

static void says(const char *sentence, const char *part, const char *name)
{
	if (!ok(strstr(sentence, part) && !strchr(sentence, '\n'), name))
		printf("# '%s' is not in '%s'\n", part, sentence);
}

static void write_file(const char *path, const char *content, bool sync)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t size = strlen(content);

	if (fd < 0 || write(fd, content, size) != (ssize_t)size ||
	    (sync && fsync(fd) < 0))
		printf("# cannot write %s: %s\n", path, strerror(errno));
	(void)close(fd); /* fsync has said all there is */
}

/* -1: no such file. */
static ssize_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? -1 : (ssize_t)st.st_size;
}

static struct flakey *start(void)
{
	struct flakey_config config = FLAKEY_CONFIG_INIT;
	char why[FLAKEY_ERROR_MAX] = "";
	struct flakey *disk = NULL;
	int r;

	config.source = "store";
	config.mountpoint = "mnt";
	r = flakey_start(&config, &disk, why, sizeof(why));
	if (r < 0) {
		printf("Bail out! cannot start: %s\n", why);
		exit(1);
	}
	return disk;
}

static void starting_refuses(void)
{
	struct flakey_config config = FLAKEY_CONFIG_INIT;
	char why[FLAKEY_ERROR_MAX] = "";
	char tiny[4] = "xxx";
	struct flakey *disk = NULL;

	is(flakey_start(&config, &disk, why, sizeof(why)), -EINVAL,
	   "nothing to mount is refused");
	config.source = "nothing";
	config.mountpoint = "mnt";
	is(flakey_start(&config, &disk, why, sizeof(why)), -EIO,
	   "a missing source is refused");
	says(why, "the source 'nothing' does not exist", "with a sentence");
	is(flakey_start(&config, &disk, tiny, sizeof(tiny)), -EIO,
	   "a small buffer is enough");
	ok(strcmp(tiny, "the") == 0, "and gets what fits");
	is(flakey_start(&config, &disk, NULL, 0), -EIO, "so is none");
	config.source = "store";
	config.profile = "fat";
	is(flakey_start(&config, &disk, why, sizeof(why)), -EIO,
	   "an unknown profile is refused");
	says(why, "fat", "by name");
	config.profile = NULL;
	config.cache = "sideways";
	is(flakey_start(&config, &disk, why, sizeof(why)), -EIO,
	   "an unknown cache is refused");
	config.cache = NULL;
	config.command = "/nothing/flakey";
	is(flakey_start(&config, &disk, why, sizeof(why)), -ENOENT,
	   "a missing program is refused");
	says(why, "FLAKEY_COMMAND", "with the remedy");
	ok(!disk, "and no handle is made");
	is(flakey_attach(".", NULL, &disk, why, sizeof(why)), -ENOTTY,
	   "what is no mount cannot be attached to");
	is(flakey_attach("nothing", NULL, &disk, why, sizeof(why)), -ENOENT,
	   "nor what does not exist");
	flakey_free(NULL);
}

static void status_tells(struct flakey *disk)
{
	struct flakey_info status = FLAKEY_INFO_INIT;
	char wanted[4096];

	is(flakey_status(disk, &status), 0, "status");
	ok(strcmp(status.backend, "fuse") == 0, "it has the backend");
	ok(strcmp(status.profile, "ext4") == 0, "the profile");
	ok(strcmp(status.state, "ok") == 0, "the state");
	ok(strcmp(status.mode, "allow-writes") == 0, "the mode");
	ok(strcmp(status.mode_now, "allow-writes") == 0, "the mode now");
	ok(status.pid > 1 && kill((pid_t)status.pid, 0) == 0, "the pid");
	same(status.size, sizeof(status), "and leaves the size alone");
	ok(getcwd(wanted, sizeof(wanted) - 4) && strcat(wanted, "/mnt") &&
		   strcmp(flakey_mountpoint(disk), wanted) == 0,
	   "the mountpoint is absolute");
	ok(flakey_error(disk)[0] == '\0', "there was no error");
}

/* A program built with a shorter structure must not be written over. */
static void old_structures_stay_whole(struct flakey *disk)
{
	struct flakey_info status;

	memset(&status, 0x55, sizeof(status));
	status.size = offsetof(struct flakey_info, state);
	is(flakey_status(disk, &status), 0, "a shorter structure works");
	ok(strcmp(status.profile, "ext4") == 0, "its members are set");
	ok(status.state[0] == 0x55 && status.requests == 0x5555555555555555,
	   "and nothing behind it is");
}

struct found {
	unsigned int calls;
	bool data;
	bool entry;
	bool sane;
};

static int look(void *user, const struct flakey_loss *loss)
{
	struct found *found = user;

	found->calls++;
	if (strcmp(loss->path, "/lost") != 0)
		return 0;
	if (strcmp(loss->kind, "data") == 0)
		found->data =
			loss->offset_bytes == 0 && loss->length_bytes == 4;
	if (strcmp(loss->kind, "entry") == 0)
		found->entry = loss->offset_bytes == -1;
	found->sane = loss->remedy && loss->since_ns > 0 && !loss->dropped &&
		      loss->size == sizeof(*loss);
	return 0;
}

static int look_once(void *user, const struct flakey_loss *loss)
{
	(void)loss;
	++*(unsigned int *)user;
	return 1;
}

static void unsynced_finds_the_missing_fsync(struct flakey *disk)
{
	struct found found = {0};
	unsigned int calls = 0;
	int count;

	is(flakey_unsynced(disk, NULL, NULL), 0, "nothing is at risk at first");
	write_file("mnt/lost", "lost", false);
	count = flakey_unsynced(disk, look, &found);
	ok(count > 0 && (unsigned int)count == found.calls,
	   "each loss is a call");
	ok(found.data, "the bytes are found");
	ok(found.entry, "so is the name");
	ok(found.sane, "with a remedy and a time");
	is(flakey_unsynced(disk, look_once, &calls), count,
	   "a call-back that stops gets the same count");
	same(calls, 1, "but no more calls");
}

static void a_crash_loses_what_was_not_synced(struct flakey *disk)
{
	struct flakey_report report = FLAKEY_REPORT_INIT;
	struct flakey_info status = FLAKEY_INFO_INIT;
	int fd;

	write_file("mnt/kept", "kept", true);
	write_file("mnt/lost", "lost!", false);
	fd = open("mnt/kept", O_RDONLY | O_CLOEXEC);
	(void)flakey_status(disk, &status);
	is(flakey_crash(disk, NULL, &report), 0, "crash");
	same(report.incarnation, status.incarnation + 1,
	     "it is the next incarnation");
	ok(report.lost_bytes >= 5, "bytes were lost");
	same(report.kept_bytes, 0, "none were kept");
	ok(size_of("mnt/lost") < 5, "the unsynced bytes are gone");
	is((int)size_of("mnt/kept"), 4, "the synced file is there");
	is((int)size_of("store/kept"), 4, "in the store, too");
	ok(read(fd, &report, 1) < 0 && errno == EIO, "open files answer EIO");
	(void)close(fd); /* only read from */
}

static void equal_trees_have_equal_digests(struct flakey *disk)
{
	struct flakey_report first = FLAKEY_REPORT_INIT;
	struct flakey_report second = FLAKEY_REPORT_INIT;
	struct flakey_plan plan = FLAKEY_PLAN_INIT;

	is(flakey_crash(disk, NULL, &first), 0, "crash without a digest");
	same(first.digest, 0, "has none");
	plan.digest = 1;
	is(flakey_crash(disk, &plan, &first), 0, "crash with a digest");
	write_file("mnt/lost-again", "x", false);
	is(flakey_crash(disk, &plan, &second), 0, "and another");
	ok(first.digest != 0 && first.digest == second.digest,
	   "the same tree has the same digest");
	write_file("mnt/digested", "x", true);
	is(flakey_crash(disk, &plan, &second), 0, "after a change");
	ok(first.digest != second.digest, "it has another");
}

static void a_crash_can_keep_all(struct flakey *disk)
{
	struct flakey_plan plan = FLAKEY_PLAN_INIT;
	struct flakey_report report = FLAKEY_REPORT_INIT;

	write_file("mnt/all", "12345", false);
	plan.keep = FLAKEY_KEEP_ALL;
	is(flakey_crash(disk, &plan, &report), 0, "crash that keeps all");
	same(report.lost_bytes, 0, "loses nothing");
	is((int)size_of("mnt/all"), 5, "the bytes are there");
	plan.keep = (enum flakey_keep)7;
	is(flakey_crash(disk, &plan, NULL), -EINVAL, "a plan of nonsense");
	says(flakey_error(disk), "FLAKEY_KEEP", "is refused with a sentence");
	is(flakey_crash(disk, NULL, NULL), 0, "a report is not needed");
}

static void dropped_writes_are_lost(struct flakey *disk)
{
	struct flakey_info status = FLAKEY_INFO_INIT;

	is(flakey_drop_writes(disk, NULL), 0, "drop-writes");
	write_file("mnt/dropped", "dropped", true);
	is((int)size_of("mnt/dropped"), 7, "the program sees its file");
	is((int)size_of("store/dropped"), -1, "the store does not");
	(void)flakey_status(disk, &status);
	ok(strcmp(status.mode, "drop-writes") == 0, "status has the mode");
	ok(status.dropped_bytes >= 7, "and what was dropped");
	is(flakey_allow_writes(disk), 0, "allow-writes");
	is(flakey_sync(disk), 0, "sync");
	is(flakey_crash(disk, NULL, NULL), 0, "crash");
	is((int)size_of("mnt/dropped"), -1, "the acknowledged file is gone");
}

static void failed_writes_are_seen(struct flakey *disk)
{
	int fd = open("mnt/failed", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	is(flakey_error_writes(disk, NULL), 0, "error-writes");
	ok(write(fd, "x", 1) == 1, "write(2) works");
	ok(fsync(fd) < 0 && errno == EIO, "fsync(2) fails");
	(void)close(fd); /* the error was seen */
	is(flakey_allow_writes(disk), 0, "allow-writes again");
	is(flakey_crash(disk, NULL, NULL), 0, "crash");
}

/* What the file has at that offset, in the mount after its cache was dropped, and
 * in the store. */
static int byte_at(struct flakey *disk, const char *name, off_t offset,
		   const char *where)
{
	char path[64];
	char byte;
	int fd;
	ssize_t n;

	if (flakey_evict(disk) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/%s", where, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = pread(fd, &byte, 1, offset);
	if (n < 0)
		n = -errno;
	(void)close(fd); /* only read from */
	return n == 1 ? byte : (int)n;
}

static void bytes_meet_the_disk(struct flakey *disk)
{
	struct flakey_mode_options options = FLAKEY_MODE_OPTIONS_INIT;
	struct flakey_info status = FLAKEY_INFO_INIT;

	write_file("mnt/bytes", "abcdef", true);
	is(flakey_error_reads(disk, NULL), 0, "error-reads");
	is(byte_at(disk, "bytes", 0, "mnt"), -EIO, "a read fails");
	is(byte_at(disk, "bytes", 0, "store"), 'a', "the store can be read");
	is(flakey_corrupt_bio_byte(disk, 3, FLAKEY_READS, 'X', 0, NULL), 0,
	   "corrupt-bio-byte r");
	is(byte_at(disk, "bytes", 2, "mnt"), 'X', "another byte is read");
	is(byte_at(disk, "bytes", 2, "store"), 'c', "the store has it right");
	is(flakey_corrupt_bio_byte(disk, 2, FLAKEY_WRITES, 'Y', 0, NULL), 0,
	   "corrupt-bio-byte w");
	write_file("mnt/others", "abcdef", true);
	is(byte_at(disk, "others", 1, "store"), 'Y', "another byte is stored");
	is(byte_at(disk, "others", 1, "mnt"), 'Y', "and read");
	options.seed = 42;
	is(flakey_random_read_corrupt(disk, 0, &options), 0,
	   "random-read-corrupt");
	is(byte_at(disk, "bytes", 2, "mnt"), 'c', "no chance, no harm");
	is(flakey_random_write_corrupt(disk, FLAKEY_PROBABILITY_ALWAYS,
				       &options),
	   0, "random-write-corrupt");
	(void)flakey_status(disk, &status);
	ok(strcmp(status.mode, "random-write-corrupt 1000000000 seed=42") == 0,
	   "the seed is in the status");
	ok(strcmp(status.mode_now, "random-write-corrupt") == 0,
	   "and the whole name");
	write_file("mnt/one", "a", true);
	ok(byte_at(disk, "one", 0, "store") != 'a', "the only byte is harmed");
	(void)flakey_status(disk, &status);
	same(status.corruptions, 3, "corruptions are counted");
	ok(status.read_errors > 0, "and failed reads");
	is(flakey_allow_writes(disk), 0, "allow-writes");
}

static void modes_of_nonsense_are_refused(struct flakey *disk)
{
	struct flakey_mode_options options = FLAKEY_MODE_OPTIONS_INIT;
	struct flakey_info status = FLAKEY_INFO_INIT;

	is(flakey_corrupt_bio_byte(disk, 0, FLAKEY_READS, 0, 0, NULL), -EINVAL,
	   "there is no byte 0");
	says(flakey_error(disk), "counted from 1", "as the sentence says");
	is(flakey_corrupt_bio_byte(disk, 1, (enum flakey_direction)7, 0, 0,
				   NULL),
	   -EINVAL, "nor another direction");
	says(flakey_error(disk), "FLAKEY_WRITES", "as the sentence says");
	is(flakey_corrupt_bio_byte(disk, 1, FLAKEY_READS, 0, 32, NULL), -EINVAL,
	   "nor flags");
	says(flakey_error(disk), "use 0", "as the sentence says");
	is(flakey_random_read_corrupt(disk, 1000000001, NULL), -EINVAL,
	   "nor more than certainty");
	says(flakey_error(disk), "1000000000", "as the sentence says");
	options.for_ms = 150;
	is(flakey_error_reads(disk, &options), -EINVAL, "nor finer times");
	options.for_ms = 0;
	options.seed = 1;
	is(flakey_error_reads(disk, &options), -EINVAL,
	   "what has no chance takes no seed");
	says(flakey_error(disk), "seed", "as the sentence says");
	(void)flakey_status(disk, &status);
	ok(strcmp(status.mode, "allow-writes") == 0, "and nothing changed");
}

static void modes_last_as_long_as_told(struct flakey *disk)
{
	struct flakey_mode_options options = FLAKEY_MODE_OPTIONS_INIT;
	struct flakey_info status = FLAKEY_INFO_INIT;
	time_t deadline = time(NULL) + DEADLINE_S;

	options.for_ms = 50;
	is(flakey_drop_writes(disk, &options), -EINVAL, "50 ms are refused");
	says(flakey_error(disk), "multiples of 100", "with a sentence");
	options.for_ms = -100;
	is(flakey_drop_writes(disk, &options), -EINVAL, "so is the past");
	options.for_ms = 0;
	options.up_ms = 100;
	is(flakey_error_writes(disk, &options), -EINVAL, "so is half a cycle");
	says(flakey_error(disk), "needs both", "with a sentence");
	(void)flakey_status(disk, &status);
	ok(strcmp(status.mode, "allow-writes") == 0, "and nothing changed");
	options.for_ms = 300;
	options.down_ms = 200;
	is(flakey_drop_writes(disk, &options), 0, "a cycle for a time");
	do {
		if (flakey_status(disk, &status) < 0)
			break;
	} while (strcmp(status.mode, "allow-writes") != 0 &&
		 time(NULL) < deadline);
	ok(strcmp(status.mode_now, "allow-writes") == 0 &&
		   strcmp(status.mode, "allow-writes") == 0,
	   "it ends by itself");
}

static void other_verbs_work(struct flakey *disk)
{
	write_file("mnt/synced", "synced", false);
	is(flakey_sync(disk), 0, "sync");
	is((int)size_of("store/synced"), 6, "puts all into the store");
	is(flakey_evict(disk), 0, "evict");
	is((int)size_of("mnt/synced"), 6, "loses nothing");
	is(flakey_unsynced(disk, NULL, NULL), 0, "nothing is at risk");
}

static int see_fault(void *user, const struct flakey_fault *fault)
{
	struct flakey_fault *seen = user;

	seen->hits += fault->hits;
	seen->fired += fault->fired;
	return strcmp(fault->name, "fs/rmdir") == 0;
}

static void *wait_for_rmdir(void *argument)
{
	uint64_t fired = 0;

	if (flakey_fault_wait(argument, "fs/rmdir", 1, 60000, &fired) < 0)
		return argument;
	return fired == 1 ? NULL : argument;
}

static void fault_rules_act(struct flakey *disk)
{
	struct flakey_fault seen = {.hits = 0};
	pthread_t waiter;
	void *result = disk;
	uint64_t fired = 9;

	is(flakey_fault_set(disk, "fs/mkdir=1*return(ENOSPC)\nfs/open=off"), 0,
	   "rules are set");
	is(mkdir("mnt/dir", 0700), -1, "and act");
	is(errno, ENOSPC, "as they say");
	is(mkdir("mnt/dir", 0700), 0, "and no more");
	is(flakey_fault_wait(disk, "fs/mkdir", 1, 1000, &fired), 0, "it fired");
	same(fired, 1, "once");
	is(flakey_fault_wait(disk, "fs/mkdir", 2, 10, &fired), -ETIMEDOUT,
	   "and not twice");
	is(flakey_fault_wait(disk, "", 1, 10, &fired), -EINVAL,
	   "one of no rule is refused");
	says(flakey_error(disk), "wait needs the name of a fault rule",
	     "with a reason");
	is(flakey_fault_add(disk, "fs/rmdir=print;fs/wrte=off"), -EINVAL,
	   "a bad rule is refused");
	says(flakey_error(disk),
	     "rule 2, offset 0: unknown operation 'fs/wrte'", "with a reason");
	is(flakey_fault_list(disk, NULL, NULL), 2, "nothing of it is done");
	is(flakey_fault_add(disk, "fs/rmdir=print"), 0, "another is added");
	is(pthread_create(&waiter, NULL, wait_for_rmdir, disk), 0, "one waits");
	is(flakey_fault_list(disk, see_fault, &seen), 3, "others go on");
	same(seen.hits, 2, "hits are counted");
	same(seen.fired, 1, "and firings");
	is(rmdir("mnt/dir"), 0, "rmdir");
	(void)pthread_join(waiter, &result);
	is(result == NULL, 1, "is what it waited for");
	is(flakey_fault_remove(disk, "fs/mkdir;fs/link"), -ENOENT,
	   "what is not there cannot be removed");
	is(flakey_fault_remove(disk, "fs/mkdir;fs/rmdir"), 0, "else it can");
	is(flakey_fault_clear(disk), 0, "cleared");
	is(flakey_fault_list(disk, NULL, NULL), 0, "none is left");
}

static void *call_often(void *argument)
{
	struct flakey *disk = argument;
	intptr_t failed = 0;

	for (int i = 0; i < CALLS_PER_THREAD; i++) {
		struct flakey_info status = FLAKEY_INFO_INIT;

		failed += flakey_status(disk, &status) < 0;
		failed += flakey_unsynced(disk, NULL, NULL) < 0;
		failed += strcmp(status.backend, "fuse") != 0;
	}
	return (void *)failed;
}

static void threads_share_a_handle(struct flakey *disk)
{
	pthread_t threads[THREADS];
	intptr_t failed = 0;

	for (int i = 0; i < THREADS; i++)
		failed += pthread_create(&threads[i], NULL, call_often, disk);
	for (int i = 0; i < THREADS; i++)
		failed += flakey_crash(disk, NULL, NULL) < 0;
	for (int i = 0; i < THREADS; i++) {
		void *result = NULL;

		failed += pthread_join(threads[i], &result);
		failed += (intptr_t)result;
	}
	same((uint64_t)failed, 0, "threads share a handle");
}

static void handles_can_be_attached(void)
{
	char why[FLAKEY_ERROR_MAX] = "";
	struct flakey *other = NULL;

	is(flakey_attach("mnt/kept", NULL, &other, why, sizeof(why)), 0,
	   "any path of the mount can be attached to");
	is(flakey_sync(other), 0, "the handle works");
	flakey_free(other);
	is(flakey_attach("mnt", "wrong", &other, why, sizeof(why)), 0,
	   "a wrong control name");
	is(flakey_sync(other), -ENOENT, "is told by the first call");
	says(flakey_error(other), "--control", "with the remedy");
	flakey_free(other);
}

static void a_mount_ends(struct flakey *disk)
{
	struct flakey_info status = FLAKEY_INFO_INIT;
	int fd;

	write_file("mnt/last", "last", false);
	fd = open("mnt/last", O_RDONLY | O_CLOEXEC);
	is(flakey_stop(disk), -EBUSY, "a mount in use cannot be stopped");
	says(flakey_error(disk), "in use", "with a sentence");
	is(flakey_status(disk, &status), 0, "and goes on");
	(void)close(fd); /* only read from */
	is(flakey_stop(disk), 0, "it can when nobody uses it");
	is((int)size_of("store/last"), 4, "the store is complete");
	is((int)size_of("mnt/last"), -1, "the mountpoint is empty");
	is(flakey_stop(disk), 0, "to stop it twice is no error");
	is(flakey_crash(disk, NULL, NULL), -ENOENT, "nor crash any more");
	flakey_free(disk);
}

/* A host program may have unusual signal settings. */
static void odd_hosts_are_served(void)
{
	struct flakey *disk;
	sigset_t all;
	sigset_t old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	(void)signal(SIGCHLD, SIG_IGN);
	disk = start();
	is(flakey_sync(disk), 0, "a host that ignores SIGCHLD can start");
	is(flakey_stop(disk), 0, "and stop");
	flakey_free(disk);
	(void)signal(SIGCHLD, SIG_DFL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int main(int argc, char **argv)
{
	struct flakey *disk;

	if (argc != 2 || chdir(argv[1]) < 0 || mkdir("store", 0700) < 0 ||
	    mkdir("mnt", 0700) < 0) {
		printf("Bail out! cannot prepare\n");
		return 1;
	}
	starting_refuses();
	disk = start();
	status_tells(disk);
	old_structures_stay_whole(disk);
	unsynced_finds_the_missing_fsync(disk);
	a_crash_loses_what_was_not_synced(disk);
	equal_trees_have_equal_digests(disk);
	a_crash_can_keep_all(disk);
	dropped_writes_are_lost(disk);
	failed_writes_are_seen(disk);
	bytes_meet_the_disk(disk);
	modes_of_nonsense_are_refused(disk);
	modes_last_as_long_as_told(disk);
	other_verbs_work(disk);
	fault_rules_act(disk);
	threads_share_a_handle(disk);
	handles_can_be_attached();
	a_mount_ends(disk);
	odd_hosts_are_served();
	printf("1..%u\n", points);
	return failures > 0;
}
