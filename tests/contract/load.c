/* SPDX-License-Identifier: MIT */
/*
 * How long a switch and a crash take, and what they cost a program that writes and
 * syncs without a pause: it goes on, and loses what the mode says and nothing else.
 *
 * The writer puts records one behind the other into a file, each as often as it
 * takes until its fsync succeeds, and counts those in memory that it shares with us.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/flakey.h"
#include "tests/contract/contract.h"
#include "tests/contract/points.h"

#define RECORD_BYTES ((ssize_t)(2 * sizeof(uint64_t)))
#define SWITCHES 15
#define SWITCH_MAX_US 5000
#define CRASH_MAX_US 1000000
/* A machine may be busy with something else for a while: the first of them that is
 * quick enough is enough. */
#define ROUNDS 40
/* Of a switch or crash under load. */
#define HANG_US INT64_C(10000000)
#define PROGRESS 20

struct tally {
	_Atomic uint64_t acknowledged;
	_Atomic uint64_t failures;
};

struct writer {
	const char *path;
	struct tally *tally;
	pid_t pid;
};

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a;
	int64_t right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static int64_t median_switch_us(struct flakey *disk)
{
	int64_t times[SWITCHES];

	for (size_t i = 0; i < SWITCHES; i++) {
		int64_t begin_us = contract_now_us();
		int r = i % 2 == 0 ? flakey_drop_writes(disk, NULL)
				   : flakey_allow_writes(disk);

		if (r < 0)
			return INT64_MAX;
		times[i] = contract_now_us() - begin_us;
	}
	qsort(times, SWITCHES, sizeof(times[0]), compare);
	return flakey_allow_writes(disk) < 0 ? INT64_MAX : times[SWITCHES / 2];
}

static int64_t crash_us(struct flakey *disk)
{
	int64_t begin_us = contract_now_us();

	put("mnt/unpaid", "unpaid", NO_SYNC);
	if (flakey_crash(disk, NULL, NULL) < 0)
		return INT64_MAX;
	return contract_now_us() - begin_us;
}

static void is_quick(struct flakey *disk, int64_t (*take)(struct flakey *disk),
		     int64_t most_us, const char *name)
{
	int64_t best_us = INT64_MAX;

	for (int i = 0; i < ROUNDS && best_us >= most_us; i++) {
		int64_t us = take(disk);

		if (us < best_us)
			best_us = us;
	}
	printf("# %s: %.2f ms\n", name, (double)best_us / 1e3);
	ok(best_us < most_us, name);
}

__attribute__((noreturn)) static void
write_for_ever(const struct writer *writer)
{
	int fd = open(writer->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* arguments are right */
	for (uint64_t i = 0;;) {
		const uint64_t record[2] = {i, ~i};

		if (pwrite(fd, record, sizeof(record),
			   (off_t)(i * sizeof(record))) != RECORD_BYTES ||
		    fsync(fd) < 0) {
			atomic_fetch_add(&writer->tally->failures, 1);
			continue;
		}
		atomic_store(&writer->tally->acknowledged, ++i);
	}
}

/* Its file is there with its name before it begins. */
static void start_writer(struct writer *writer, const char *path)
{
	writer->path = path;
	writer->tally =
		mmap(NULL, sizeof(*writer->tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	put(path, "", SYNC);
	(void)fflush(stdout); /* or the child would print it again */
	writer->pid = fork();
	if (writer->pid == 0)
		write_for_ever(writer);
}

/* Whether the count grows by PROGRESS. */
static bool goes_on(_Atomic uint64_t *count)
{
	uint64_t begin = atomic_load(count);
	int64_t end_us = contract_now_us() + HANG_US;

	while (atomic_load(count) < begin + PROGRESS) {
		if (contract_now_us() > end_us)
			return false;
		(void)usleep(1000); /* shorter is as good */
	}
	return true;
}

static void kill_with_the_power(struct flakey *disk,
				const struct writer *writer)
{
	struct flakey_report report = FLAKEY_REPORT_INIT;
	struct flakey_plan plan = FLAKEY_PLAN_INIT;
	int64_t begin_us = contract_now_us();
	int how = 0;

	plan.kill = 1;
	if (flakey_crash(disk, &plan, &report) < 0) {
		printf("# %s\n", flakey_error(disk));
		(void)kill(writer->pid, SIGKILL); /* nothing else will */
	}
	ok(contract_now_us() - begin_us < HANG_US,
	   "power fails under load, and nothing hangs");
	same(report.killed, 1, "the writer is in the report");
	ok(waitpid(writer->pid, &how, 0) == writer->pid && WIFSIGNALED(how) &&
		   WTERMSIG(how) == SIGKILL,
	   "and dead");
}

/* How many of the first count records are not as they were written. */
static uint64_t missing(const char *path, uint64_t count)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t lost = 0;

	for (uint64_t i = 0; i < count; i++) {
		const uint64_t record[2] = {i, ~i};
		uint64_t found[2];

		if (pread(fd, found, sizeof(found),
			  (off_t)(i * sizeof(found))) != RECORD_BYTES ||
		    memcmp(found, record, sizeof(found)) != 0)
			lost++;
	}
	if (fd >= 0)
		(void)close(fd); /* was only read */
	return lost;
}

static void end_writer(struct writer *writer)
{
	(void)munmap(writer->tally, sizeof(*writer->tally)); /* was mapped */
}

static void drops_cost_what_came_later(struct flakey *disk)
{
	struct writer writer;
	uint64_t before;
	int64_t begin_us;

	start_writer(&writer, "mnt/dropped-log");
	ok(goes_on(&writer.tally->acknowledged), "a writer is at work");
	before = atomic_load(&writer.tally->acknowledged);
	begin_us = contract_now_us();
	is(flakey_drop_writes(disk, NULL), 0, "its writes are dropped");
	printf("# switch under load: %.2f ms\n",
	       (double)(contract_now_us() - begin_us) / 1e3);
	ok(contract_now_us() - begin_us < HANG_US, "the switch does not hang");
	ok(goes_on(&writer.tally->acknowledged), "nor does the writer");
	kill_with_the_power(disk, &writer);
	printf("# %" PRIu64 " acknowledged before the switch, %" PRIu64
	       " in all\n",
	       before, atomic_load(&writer.tally->acknowledged));
	same(missing("mnt/dropped-log", before), 0,
	     "what was acknowledged before the switch is there");
	end_writer(&writer);
}

/* Has a file open until it is killed. */
static pid_t start_holder(const char *path)
{
	pid_t pid;
	int fd;

	put(path, "held", SYNC);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	(void)fflush(stdout); /* or the child would print it again */
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* as above */
		for (;;)
			(void)pause();
	}
	(void)close(fd); /* only read from */
	return pid;
}

/* After that ext4 and btrfs are read-only, and xfs answers nothing but EIO. */
static void a_failed_journal_ends_with_a_crash(const struct contract *about,
					       struct flakey *disk)
{
	struct flakey_plan plan = FLAKEY_PLAN_INIT;
	pid_t holder = start_holder("mnt/held");
	int64_t end_us = contract_now_us() + HANG_US;
	int fd = open("mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	is(flakey_error_writes(disk, NULL), 0, "writes fail");
	put("mnt/not-made", "", NO_SYNC);
	ok(fsync(fd) < 0, "a change of names cannot be synced");
	(void)close(fd); /* only read from */
	while (r == 0 && contract_now_us() < end_us)
		r = mkdir("mnt/nor-that", 0700) < 0 ? -errno
						    : rmdir("mnt/nor-that");
	ok(r == -EROFS || r == -EIO, "and then nothing can be changed");
	is(flakey_allow_writes(disk), 0, "a good disk does not help");
	ok(mkdir("mnt/nor-that", 0700) < 0, "it goes on");
	r = flakey_crash(disk, NULL, NULL);
	is(r, about->dm ? -EBUSY : 0, "differs: on dm who uses it is named");
	if (about->dm)
		says(flakey_error(disk), "in use by contract (pid ",
		     "with its name");
	plan.kill = 1;
	is(flakey_crash(disk, &plan, NULL), 0, "a crash helps");
	if (kill(holder, 0) == 0 && !about->dm)
		(void)kill(holder, SIGKILL); /* it had nothing open any more */
	ok(waitpid(holder, NULL, 0) == holder, "who used it is dead");
	holds("mnt/held", "held", "what was synced is there");
	put("mnt/made", "made", SYNC);
	is(flakey_crash(disk, NULL, NULL), 0, "power fails");
	holds("mnt/made", "made", "and all is well");
}

/* However it ends, an acknowledgement of a disk that tells its errors holds. */
static void all_is_there(const struct writer *writer)
{
	uint64_t all = atomic_load(&writer->tally->acknowledged);

	printf("# %" PRIu64 " acknowledged\n", all);
	same(missing(writer->path, all), 0,
	     "all that was ever acknowledged is there");
}

static void errors_cost_nothing_acknowledged(struct flakey *disk)
{
	struct writer writer;
	int64_t begin_us;

	start_writer(&writer, "mnt/failed-log");
	ok(goes_on(&writer.tally->acknowledged), "a writer is at work");
	begin_us = contract_now_us();
	is(flakey_error_writes(disk, NULL), 0, "its writes fail");
	ok(goes_on(&writer.tally->failures), "it is told, and goes on");
	is(flakey_allow_writes(disk), 0, "writes are allowed again");
	ok(contract_now_us() - begin_us < 2 * HANG_US, "nothing hangs");
	kill_with_the_power(disk, &writer);
	all_is_there(&writer);
	end_writer(&writer);
}

static void a_crash_costs_nothing_acknowledged(struct flakey *disk)
{
	struct writer writer;

	start_writer(&writer, "mnt/crashed-log");
	ok(goes_on(&writer.tally->acknowledged), "a writer is at work");
	kill_with_the_power(disk, &writer);
	all_is_there(&writer);
	end_writer(&writer);
}

void load_is_borne(const struct contract *about, struct flakey *disk)
{
	is_quick(disk, median_switch_us, SWITCH_MAX_US,
		 "the median switch takes less than 5 ms");
	is_quick(disk, crash_us, CRASH_MAX_US,
		 "a crash takes less than a second");
	drops_cost_what_came_later(disk);
	errors_cost_nothing_acknowledged(disk);
	a_crash_costs_nothing_acknowledged(disk);
	a_failed_journal_ends_with_a_crash(about, disk);
}
