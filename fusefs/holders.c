/* SPDX-License-Identifier: MIT */
#include "fusefs/holders.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#include "common/cleanup.h"
#include "common/occupants.h"
#include "common/text.h"

/* Processes that are born while others are killed are found by the next round. */
#define ROUNDS_MAX 20
/* One that does not end in this time waits for an answer of ours, or of others:
 * then it ends when that comes, which a crash sees to. */
#define DEATH_MS 500

struct hunt {
	struct text *list;
	int64_t killed;
	int round; /* the first reports whom we may not signal */
	bool any;
};

static pid_t process_of(pid_t thread)
{
	char path[64];
	char line[256];
	int process = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
	FILE *status = thread > 0 ? fopen(path, "re") : NULL;
	while (status != NULL && process == 0 &&
	       fgets(line, sizeof(line), status))
		(void)sscanf(line, "Tgid: %d", &process);
	if (status != NULL)
		(void)fclose(status);
	return process;
}

/* By a descriptor: a number may be another process's by now. */
static int kill_and_wait(pid_t pid)
{
	cleanup_fd int fd = pidfd_open(pid, 0);
	if (fd < 0)
		return -errno;
	if (pidfd_send_signal(fd, SIGKILL, NULL, 0) < 0)
		return -errno;
	struct pollfd death = {.fd = fd, .events = POLLIN};
	int r = poll(&death, 1, DEATH_MS);
	return r > 0 ? 0 : -ETIMEDOUT;
}

static bool meet(void *user, pid_t pid)
{
	struct hunt *hunt = user;
	char name[OCCUPANTS_NAME_MAX];
	occupants_read_name(pid, name);
	int r = kill_and_wait(pid);
	if (r == 0 || (r == -ETIMEDOUT && hunt->round == 0)) {
		hunt->any = true;
		hunt->killed++;
		text_printf(hunt->list, "%d %s\n", (int)pid, name);
	} else if (r != -ESRCH && hunt->round == 0) {
		text_printf(hunt->list, "%d %s: %s\n", (int)pid, name,
			    strerror(-r));
	}
	return true;
}

int64_t holders_kill(const struct holders *holders, struct text *ret_list)
{
	const struct occupants_search search = {
		.mountpoint = holders->mountpoint,
		.anywhere = true,
		.ino_end = holders->control_ino,
		.spared = process_of(holders->spared),
	};
	struct hunt hunt = {.list = ret_list};
	int r = 0;
	do {
		hunt.any = false;
		r = occupants_each(&search, meet, &hunt);
		hunt.round++;
	} while (r == 0 && hunt.any && hunt.round < ROUNDS_MAX);
	return r < 0 ? r : hunt.killed;
}
