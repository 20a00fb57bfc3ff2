/* SPDX-License-Identifier: MIT */
/*
 * many_bytes MNT: unsynced data costs memory by the extent and next to none by
 * the byte, extents cost the same however many there are, far more data than the
 * memory that the daemon may use can be unsynced, and 500 MB of it are lost in
 * no time.
 *
 * FLAKEY_LIMITS_MIB says how much data is far more: 8 GiB if it does not, and then
 * only where that is a matter of seconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tests/limits/memory_group.h"
#include "tests/limits/meter.h"
#include "tests/mount/cases.h"

#define MIB INT64_C(1048576)
#define FEW 2000
#define LOTS 50000
#define EXTENT_BYTES_MAX 100
/* Of scratch space that an extent of a few bytes wastes. */
#define UNIT_BYTES 64
/* What a daemon needs for other things: buffers of requests, mostly. */
#define OTHER_BYTES (MIB / 2)
/* More than the part of the scratch file that is kept in memory. */
#define KEPT_MIB 64
#define MEMORY_MAX (512 * MIB)
#define CRASH_MIB 500
#define CRASH_NS_MAX INT64_C(100000000)
#define CRASH_TRIES 5
/* Of a comparison that others on the host can spoil, with the caches that they
 * take from us. */
#define FLAT_TRIES 3

#define LOT_MIB 1024
#define FAR_MORE_MIB 8192
#define FAR_MORE_NS_MAX INT64_C(20000000000)

static bool write_scattered(int fd, int64_t count, int64_t length)
{
	static const char data[4096] = {'x'};

	for (int64_t i = 0; i < count; i++)
		if (pwrite(fd, data, (size_t)length, i * 12288 + 7) != length)
			return false;
	return true;
}

static bool write_files(int files, int64_t bytes)
{
	static const char buffer[MIB] = {'b'};
	char name[32];

	for (int i = 0; i < files; i++) {
		(void)snprintf(name, sizeof(name), "big-%d", i);
		int fd = open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
		bool good = fd >= 0;
		for (int64_t at = 0; good && at < bytes; at += MIB) {
			int64_t n = bytes - at < MIB ? bytes - at : MIB;
			good = pwrite(fd, buffer, (size_t)n, at) == n;
		}
		if (fd >= 0)
			(void)close(fd); /* an error would be the write's */
		if (!good)
			return false;
	}
	return true;
}

/* One file with that many extents; what each costs. */
static enum case_result scatter(int64_t length, struct meter_lap *lap,
				int64_t count)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "scattered-%" PRId64 "-%" PRId64,
		       length, count);
	int fd = open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	CHECK(fd >= 0);
	int64_t scratch = meter_scratch_bytes();
	int64_t memory = meter_anonymous_bytes();
	meter_begin(lap, "scattered write");
	CHECK(write_scattered(fd, count, length));
	meter_end(lap, count);
	memory = meter_anonymous_bytes() - memory;
	scratch = meter_scratch_bytes() - scratch;
	int64_t bytes = count * length;
	printf("# %" PRId64 " extents of %" PRId64 " bytes: each takes %.1f"
	       " bytes of memory and %.1f of scratch\n",
	       count, length, (double)memory / (double)count,
	       (double)scratch / (double)count);
	CHECK(memory <= bytes / 20 + count * EXTENT_BYTES_MAX + OTHER_BYTES);
	/* All of it, for what is kept may only now be on its way there. */
	bytes += KEPT_MIB * MIB + FEW * length;
	CHECK(meter_scratch_bytes() <=
	      bytes + bytes / 20 + (count + FEW) * UNIT_BYTES + 2 * MIB);
	CHECK(close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result extents_of(int64_t length)
{
	struct meter_lap few, lots;
	bool flat = false;

	for (int try = 0; try < FLAT_TRIES && !flat; try++) {
		CHECK(write_files(1, KEPT_MIB * MIB));
		CHECK(scatter(length, &few, FEW) == CASE_PASSED);
		CHECK(scatter(length, &lots, LOTS) == CASE_PASSED);
		flat = meter_is_flat(&few, &lots);
		CHECK(meter_verb("crash") > 0);
	}
	CHECK(flat);
	return CASE_PASSED;
}

static enum case_result extents_cost_little(void)
{
	CHECK(meter_verb("sync") > 0);
	CHECK(extents_of(1) == CASE_PASSED);
	CHECK(extents_of(100) == CASE_PASSED);
	CHECK(extents_of(4096) == CASE_PASSED);
	return CASE_PASSED;
}

static uint64_t word_at(int64_t offset)
{
	uint64_t x = (uint64_t)offset * UINT64_C(0x9e3779b97f4a7c15);

	return x ^ x >> 29;
}

static void fill(uint64_t *buffer, int64_t offset)
{
	for (int64_t i = 0; i < MIB / 8; i += 64)
		buffer[i] = word_at(offset + i);
}

static bool is_filled(const uint64_t *buffer, int64_t offset)
{
	for (int64_t i = 0; i < MIB / 8; i += 64)
		if (buffer[i] != word_at(offset + i))
			return false;
	return true;
}

/* The most memory that the daemon had, 0 if the deadline was missed, or -1. */
static int64_t write_a_lot(int fd, int64_t lot_bytes, int64_t deadline_ns,
			   uint64_t *buffer)
{
	int64_t most = 0;

	for (int64_t at = 0; at < lot_bytes; at += MIB) {
		fill(buffer, at);
		if (pwrite(fd, buffer, MIB, at) != MIB)
			return -1;
		int64_t now = meter_anonymous_bytes();
		most = now > most ? now : most;
		if (meter_clock_ns() > deadline_ns)
			return 0;
	}
	return most;
}

static bool read_a_lot(const char *name, int64_t lot_bytes, uint64_t *buffer)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0;

	for (int64_t at = 0; good && at < lot_bytes; at += MIB)
		good = pread(fd, buffer, MIB, at) == MIB &&
		       is_filled(buffer, at);
	(void)close(fd); /* only read from */
	return good;
}

/* Writes, reads again, and loses it. */
static enum case_result lot(int64_t lot_bytes, int64_t deadline_ns)
{
	static uint64_t buffer[MIB / 8];

	int64_t before = meter_anonymous_bytes();
	int fd = open("lot", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	CHECK(fd >= 0);
	int64_t most = write_a_lot(fd, lot_bytes, deadline_ns, buffer);
	if (most == 0) {
		CHECK(close(fd) == 0 && meter_verb("crash") > 0);
		return cases_skip("the disk is too slow to try by the way");
	}
	CHECK(most > 0);
	CHECK(meter_status("dirty_bytes") == lot_bytes);
	printf("# %" PRId64 " MiB unsynced: %.1f MiB of memory, %.1f before\n",
	       lot_bytes / MIB, (double)most / (double)MIB,
	       (double)before / (double)MIB);
	CHECK(most <= MEMORY_MAX);
	CHECK(most - before <= lot_bytes / 20 + OTHER_BYTES + KEPT_MIB * MIB);
	CHECK(meter_scratch_bytes() <= lot_bytes + lot_bytes / 20);
	/* Out of the kernel's memory: it is the daemon that is asked. */
	CHECK(meter_verb("evict") > 0);
	CHECK(read_a_lot("lot", lot_bytes, buffer));
	CHECK(meter_anonymous_bytes() <= MEMORY_MAX);
	CHECK(close(fd) == 0);
	int64_t took = meter_verb("crash");
	printf("# crashed in %.1f ms\n", (double)took / 1e6);
	CHECK(took > 0);
	CHECK_ERRNO(ENOENT, open("lot", O_RDONLY | O_CLOEXEC));
	return CASE_PASSED;
}

static enum case_result unsynced_data(int64_t lot_bytes, int64_t deadline_ns)
{
	struct memory_group group;
	struct statvfs room;

	CHECK(meter_verb("sync") > 0);
	/* The scratch file, and a rest for others. */
	CHECK(statvfs(meter_store(), &room) == 0);
	if ((int64_t)(room.f_bavail * room.f_frsize) < lot_bytes * 5 / 4)
		return cases_skip("no room for the scratch file");
	/* Where it can be, the daemon has no more, pages of files included. */
	bool held = memory_group_enter(&group, (pid_t)meter_status("pid"),
				       MEMORY_MAX);
	enum case_result result = lot(lot_bytes, deadline_ns);
	if (held)
		printf("# held to %" PRId64 " MiB, and used %" PRId64 "\n",
		       MEMORY_MAX / MIB, memory_group_most_bytes(&group) / MIB);
	CHECK(memory_group_leave(&group));
	return result;
}

static enum case_result unsynced_data_is_not_in_memory(void)
{
	return unsynced_data(LOT_MIB * MIB, INT64_MAX);
}

static enum case_result far_more_than_memory_is_unsynced(void)
{
	int64_t mib = meter_setting("FLAKEY_LIMITS_MIB", 0);

	if (mib != 0)
		return unsynced_data(mib * MIB, INT64_MAX);
	return unsynced_data(FAR_MORE_MIB * MIB,
			     meter_clock_ns() + FAR_MORE_NS_MAX);
}

/* Until the disk has it back: crashes do that after they have answered. */
static bool scratch_is_empty(void)
{
	int64_t deadline = meter_clock_ns() + INT64_C(30000000000);

	while (meter_scratch_bytes() > 4 * MIB)
		if (meter_clock_ns() > deadline)
			return false;
	return true;
}

static enum case_result crash_of(int files)
{
	int64_t best = INT64_MAX;
	int64_t bytes = CRASH_MIB * MIB / files;

	for (int try = 0; try < CRASH_TRIES && best > CRASH_NS_MAX; try++) {
		CHECK(write_files(files, bytes));
		CHECK(meter_status("dirty_bytes") == bytes * files);
		int64_t took = meter_fair_verb("crash");
		CHECK(took > 0);
		CHECK_ERRNO(ENOENT, open("big-0", O_RDONLY | O_CLOEXEC));
		CHECK(meter_status("dirty_bytes") == 0);
		best = took < best ? took : best;
	}
	printf("# crash with %d MiB in %d files: %.1f ms\n", CRASH_MIB, files,
	       (double)best / 1e6);
	CHECK(best <= CRASH_NS_MAX);
	CHECK(scratch_is_empty());
	return CASE_PASSED;
}

static enum case_result much_data_is_lost_at_once(void)
{
	CHECK(meter_verb("sync") > 0);
	CHECK(crash_of(1) == CASE_PASSED);
	return crash_of(1000);
}

static const struct case_entry entries[] = {
	{"extents_cost_little", extents_cost_little},
	{"much_data_is_lost_at_once", much_data_is_lost_at_once},
	{"unsynced_data_is_not_in_memory", unsynced_data_is_not_in_memory},
	{"far_more_than_memory_is_unsynced", far_more_than_memory_is_unsynced},
};
static const struct case_group group = CASE_GROUP("bytes", entries);

int main(int argc, char **argv)
{
	int root = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)
			     : -1;

	if (root < 0 || meter_open(root) < 0 || meter_store() == NULL) {
		(void)fprintf(stderr, "usage: many_bytes MNT, with $STORE\n");
		return 2;
	}
	size_t failed = cases_run(&group, root);
	cases_plan();
	return failed > 0;
}
