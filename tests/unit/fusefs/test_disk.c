/* SPDX-License-Identifier: MIT */
/*
 * The disk against a naive twin, which knows each byte of one file and whether it
 * is durable, and finds transfers by looking for runs. Then what the twin does
 * not know: holes, long transfers, directories.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "fusefs/commit.h"
#include "fusefs/data.h"
#include "fusefs/disk.h"
#include "fusefs/inode.h"
#include "fusefs/listing.h"
#include "fusefs/names.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/sandbox.h"
#include "tests/unit/fusefs/seed.h"

#define FILE_BYTES 60000
#define PAGE 4096

struct twin {
	struct sandbox sandbox;
	struct seed seed;
	struct inode *inode;
	struct mode mode;
	uint8_t stored[FILE_BYTES];
	uint8_t live[FILE_BYTES];
	bool dirty[FILE_BYTES];
	uint64_t corruptions;
};

static void read_stored(struct sandbox *sandbox, const char *name, void *data,
			size_t size)
{
	char path[SANDBOX_PATH_BYTES + 16];

	(void)snprintf(path, sizeof(path), "%s/%s", sandbox->store, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, data, size, 0), size);
	close(fd);
}

/* Bytes in [begin, limit) that are (not) dirty. */
struct choice {
	bool dirty;
	size_t begin;
	size_t limit;
};

static bool is_chosen(const struct twin *twin, const struct choice *choice,
		      size_t at)
{
	return at >= choice->begin && at < choice->limit &&
	       twin->dirty[at] == choice->dirty;
}

static bool page_is_chosen(const struct twin *twin, const struct choice *choice,
			   size_t page)
{
	for (size_t at = page; at < page + PAGE && at < FILE_BYTES; at++)
		if (is_chosen(twin, choice, at))
			return true;
	return false;
}

/* The next transfer from page *page on: pages in a row that have some of the
 * bytes. [*from, *page) are those pages. */
static bool next_transfer(const struct twin *twin, const struct choice *choice,
			  size_t *page, size_t *from)
{
	while (*page < FILE_BYTES && !page_is_chosen(twin, choice, *page))
		*page += PAGE;
	*from = *page;
	while (*page < FILE_BYTES && page_is_chosen(twin, choice, *page))
		*page += PAGE;
	return *from < FILE_BYTES;
}

static void expect_logged(struct twin *twin, const char *direction, size_t at,
			  uint8_t before, uint8_t after)
{
	char words[200];

	(void)snprintf(words, sizeof(words),
		       "\"path\":\"/f\",\"direction\":\"%s\",\"offset_bytes\":"
		       "%zu,\"length_bytes\":1,\"before\":%u,\"after\":%u,"
		       "\"reason\":\"%s\"",
		       direction, at, before, after,
		       mode_name(twin->mode.kind));
	if (!sandbox_logged(&twin->sandbox, words))
		fail_msg("not in the log: %s", words);
	twin->corruptions++;
}

static bool is_random(const struct twin *twin)
{
	return twin->mode.kind == MODE_RANDOM_READ_CORRUPT ||
	       twin->mode.kind == MODE_RANDOM_WRITE_CORRUPT;
}

/* What corrupt-bio-byte does to the transfer of the pages from `page` to `end`.
 * What is read is only harmed where it was read. */
static void harm(struct twin *twin, const struct choice *choice, uint8_t *data,
		 size_t page, size_t end)
{
	size_t at = page + twin->mode.nth_byte - 1;

	if (at >= end || at >= FILE_BYTES || data[at] == twin->mode.value ||
	    (!twin->mode.on_write && !is_chosen(twin, choice, at)))
		return;
	expect_logged(twin, twin->mode.on_write ? "write" : "read", at,
		      data[at], twin->mode.value);
	data[at] = twin->mode.value;
}

/* One byte is another one. */
static void take_random(struct twin *twin, const struct choice *choice,
			uint8_t *data, const uint8_t *got, size_t page,
			size_t end)
{
	bool reads = twin->mode.kind == MODE_RANDOM_READ_CORRUPT;
	size_t differ = 0;

	for (size_t at = page; at < end && at < FILE_BYTES; at++) {
		if (data[at] == got[at] ||
		    (reads && !is_chosen(twin, choice, at)))
			continue;
		expect_logged(twin, reads ? "read" : "write", at, data[at],
			      got[at]);
		data[at] = got[at];
		differ++;
	}
	assert_int_equal(differ, twin->mode.probability ? 1 : 0);
}

static void check_read(struct twin *twin)
{
	static uint8_t got[FILE_BYTES];
	static uint8_t want[FILE_BYTES];
	size_t begin = seed_below(&twin->seed, FILE_BYTES);
	size_t size = 1 + seed_below(&twin->seed, 20000);
	size_t limit = begin + size < FILE_BYTES ? begin + size : FILE_BYTES;
	bool touches = false;

	ssize_t n =
		data_read(twin->sandbox.volume, twin->inode, got + begin,
			  size < FILE_BYTES - begin ? size : FILE_BYTES - begin,
			  (int64_t)begin);
	for (size_t i = 0; i < FILE_BYTES; i++)
		want[i] = twin->dirty[i] ? twin->live[i] : twin->stored[i];
	const struct choice choice = {false, begin, limit};
	for (size_t page = 0, from;
	     next_transfer(twin, &choice, &page, &from);) {
		touches = true;
		if (twin->mode.kind == MODE_RANDOM_READ_CORRUPT)
			take_random(twin, &choice, want, got, from, page);
		else if (twin->mode.kind == MODE_CORRUPT_BIO_BYTE &&
			 !twin->mode.on_write)
			harm(twin, &choice, want, from, page);
	}
	if (touches && twin->mode.kind == MODE_ERROR_READS) {
		assert_int_equal(n, -EIO);
		return;
	}
	assert_int_equal(n, limit - begin);
	assert_memory_equal(got + begin, want + begin, limit - begin);
}

static void do_write(struct twin *twin)
{
	static uint8_t data[FILE_BYTES];
	size_t begin = seed_below(&twin->seed, FILE_BYTES);
	size_t size = 1 + seed_below(&twin->seed,
				     seed_once_in(&twin->seed, 3) ? 20000 : 99);

	if (size > FILE_BYTES - begin)
		size = FILE_BYTES - begin;
	for (size_t i = 0; i < size; i++) {
		data[i] = (uint8_t)seed_below(&twin->seed, 256);
		twin->live[begin + i] = data[i];
		twin->dirty[begin + i] = true;
	}
	const struct data_write write = {.data = data,
					 .size_bytes = size,
					 .offset_bytes = (int64_t)begin};
	assert_int_equal(data_write(twin->sandbox.volume, twin->inode, &write),
			 0);
}

static void do_fsync(struct twin *twin)
{
	static uint8_t got[FILE_BYTES];

	assert_int_equal(sandbox_fsync(&twin->sandbox, "f"), 0);
	read_stored(&twin->sandbox, "f", got, sizeof(got));
	for (size_t i = 0; i < FILE_BYTES; i++)
		if (twin->dirty[i])
			twin->stored[i] = twin->live[i];
	const struct choice choice = {true, 0, FILE_BYTES};
	for (size_t page = 0, from; next_transfer(twin, &choice, &page, &from);)
		if (twin->mode.kind == MODE_RANDOM_WRITE_CORRUPT)
			take_random(twin, &choice, twin->stored, got, from,
				    page);
		else if (twin->mode.kind == MODE_CORRUPT_BIO_BYTE &&
			 twin->mode.on_write)
			harm(twin, &choice, twin->stored, from, page);
	assert_memory_equal(got, twin->stored, FILE_BYTES);
	memset(twin->dirty, 0, sizeof(twin->dirty));
}

static void do_set_mode(struct twin *twin)
{
	static const enum mode_kind kinds[] = {
		MODE_ALLOW_WRITES,	  MODE_ERROR_READS,
		MODE_CORRUPT_BIO_BYTE,	  MODE_CORRUPT_BIO_BYTE,
		MODE_RANDOM_READ_CORRUPT, MODE_RANDOM_WRITE_CORRUPT,
	};
	struct seed *seed = &twin->seed;

	twin->mode = (struct mode){.kind = kinds[seed_below(seed, 6)]};
	if (twin->mode.kind == MODE_CORRUPT_BIO_BYTE) {
		twin->mode.nth_byte =
			1 +
			seed_below(seed, seed_once_in(seed, 2) ? PAGE : 20000);
		twin->mode.on_write = seed_once_in(seed, 2);
		twin->mode.value = (uint8_t)seed_below(seed, 256);
	} else if (is_random(twin)) {
		twin->mode.probability =
			seed_once_in(seed, 4) ? 0 : MODE_PROBABILITY_ALWAYS;
		twin->mode.seed = 1 + seed_below(seed, 1000);
	}
	volume_set_mode(twin->sandbox.volume, &twin->mode);
}

static void bytes_are_harmed_as_the_twin_says(void **state)
{
	static struct twin twin;

	(void)state;
	twin = (struct twin){0};
	seed_start(&twin.seed);
	sandbox_open_quick(&twin.sandbox);
	twin.inode = sandbox_put(&twin.sandbox, "f", FILE_BYTES, 'a');
	sandbox_sync(&twin.sandbox);
	memset(twin.stored, 'a', FILE_BYTES);
	for (unsigned long i = seed_steps(3000); i > 0; i--) {
		switch (seed_below(&twin.seed, 8)) {
		case 0:
			do_set_mode(&twin);
			break;
		case 1:
			do_fsync(&twin);
			break;
		case 2:
		case 3:
		case 4:
			do_write(&twin);
			break;
		default:
			check_read(&twin);
			break;
		}
		assert_int_equal(twin.sandbox.volume->disk.corruptions,
				 twin.corruptions);
	}
	sandbox_close(&twin.sandbox);
}

/* All of a file, as the volume shows it. */
static ssize_t read_live(struct sandbox *sandbox, struct inode *inode,
			 void *data, size_t size)
{
	return data_read(sandbox->volume, inode, data, size, 0);
}

static void long_transfers_are_cut(void **state)
{
	struct mode mode = {.kind = MODE_CORRUPT_BIO_BYTE,
			    .nth_byte = 1,
			    .on_write = true,
			    .value = 'X'};
	const size_t size = 3 * DISK_TRANSFER_MAX;
	struct sandbox *sandbox = *state;
	char *data = malloc(size);
	size_t harmed = 0;

	assert_non_null(data);
	struct inode *inode = sandbox_put(sandbox, "f", size, 'a');
	volume_set_mode(sandbox->volume, &mode);
	(void)sandbox_write(sandbox, inode, 0, 1, 'b');
	assert_int_equal(sandbox_fsync(sandbox, "f"), 0);
	read_stored(sandbox, "f", data, size);
	for (size_t i = 0; i < size; i++) {
		bool first = i % DISK_TRANSFER_MAX == 0;

		assert_int_equal(data[i], first ? 'X' : 'a');
		harmed += first;
	}
	assert_int_equal(harmed, 3);
	assert_int_equal(sandbox_write(sandbox, inode, 5000, size - 5000, 'b'),
			 0);
	assert_int_equal(sandbox_fsync(sandbox, "f"), 0);
	read_stored(sandbox, "f", data, size);
	/* Counted from the beginning of the page, and so is the cut. */
	assert_int_equal(data[PAGE], 'X');
	assert_int_equal(data[5000], 'b');
	assert_int_equal(data[DISK_TRANSFER_MAX], 'b');
	assert_int_equal(data[PAGE + DISK_TRANSFER_MAX], 'X');
	assert_int_equal(data[PAGE + 2 * DISK_TRANSFER_MAX], 'X');
	mode.on_write = false;
	mode.nth_byte = 5001 - PAGE;
	mode.value = 'Y';
	volume_set_mode(sandbox->volume, &mode);
	assert_int_equal(data_read(sandbox->volume, inode, data, size, 5000),
			 size - 5000);
	for (size_t i = 0; i < size - 5000; i++)
		assert_int_equal(data[i] == 'Y', i % DISK_TRANSFER_MAX == 0);
	free(data);
}

static void holes_are_not_read(void **state)
{
	struct sandbox *sandbox = *state;
	char data[4 * PAGE];
	struct inode *inode = sandbox_put(sandbox, "f", PAGE, 'a');

	assert_int_equal(data_truncate(sandbox->volume, inode, sizeof(data)),
			 0);
	sandbox_sync(sandbox);
	sandbox_set_mode(sandbox, MODE_ERROR_READS);
	assert_int_equal(data_read(sandbox->volume, inode, data, PAGE, 0),
			 -EIO);
	assert_int_equal(
		data_read(sandbox->volume, inode, data, 2 * PAGE, PAGE),
		2 * PAGE);
	assert_int_equal(
		data_read(sandbox->volume, inode, data, PAGE, sizeof(data)), 0);
	assert_int_equal(sandbox->volume->disk.read_errors, 1);
	assert_true(sandbox_logged(sandbox,
				   "\"path\":\"/f\",\"offset_bytes\":0,"
				   "\"length_bytes\":4096,"
				   "\"reason\":\"error-reads\""));
}

static void unsynced_bytes_need_no_disk(void **state)
{
	struct sandbox *sandbox = *state;
	char data[10];
	struct inode *inode = sandbox_put(sandbox, "f", 10, 'a');

	sandbox_set_mode(sandbox, MODE_ERROR_READS);
	assert_int_equal(read_live(sandbox, inode, data, 10), 10);
	/* Commits arrive. */
	assert_int_equal(sandbox_fsync(sandbox, "f"), 0);
	sandbox_expect_stored(sandbox, "f[10:a*10]");
	assert_int_equal(read_live(sandbox, inode, data, 10), -EIO);
	sandbox_set_mode(sandbox, MODE_ALLOW_WRITES);
	assert_int_equal(read_live(sandbox, inode, data, 10), 10);
}

static int look(struct sandbox *sandbox, struct inode *directory,
		const char *name)
{
	struct inode *inode = NULL;
	int r = names_lookup(sandbox->volume, directory, name, &inode);

	if (r == 0)
		names_forget(sandbox->volume, inode, 1);
	return r;
}

static int list(struct sandbox *sandbox, struct inode *directory)
{
	struct listing *listing;
	int r = listing_new(sandbox->volume, directory, &listing);

	if (r == 0)
		listing_free(listing);
	return r;
}

static void directories_in_the_cache_stay_readable(void **state)
{
	struct sandbox *sandbox = *state;

	(void)sandbox_create(sandbox, "seen", S_IFDIR | 0755);
	(void)sandbox_create(sandbox, "new", S_IFDIR | 0755);
	struct inode *f = sandbox_put(sandbox, "new/f", 1, 'a');
	(void)sandbox_put(sandbox, "seen/f", 1, 'a');
	sandbox_sync(sandbox);
	names_forget(sandbox->volume, f, 1); /* else it were in memory */
	sandbox_crash(sandbox);		     /* with it the cache is lost */
	struct inode *root = sandbox_find(sandbox, ".");
	struct inode *seen = sandbox_find(sandbox, "seen");
	struct inode *new = sandbox_find(sandbox, "new");
	assert_int_equal(look(sandbox, seen, "nothing"), -ENOENT);
	sandbox_set_mode(sandbox, MODE_ERROR_READS);

	assert_int_equal(look(sandbox, root, "new"), 0);
	assert_int_equal(look(sandbox, seen, "f"), 0);
	assert_int_equal(look(sandbox, seen, "nothing"), -ENOENT);
	assert_int_equal(list(sandbox, seen), 0);
	assert_int_equal(look(sandbox, new, "f"), -EIO);
	assert_int_equal(list(sandbox, new), -EIO);
	assert_int_equal(names_unlink(sandbox->volume, root, "new", true),
			 -EIO);
	assert_true(sandbox_logged(sandbox, "\"path\":\"/new\",\"reason\":"
					    "\"error-reads\""));
	/* What is made is in the cache, in whatever directory. */
	struct inode *made =
		sandbox_create(sandbox, "seen/made", S_IFDIR | 0755);
	sandbox_sync(sandbox);
	assert_int_equal(look(sandbox, made, "nothing"), -ENOENT);
	assert_int_equal(list(sandbox, made), 0);
	sandbox_set_mode(sandbox, MODE_ALLOW_WRITES);
	assert_int_equal(look(sandbox, new, "f"), 0);
	sandbox_set_mode(sandbox, MODE_ERROR_READS);
	assert_int_equal(list(sandbox, new), 0);
}

/* What comes of the same writes: where a byte of 50 single-page files differs,
 * -1 for nowhere. */
static void harm_many(uint64_t seed, uint32_t probability, bool later,
		      int ret_where[50])
{
	const struct mode mode = {.kind = MODE_RANDOM_WRITE_CORRUPT,
				  .probability = probability,
				  .seed = seed};
	struct sandbox sandbox;
	char data[PAGE];

	sandbox_open_quick(&sandbox);
	volume_set_mode(sandbox.volume, &mode);
	if (later) {
		(void)sandbox_put(&sandbox, "before", PAGE, 'a');
		assert_int_equal(sandbox_fsync(&sandbox, "before"), 0);
		volume_set_mode(sandbox.volume, &mode);
	}
	for (int i = 0; i < 50; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "f%d", i);
		(void)sandbox_put(&sandbox, name, PAGE, 'a');
		assert_int_equal(sandbox_fsync(&sandbox, name), 0);
		read_stored(&sandbox, name, data, PAGE);
		ret_where[i] = -1;
		for (int at = 0; at < PAGE; at++)
			if (data[at] != 'a')
				ret_where[i] = at * 256 + (uint8_t)data[at];
	}
	sandbox_close(&sandbox);
}

static void chance_follows_from_the_seed(void **state)
{
	int first[50], again[50], other[50], rare[50];
	int harmed = 0;

	(void)state;
	harm_many(7, 500000000, false, first);
	harm_many(7, 500000000, true, again);
	harm_many(8, 500000000, false, other);
	harm_many(7, 1, false, rare);
	assert_memory_equal(first, again, sizeof(first));
	assert_memory_not_equal(first, other, sizeof(first));
	for (int i = 0; i < 50; i++) {
		harmed += first[i] >= 0;
		assert_int_equal(rare[i], -1);
	}
	/* 25 are expected; fixed by the seed. */
	assert_in_range(harmed, 13, 37);
}

static void a_cycle_begins_well(void **state)
{
	struct sandbox *sandbox = *state;
	struct mode mode = {.kind = MODE_CORRUPT_BIO_BYTE,
			    .nth_byte = 1,
			    .value = 'X',
			    .up_ms = 3600000,
			    .down_ms = 100};
	char byte;
	struct inode *inode = sandbox_put(sandbox, "f", 1, 'a');

	sandbox_sync(sandbox);
	volume_set_mode(sandbox->volume, &mode);
	assert_int_equal(read_live(sandbox, inode, &byte, 1), 1);
	assert_int_equal(byte, 'a');
	mode.kind = MODE_ERROR_READS;
	volume_set_mode(sandbox->volume, &mode);
	assert_int_equal(read_live(sandbox, inode, &byte, 1), 1);
	mode.up_ms = 0;
	mode.down_ms = 0;
	volume_set_mode(sandbox->volume, &mode);
	assert_int_equal(read_live(sandbox, inode, &byte, 1), -EIO);
	assert_true(sandbox_logged(sandbox, "\"mode\":\"error-reads\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_harmed_as_the_twin_says),
		SANDBOX_TEST(long_transfers_are_cut),
		SANDBOX_TEST(holes_are_not_read),
		SANDBOX_TEST(unsynced_bytes_need_no_disk),
		SANDBOX_TEST(directories_in_the_cache_stay_readable),
		cmocka_unit_test(chance_follows_from_the_seed),
		SANDBOX_TEST(a_cycle_begins_well),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
