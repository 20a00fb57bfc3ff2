/* SPDX-License-Identifier: MIT */
#include "dmbackend/disk_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/backend.h"
#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/event.h"
#include "common/plan.h"
#include "dmbackend/disk.h"
#include "dmbackend/power.h"
#include "dmbackend/switcher.h"

/* A multiple of all sizes of blocks. */
#define PIECE_BYTES ((size_t)1 << 20)

static int explain(int r, const char *directory, struct errmsg *reterr_why)
{
	errmsg_set(reterr_why, "cannot write a snapshot into '%.200s': %s",
		   directory, strerrordesc_np(-r));
	return r;
}

/* What is held back must not be what the copy needs. */
static int check_apart(const struct dmbackend *backend, int directory_fd,
		       const char *directory, struct errmsg *reterr_why)
{
	struct stat disk;
	struct stat copy;

	if (stat(backend->mountpoint, &disk) < 0 ||
	    fstat(directory_fd, &copy) < 0)
		return explain(-errno, directory, reterr_why);
	if (disk.st_dev != copy.st_dev)
		return 0;
	errmsg_set(reterr_why,
		   "'%.200s' is on the disk that shall be copied: choose a "
		   "directory elsewhere",
		   directory);
	return -EINVAL;
}

static bool is_zero(const char *piece, size_t size)
{
	return size == 0 ||
	       (piece[0] == 0 && memcmp(piece, piece + 1, size - 1) == 0);
}

static int copy_piece(int from, int to, char *piece, off_t offset, size_t size)
{
	ssize_t got = pread(from, piece, size, offset);
	ssize_t put;

	if (got < 0)
		return -errno;
	if (is_zero(piece, (size_t)got))
		return 0;
	put = pwrite(to, piece, (size_t)got, offset);
	if (put == got)
		return 0;
	return put < 0 ? -errno : -ENOSPC;
}

/* Where the source has no holes to tell of, all of it is read. */
static int copy_range(int from, int to, char *piece, uint64_t size_bytes)
{
	off_t end = (off_t)size_bytes;
	off_t offset = 0;
	int r = 0;

	while (offset < end && r == 0) {
		off_t data = lseek(from, offset, SEEK_DATA);
		size_t size = PIECE_BYTES;

		if (data < 0 && errno == ENXIO)
			break;
		if (data > offset)
			offset = data - data % (off_t)PIECE_BYTES;
		if ((off_t)size > end - offset)
			size = (size_t)(end - offset);
		r = copy_piece(from, to, piece, offset, size);
		offset += (off_t)size;
	}
	return r;
}

/* Of a device the kernel may have older pages than what is below them. */
static int open_source(const struct dmbackend *backend)
{
	if (backend->image.kind == IMAGE_DEVICE)
		return open(backend->lower, O_RDONLY | O_DIRECT | O_CLOEXEC);
	return fcntl(backend->image_fd, F_DUPFD_CLOEXEC, 0);
}

static int copy_disk(const struct dmbackend *backend, int to)
{
	cleanup_fd int from = open_source(backend);
	cleanup_free void *piece = NULL;

	if (from < 0)
		return -errno;
	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	if (ftruncate(to, (off_t)backend->setup.size_bytes) < 0)
		return -errno;
	if (posix_memalign(&piece, 4096, PIECE_BYTES) != 0)
		return -ENOMEM;
	return copy_range(from, to, piece, backend->setup.size_bytes);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int copy_held(struct dmbackend *backend, int to, const char *directory,
		     struct backend_report *ret_report,
		     struct errmsg *reterr_why)
{
	uint64_t begin_us = now_us();
	int released;
	int r = switcher_hold(backend->switcher, reterr_why);

	if (r < 0)
		return r;
	r = copy_disk(backend, to);
	released = switcher_release(backend->switcher, reterr_why);
	if (r < 0)
		return explain(r, directory, reterr_why);
	if (released < 0)
		return released;
	*ret_report = (struct backend_report){
		.incarnation = backend->incarnation,
		.frozen_us = now_us() - begin_us,
		.held_us = now_us() - begin_us,
		.elapsed_us = now_us() - begin_us,
		.uncounted = true,
	};
	event_add(backend->events, "snapshot", NULL);
	return 0;
}

static int take_into(struct dmbackend *backend, int directory_fd,
		     const char *directory, struct backend_report *ret_report,
		     struct errmsg *reterr_why)
{
	cleanup_fd int to = -1;
	int r = check_apart(backend, directory_fd, directory, reterr_why);

	if (r < 0)
		return r;
	to = openat(directory_fd, IMAGE_DEFAULT_NAME,
		    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return explain(-errno, directory, reterr_why);
	r = copy_held(backend, to, directory, ret_report, reterr_why);
	if (r < 0)
		(void)unlinkat(directory_fd, IMAGE_DEFAULT_NAME, 0); /* ours */
	return r;
}

static int check_plan(const struct plan *plan, struct errmsg *reterr_why)
{
	int r = power_check_plan(plan, reterr_why);

	if (r < 0 || (plan->keep == PLAN_KEEP_NONE && !plan->digest))
		return r;
	errmsg_set(
		reterr_why,
		"not supported by the dm backend: %s of a snapshot, which is "
		"a copy of the disk; %s",
		plan->digest ? "a digest" : "keep=all",
		plan->digest ? "mount that and say crash --digest"
			     : "say sync before it");
	return -ENOTSUP;
}

int disk_snapshot(struct dmbackend *backend, const struct plan *plan,
		  const char *directory, struct backend_report *ret_report,
		  struct errmsg *reterr_why)
{
	cleanup_fd int fd = -1;
	bool made;
	int r;

	r = check_plan(plan, reterr_why);
	if (r < 0)
		return r;
	made = mkdir(directory, 0700) == 0;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return explain(-errno, directory, reterr_why);
	r = take_into(backend, fd, directory, ret_report, reterr_why);
	if (r < 0 && made)
		(void)rmdir(directory); /* ours, and empty */
	return r;
}
