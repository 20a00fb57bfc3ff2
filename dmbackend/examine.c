/* SPDX-License-Identifier: MIT */
#include "dmbackend/examine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/mode.h"
#include "dmbackend/device.h"
#include "dmbackend/filesystem.h"
#include "dmbackend/loopdev.h"
#include "dmbackend/table.h"

#define SCRATCH_BYTES ((size_t)64 << 10)
#define SCRATCH_SECTORS (SCRATCH_BYTES / 512)
#define BLOCK_BYTES 4096
#define MARK 0xa5
/* Both with the number of the process behind. */
#define NAME "flakey-scratch-"
#define UUID "FLAKEY-SCRATCH-"

struct scratch {
	char name[DEVICE_NAME_MAX];
	char loop[LOOPDEV_PATH_MAX];
	int loop_fd;
	int fd; /* of the device: who has it open lives */
	bool made;
};

static int load(const struct scratch *scratch, const struct mode *mode,
		struct errmsg *reterr_why)
{
	char parameters[TABLE_PARAMETERS_MAX];
	int r = table_parameters(scratch->loop, mode, parameters);

	return r < 0 ? r
		     : device_load(scratch->name, SCRATCH_SECTORS, parameters,
				   reterr_why);
}

/* One with an open node is in use, perhaps in another container, where processes
 * have other numbers. One of a living process may be in the making. */
void examine_clean_up(void)
{
	char names[DEVICE_LIST_MAX][DEVICE_NAME_MAX];
	size_t count = device_list(NAME, names);

	for (size_t i = 0; i < count; i++) {
		const char *number = names[i] + strlen(NAME);
		char uuid[DEVICE_NAME_MAX];
		struct device_info info;
		int pid = atoi(number);

		(void)snprintf(uuid, sizeof(uuid), UUID "%.40s", number);
		if (pid <= 0 || kill(pid, 0) == 0 || errno != ESRCH ||
		    device_find(uuid, &info, NULL) < 0 || info.open_count > 0)
			continue;
		(void)device_remove(names[i], NULL); /* frees the loop */
	}
}

static int scratch_open_node(struct scratch *scratch, const char *uuid,
			     struct errmsg *reterr_why)
{
	char path[DEVICE_PATH_MAX];
	struct device_info info;
	int r = device_find(uuid, &info, reterr_why);

	if (r < 0)
		return r;
	device_path(&info, path);
	scratch->fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (scratch->fd >= 0)
		return 0;
	r = -errno;
	errmsg_set(reterr_why,
		   "cannot open '%s': %s; a container needs the host's /dev",
		   path, strerrordesc_np(-r));
	return r;
}

static int scratch_open(struct scratch *scratch, struct errmsg *reterr_why)
{
	const struct mode allow = {.kind = MODE_ALLOW_WRITES};
	cleanup_fd int fd = memfd_create("flakey-scratch", MFD_CLOEXEC);
	char uuid[DEVICE_NAME_MAX];
	int r;

	*scratch = (struct scratch){.loop_fd = -1, .fd = -1};
	if (fd < 0 || ftruncate(fd, SCRATCH_BYTES) < 0) {
		errmsg_set(reterr_why, "no memory for a scratch disk");
		return -ENOMEM;
	}
	examine_clean_up();
	r = loopdev_attach(fd, "flakey-scratch", &scratch->loop_fd,
			   scratch->loop, reterr_why);
	if (r < 0)
		return r;
	(void)snprintf(scratch->name, sizeof(scratch->name), NAME "%d",
		       getpid());
	(void)snprintf(uuid, sizeof(uuid), UUID "%d", getpid());
	r = device_create(scratch->name, uuid, reterr_why);
	if (r < 0)
		return r;
	scratch->made = true;
	r = load(scratch, &allow, reterr_why);
	if (r == -EINVAL)
		errmsg_set(reterr_why, "run 'modprobe dm-flakey' on the host");
	if (r == 0)
		r = device_resume(scratch->name, reterr_why);
	return r == 0 ? scratch_open_node(scratch, uuid, reterr_why) : r;
}

static void scratch_close(struct scratch *scratch)
{
	if (scratch->fd >= 0)
		(void)close(scratch->fd); /* was only read */
	if (scratch->made)
		(void)device_remove(scratch->name, NULL); /* nothing uses it */
	if (scratch->loop_fd >= 0)
		(void)close(scratch->loop_fd); /* frees the loop */
}

static int read_corruption(const struct scratch *scratch,
			   struct errmsg *reterr_why)
{
	const struct mode corrupt = {
		.kind = MODE_CORRUPT_BIO_BYTE,
		.nth_byte = 1,
		.value = MARK,
	};
	cleanup_free void *block = NULL;
	int r = load(scratch, &corrupt, reterr_why);

	if (r == 0)
		r = device_resume(scratch->name, reterr_why);
	if (r < 0)
		return r;
	if (posix_memalign(&block, BLOCK_BYTES, BLOCK_BYTES) != 0 ||
	    pread(scratch->fd, block, BLOCK_BYTES, 0) != BLOCK_BYTES) {
		errmsg_set(reterr_why, "cannot read from '%s'", scratch->name);
		return -EIO;
	}
	return ((unsigned char *)block)[0] == MARK;
}

int examine_read_corruption(struct errmsg *reterr_why)
{
	struct scratch scratch;
	int r = scratch_open(&scratch, reterr_why);

	if (r == 0)
		r = read_corruption(&scratch, reterr_why);
	scratch_close(&scratch);
	return r;
}

static void tell(examine_fn *each, void *user, const char *what, bool needed,
		 bool there, struct errmsg *remedy)
{
	const struct examine_item item = {
		.what = what,
		.needed = needed,
		.there = there,
		.remedy = remedy,
	};

	each(user, &item);
}

static void examine_features(const struct scratch *scratch, examine_fn *each,
			     void *user)
{
	static const enum mode_kind kinds[] = {
		MODE_DROP_WRITES,	  MODE_ERROR_WRITES,
		MODE_ERROR_READS,	  MODE_CORRUPT_BIO_BYTE,
		MODE_RANDOM_READ_CORRUPT, MODE_RANDOM_WRITE_CORRUPT,
	};
	struct errmsg remedy;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct mode mode = {
			.kind = kinds[i],
			.nth_byte = 1,
			.on_write = true,
			.probability = 1,
		};
		bool works = load(scratch, &mode, NULL) == 0;

		errmsg_set(&remedy, "needs Linux %s", table_since(&mode));
		tell(each, user, table_feature(&mode),
		     kinds[i] == MODE_DROP_WRITES, works, &remedy);
		(void)device_clear(scratch->name, NULL); /* if there is one */
	}
	errmsg_set(&remedy, "needs Linux 6.16");
	tell(each, user, "corrupt_bio_byte of what is read", false,
	     read_corruption(scratch, NULL) > 0, &remedy);
}

static bool is_below(const char *path, const char *program)
{
	char file[4096];

	while (path && *path) {
		size_t length = strcspn(path, ":");

		if (snprintf(file, sizeof(file), "%.*s/%s", (int)length, path,
			     program) < (int)sizeof(file) &&
		    access(file, X_OK) == 0)
			return true;
		path += length;
		path += *path == ':';
	}
	return false;
}

static bool in_path(const char *program)
{
	if (is_below(getenv("PATH"), program))
		return true;
	/* It is root who will run it, and has these in PATH. */
	return geteuid() != 0 && is_below("/usr/sbin:/sbin", program);
}

static void examine_programs(examine_fn *each, void *user)
{
	static const char *const names[] = {"ext4", "xfs", "btrfs"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct filesystem *filesystem = filesystem_find(names[i]);
		struct errmsg remedy;

		errmsg_set(&remedy, "install %s", filesystem->package);
		tell(each, user, filesystem->mkfs, false,
		     in_path(filesystem->mkfs), &remedy);
	}
}

void examine_host(examine_fn *each, void *user)
{
	struct errmsg why = {""};
	struct scratch scratch;
	int r = device_available(&why);

	tell(each, user, "device mapper", true, r == 0, &why);
	if (r == 0) {
		r = scratch_open(&scratch, &why);
		tell(each, user, "dm-flakey on a loop device", true, r == 0,
		     &why);
		if (r == 0)
			examine_features(&scratch, each, user);
		scratch_close(&scratch);
	}
	examine_programs(each, user);
}
