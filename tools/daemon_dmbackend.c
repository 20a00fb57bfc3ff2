/* SPDX-License-Identifier: MIT */
#include "dmbackend/dmbackend.h"
#include "tools/daemon.h"

static int mount_server(const void *config, void **ret_server,
			struct errmsg *reterr_why)
{
	struct dmbackend *backend;
	int r = dmbackend_mount(config, &backend, reterr_why);

	if (r == 0)
		*ret_server = backend;
	return r;
}

static int start(void *server, struct errmsg *reterr_why)
{
	return dmbackend_start(server, reterr_why);
}

static int serve(void *server, struct errmsg *reterr_why)
{
	return dmbackend_serve(server, reterr_why);
}

static void free_server(void *server)
{
	dmbackend_free(server);
}

const struct daemon_server daemon_dmbackend = {
	.mount = mount_server,
	.start = start,
	.serve = serve,
	.free = free_server,
};
