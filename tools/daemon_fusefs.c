/* SPDX-License-Identifier: MIT */
#include "fusefs/fusefs.h"
#include "tools/daemon.h"

static int mount_server(const void *config, void **ret_server,
			struct errmsg *reterr_why)
{
	struct fusefs *fusefs;
	int r = fusefs_mount(config, &fusefs, reterr_why);

	if (r == 0)
		*ret_server = fusefs;
	return r;
}

static int start(void *server, struct errmsg *reterr_why)
{
	return fusefs_start(server, reterr_why);
}

static int serve(void *server, struct errmsg *reterr_why)
{
	return fusefs_serve(server, reterr_why);
}

static void free_server(void *server)
{
	fusefs_free(server);
}

const struct daemon_server daemon_fusefs = {
	.mount = mount_server,
	.start = start,
	.serve = serve,
	.free = free_server,
	.is_fuse = true,
};
