/* SPDX-License-Identifier: MIT */
/* The table is replaced as a power failure would have it: a resume with a new table
 * suspends by itself, and without DM_SKIP_LOCKFS_FLAG it would have the file system
 * write all out before. */
#include "tests/oracle/flakydisk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME "flakydisk"
#define SECTOR_BYTES 512
#define CHUNK_BYTES 4096
#define PIECE_BYTES_MAX 65536
#define PIECES_MAX 65536
/* Looked at so often without anything under way. */
#define SETTLE_QUIET 3
#define SETTLE_TRIES 20000
#define SETTLE_PAUSE_NS 1000

struct request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char table[128];
};

static int ask(const struct flakydisk *disk, unsigned long what,
	       struct request *request)
{
	request->head.version[0] = DM_VERSION_MAJOR;
	request->head.data_size = sizeof(*request);
	request->head.data_start = offsetof(struct request, target);
	(void)snprintf(request->head.name, sizeof(request->head.name), NAME);
	return ioctl(disk->control, what, request) < 0 ? -errno : 0;
}

static int load_table(const struct flakydisk *disk, bool keep)
{
	struct request request = {
		.head.target_count = 1,
		.target = {.length = disk->sectors, .target_type = "flakey"},
	};

	(void)snprintf(request.table, sizeof(request.table),
		       keep ? "%s 0 1 0 0" : "%s 0 0 1 1 drop_writes",
		       disk->loop_path);
	request.target.next =
		sizeof(request) - offsetof(struct request, target);
	return ask(disk, DM_TABLE_LOAD, &request);
}

int flakydisk_keep_writes(struct flakydisk *disk, bool keep)
{
	struct request resume = {.head.flags = DM_SKIP_LOCKFS_FLAG};
	int r = load_table(disk, keep);

	return r < 0 ? r : ask(disk, DM_DEV_SUSPEND, &resume);
}

/* "reads writes" of the block layer's own count. */
static int is_idle(const struct flakydisk *disk)
{
	char text[64];
	ssize_t n = pread(disk->under_way, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	return strtok(text, "0 \n") == NULL;
}

int flakydisk_settle(struct flakydisk *disk)
{
	const struct timespec pause = {.tv_nsec = SETTLE_PAUSE_NS};
	int quiet = 0;

	for (int i = 0; i < SETTLE_TRIES; i++) {
		int idle = is_idle(disk);

		if (idle < 0)
			return idle;
		quiet = idle ? quiet + 1 : 0;
		if (quiet == SETTLE_QUIET)
			return 0;
		(void)nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

static bool is_zero(const char *bytes, size_t length)
{
	return length == 0 ||
	       (bytes[0] == '\0' && memcmp(bytes, bytes + 1, length - 1) == 0);
}

static int add_piece(struct flakydisk *disk, int64_t offset, const char *bytes,
		     size_t length)
{
	struct flakydisk_piece *piece = &disk->pieces[disk->piece_count];
	struct flakydisk_piece *last = piece - 1;

	if (disk->piece_count > 0 &&
	    last->offset + (int64_t)last->length == offset &&
	    last->length + length <= PIECE_BYTES_MAX) {
		memcpy(last->bytes + last->length, bytes, length);
		last->length += length;
		return 0;
	}
	if (disk->piece_count == PIECES_MAX)
		return -EFBIG;
	piece->bytes = malloc(PIECE_BYTES_MAX);
	if (!piece->bytes)
		return -ENOMEM;
	memcpy(piece->bytes, bytes, length);
	piece->offset = offset;
	piece->length = length;
	disk->piece_count++;
	return 0;
}

/* From a place with data to the next hole. */
static int remember_stretch(struct flakydisk *disk, int64_t from, int64_t to)
{
	char bytes[CHUNK_BYTES];
	int r = 0;

	for (int64_t at = from; r == 0 && at < to; at += CHUNK_BYTES) {
		ssize_t n = pread(disk->image, bytes, sizeof(bytes), at);

		if (n < 0)
			r = -errno;
		else if (!is_zero(bytes, (size_t)n))
			r = add_piece(disk, at, bytes, (size_t)n);
	}
	return r;
}

static int remember(struct flakydisk *disk)
{
	int64_t end = 0;
	int64_t from;

	disk->pieces = calloc(PIECES_MAX, sizeof(*disk->pieces));
	if (!disk->pieces)
		return -ENOMEM;
	while ((from = lseek(disk->image, end, SEEK_DATA)) >= 0) {
		int r;

		end = lseek(disk->image, from, SEEK_HOLE);
		r = end < 0 ? -errno : remember_stretch(disk, from, end);
		if (r < 0)
			return r;
	}
	return errno == ENXIO ? 0 : -errno;
}

int flakydisk_restore(struct flakydisk *disk)
{
	if (fallocate(disk->image, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      0, (int64_t)disk->sectors * SECTOR_BYTES) < 0)
		return -errno;
	for (size_t i = 0; i < disk->piece_count; i++) {
		const struct flakydisk_piece *piece = &disk->pieces[i];

		if (pwrite(disk->image, piece->bytes, piece->length,
			   piece->offset) != (ssize_t)piece->length)
			return errno ? -errno : -EIO;
	}
	return 0;
}

static int start_loop(struct flakydisk *disk)
{
	struct loop_config config = {.fd = (unsigned int)disk->image};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	int r = number < 0 ? -errno : 0;

	if (control >= 0)
		(void)close(control);
	if (r < 0)
		return r;
	(void)snprintf(disk->loop_path, sizeof(disk->loop_path), "/dev/loop%d",
		       number);
	disk->loop = open(disk->loop_path, O_RDWR | O_CLOEXEC);
	/* It goes with the last who has it open. */
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	if (disk->loop < 0 || ioctl(disk->loop, LOOP_CONFIGURE, &config) < 0)
		return -errno;
	return 0;
}

static int watch(struct flakydisk *disk)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "/sys/block/%s/inflight",
		       strrchr(disk->path, '/') + 1);
	disk->under_way = open(path, O_RDONLY | O_CLOEXEC);
	return disk->under_way < 0 ? -errno : 0;
}

static int start_mapper(struct flakydisk *disk)
{
	struct request request = {0};
	int r;

	disk->control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (disk->control < 0)
		return -errno;
	r = ask(disk, DM_DEV_CREATE, &request);
	if (r < 0)
		return r;
	/* The device file system names it so, /dev/mapper is udev's. */
	(void)snprintf(disk->path, sizeof(disk->path), "/dev/dm-%u",
		       (unsigned int)(request.head.dev & 0xff));
	r = flakydisk_keep_writes(disk, true);
	return r < 0 ? r : watch(disk);
}

int flakydisk_start(struct flakydisk *disk, const char *image_path)
{
	struct stat st;
	int r;

	*disk = (struct flakydisk){.loop = -1, .control = -1, .under_way = -1};
	disk->image = open(image_path, O_RDWR | O_CLOEXEC);
	if (disk->image < 0 || fstat(disk->image, &st) < 0)
		return -errno;
	disk->sectors = (uint64_t)st.st_size / SECTOR_BYTES;
	r = remember(disk);
	if (r == 0)
		r = start_loop(disk);
	return r < 0 ? r : start_mapper(disk);
}

void flakydisk_stop(struct flakydisk *disk)
{
	struct request request = {0};

	if (disk->control >= 0) {
		(void)ask(disk, DM_DEV_REMOVE, &request);
		(void)close(disk->control);
	}
	if (disk->under_way >= 0)
		(void)close(disk->under_way);
	if (disk->loop >= 0)
		(void)close(disk->loop);
	if (disk->image >= 0)
		(void)close(disk->image);
	for (size_t i = 0; i < disk->piece_count; i++)
		free(disk->pieces[i].bytes);
	free(disk->pieces);
}
