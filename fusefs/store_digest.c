/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "common/cleanup.h"
#include "common/tree_digest.h"
#include "fusefs/store.h"

static int open_owned(void *user, int dirfd, const char *name, int flags)
{
	return store_open_owned(user, dirfd, name, flags);
}

int store_digest(struct store *store, uint64_t *ret_digest)
{
	const struct tree_digest_way way = {.open = open_owned, .user = store};
	cleanup_fd int fd = store_dup_root(store);
	return fd < 0 ? fd : tree_digest(fd, &way, ret_digest);
}
