/* SPDX-License-Identifier: MIT */
#include "dmbackend/disk_verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/mode.h"
#include "dmbackend/disk.h"
#include "dmbackend/disk_snapshot.h"
#include "dmbackend/examine.h"
#include "dmbackend/power.h"
#include "dmbackend/switcher.h"

#define DROP_CACHES "/proc/sys/vm/drop_caches"

static struct dmbackend *disk_of(struct backend *backend)
{
	return (struct dmbackend *)backend;
}

static int set_mode(struct backend *backend, const struct mode *mode,
		    struct errmsg *reterr_why)
{
	/* Some kernels take the table and do nothing. */
	if (mode->kind == MODE_CORRUPT_BIO_BYTE && !mode->on_write &&
	    examine_read_corruption(NULL) == 0) {
		errmsg_set(reterr_why,
			   "not supported by this kernel: corrupt_bio_byte of "
			   "what is read needs Linux 6.16");
		return -EOPNOTSUPP;
	}
	return switcher_set(disk_of(backend)->switcher, mode, reterr_why);
}

static void get_mode(struct backend *backend, struct mode *ret_mode,
		     int64_t *ret_elapsed_ms)
{
	switcher_get(disk_of(backend)->switcher, ret_mode, ret_elapsed_ms);
}

static int crash(struct backend *backend, const struct plan *plan,
		 struct backend_report *ret_report, struct errmsg *reterr_why)
{
	return power_crash(disk_of(backend), plan, ret_report, reterr_why);
}

static int snapshot(struct backend *backend, const struct plan *plan,
		    const char *directory, struct backend_report *ret_report,
		    struct errmsg *reterr_why)
{
	return disk_snapshot(disk_of(backend), plan, directory, ret_report,
			     reterr_why);
}

static int check_mounted(const struct dmbackend *disk,
			 struct errmsg *reterr_why)
{
	if (disk->mounted)
		return 0;
	errmsg_set(reterr_why,
		   "'%.200s' could not be mounted after a crash: say crash "
		   "again, or umount",
		   disk->mountpoint);
	return -EIO;
}

static int sync_all(struct backend *backend, struct errmsg *reterr_why)
{
	const struct dmbackend *disk = disk_of(backend);
	cleanup_fd int fd = -1;
	int r = check_mounted(disk, reterr_why);

	if (r < 0)
		return r;
	fd = open(disk->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && syncfs(fd) == 0)
		return 0;
	r = -errno;
	errmsg_set(reterr_why, "cannot sync '%.200s': %s", disk->mountpoint,
		   strerrordesc_np(-r));
	return r;
}

/* The kernel's own figure, of all disks together. */
static uint64_t cached_bytes(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Cached: %llu kB", &kib) == 1)
			break;
	if (file)
		(void)fclose(file); /* was only read */
	return (uint64_t)kib << 10;
}

/* There is no way to ask for one file system only that would not also write
 * what nobody has synced. */
static int evict(struct backend *backend, uint64_t *ret_bytes,
		 struct errmsg *reterr_why)
{
	cleanup_fd int fd = open(DROP_CACHES, O_WRONLY | O_CLOEXEC);
	uint64_t before = cached_bytes();
	uint64_t after;

	(void)backend;
	if (fd < 0 || write(fd, "3", 1) != 1) {
		int r = -errno;

		errmsg_set(reterr_why,
			   "cannot write to '%s': %s; a container has to be "
			   "privileged for this",
			   DROP_CACHES, strerrordesc_np(-r));
		return r;
	}
	after = cached_bytes();
	*ret_bytes = before > after ? before - after : 0;
	return 0;
}

static const char *state_of(const struct dmbackend *disk)
{
	struct statvfs fs;
	struct stat st;

	if (!disk->mounted)
		return "unmounted";
	if (stat(disk->mountpoint, &st) < 0)
		return "shut down";
	if (statvfs(disk->mountpoint, &fs) == 0 && fs.f_flag & ST_RDONLY)
		return "read-only";
	return "ok";
}

static void status(struct backend *backend, struct backend_status *ret_status)
{
	const struct dmbackend *disk = disk_of(backend);

	*ret_status = (struct backend_status){
		.backend = "dm",
		.profile = disk->setup.filesystem->name,
		.source = disk->image.path,
		.mountpoint = disk->mountpoint,
		.device = disk->node,
		.state = state_of(disk),
		.pid = getpid(),
		.incarnation = disk->incarnation,
	};
}

const struct backend_ops disk_verbs_table = {
	.set_mode = set_mode,
	.get_mode = get_mode,
	.crash = crash,
	.snapshot = snapshot,
	.sync = sync_all,
	.evict = evict,
	.status = status,
};
