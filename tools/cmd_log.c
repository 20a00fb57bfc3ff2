/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/client.h"
#include "common/errmsg.h"
#include "common/log.h"
#include "tools/cmd.h"

/* FUSE tells nobody when a file grows by itself. */
#define POLL_MS 100

static const struct cmd_option options[] = {
	CMD_OPTION_CONTROL,
	{"follow", 'f', NULL, "go on as lines are added, until unmounted"},
	{0},
};

/* Prints from *offset on. Opened anew each time: a log that is followed must
 * not keep the mount busy. Returns 0 or a negative errno. */
static int print_rest(const struct client *client, off_t *offset,
		      struct errmsg *reterr_why)
{
	cleanup_fd int fd = client_file(client, "log", O_RDONLY, reterr_why);
	char buffer[16384];
	ssize_t size;

	if (fd < 0)
		return fd;
	while ((size = pread(fd, buffer, sizeof(buffer), *offset)) > 0) {
		if (fwrite(buffer, 1, (size_t)size, stdout) != (size_t)size)
			break;
		*offset += size;
	}
	if (size >= 0 && fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	errmsg_set(reterr_why, "cannot %s the log: %s",
		   size < 0 ? "read" : "print", strerrordesc_np(errno));
	return -errno;
}

static int follow(const struct client *client, off_t offset,
		  struct errmsg *reterr_why)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	int r;

	do {
		(void)nanosleep(&pause, NULL); /* shorter does no harm */
		r = print_rest(client, &offset, reterr_why);
	} while (r == 0);
	return r == -ENOENT ? 0 : r; /* unmounted */
}

static int run(const struct cmd_args *args)
{
	struct client *client;
	struct errmsg why;
	off_t offset = 0;
	int r;

	r = client_open(args->operands[0], cmd_value(args, "control"), &client,
			&why);
	if (r == 0) {
		r = print_rest(client, &offset, &why);
		if (r == 0 && cmd_has(args, "follow"))
			r = follow(client, offset, &why);
		client_close(client);
	}
	if (r < 0)
		log_error("%s", why.text);
	return r < 0 ? CMD_FAILED : CMD_DONE;
}

const struct cmd cmd_log = {
	.name = "log",
	.operands = "MOUNT",
	.summary = "print the event log",
	.details =
		"One JSON line for each mode switch, crash, lost commit, failed\n"
		"store operation and mark, so that our faults can be told from\n"
		"yours.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
