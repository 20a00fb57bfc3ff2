/* SPDX-License-Identifier: MIT */
/* Ends: of the daemon, which is a power failure, and of programs that wait. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "fusefs/fault_inside.h"

#define STATUS_BYTES_MAX 4096
#define PATH_BYTES_MAX 64

/* The number behind a key of a thread's status, in base; 0 if it is not to be
 * had. False: there is no such thread. */
static bool read_status(const char *path, const char *key, int base,
			uint64_t *ret_number)
{
	char status[STATUS_BYTES_MAX];
	*ret_number = 0;
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t length = read(fd, status, sizeof(status) - 1);
	if (length <= 0)
		return false;
	status[length] = '\0';
	const char *line = strstr(status, key);
	if (line != NULL)
		*ret_number = strtoull(line + strlen(key), NULL, base);
	return true;
}

/* Without a debugger the signal would be deadly. */
const char *fault_end_break(void)
{
	uint64_t tracer;
	if (!read_status("/proc/self/status", "TracerPid:", 10, &tracer) ||
	    tracer == 0)
		return "no debugger is attached";
	(void)raise(SIGTRAP); /* cannot fail */
	return "stopped";
}

static void say(const struct rule_verdict *verdict)
{
	log_error("the fault rule '%s=%s' ends the mount as a power failure "
		  "does",
		  rule_name(verdict->rule), rule_terms(verdict->rule));
}

void fault_end_exit(const struct rule_verdict *verdict)
{
	const struct terms_value *status = &verdict->args[0];
	say(verdict);
	_exit(status->kind == TERMS_NONE ? EXIT_FAILURE : (int)status->number);
}

void fault_end_kill(const struct rule_verdict *verdict)
{
	say(verdict);
	(void)kill(getpid(), SIGKILL); /* cannot fail */
	abort();
}

/* A signal that ends a program becomes SIGKILL for each of its threads. */
bool fault_end_is_near(pid_t thread)
{
	const uint64_t sigkill = UINT64_C(1) << (SIGKILL - 1);
	char path[PATH_BYTES_MAX];
	uint64_t own;
	uint64_t shared;
	snprintf(path, sizeof(path), "/proc/%d/status", thread);
	return !read_status(path, "SigPnd:", 16, &own) ||
	       !read_status(path, "ShdPnd:", 16, &shared) ||
	       ((own | shared) & sigkill) != 0;
}
