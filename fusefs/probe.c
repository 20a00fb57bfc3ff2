/* SPDX-License-Identifier: MIT */
#include "fusefs/probe.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "fusefs/ops.h"

#define BLOCK 4096

/* Writes one block; true if an FSYNC came with it. Where the file cannot be
 * opened (the mount is not ours to enter) nothing came, and the answer is that
 * of all kernels since 4.0 or so. */
static bool provokes_fsync(struct fusefs *fusefs, const char *path, int flags)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_DSYNC | O_CLOEXEC | flags);
	if (fd < 0)
		return true;
	cleanup_free void *block = NULL;
	if (posix_memalign(&block, BLOCK, BLOCK) != 0)
		return true;
	fusefs->probe.seen = false;
	if (pwrite(fd, block, BLOCK, 0) != BLOCK)
		return true;
	return fusefs->probe.seen;
}

void probe_kernel(struct fusefs *fusefs)
{
	struct ops_probe *probe = &fusefs->probe;
	uint64_t nonce = 0;
	/* A name that no file has; it need not be unguessable. */
	if (getrandom(&nonce, sizeof(nonce), GRND_NONBLOCK) < 0)
		nonce = (uint64_t)(uintptr_t)probe;
	snprintf(probe->name, sizeof(probe->name), ".flakey-probe-%016llx",
		 (unsigned long long)nonce);
	char path[PATH_MAX + sizeof(probe->name)];
	snprintf(path, sizeof(path), "%s/%s", fusefs->config.mountpoint,
		 probe->name);
	probe->active = true;
	probe->buffered = provokes_fsync(fusefs, path, 0);
	probe->direct = provokes_fsync(fusefs, path, O_DIRECT);
	probe->active = false;
}
