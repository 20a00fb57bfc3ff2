/* SPDX-License-Identifier: MIT */
#include "failpoints/perform.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "failpoints/death.h"
#include "failpoints/gate.h"
#include "failpoints/say.h"
#include "failpoints/terms.h"
#include "failpoints/value.h"

#define NS_PER_S 1000000000
#define STATUS_BYTES_MAX 4096

static struct timespec after(int64_t ns)
{
	struct timespec then;

	(void)clock_gettime(CLOCK_MONOTONIC, &then); /* cannot fail */
	then.tv_sec += ns / NS_PER_S;
	then.tv_nsec += ns % NS_PER_S;
	if (then.tv_nsec >= NS_PER_S) {
		then.tv_sec++;
		then.tv_nsec -= NS_PER_S;
	}
	return then;
}

static void do_sleep(int64_t ns)
{
	struct timespec until = after(ns);

	if (ns == 0)
		return;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) ==
	       EINTR)
		;
}

/* Keeps the processor. */
static void do_delay(int64_t ns)
{
	struct timespec until = after(ns);
	struct timespec now;

	do {
		(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
	} while (now.tv_sec < until.tv_sec ||
		 (now.tv_sec == until.tv_sec && now.tv_nsec < until.tv_nsec));
}

static void do_panic(const struct deed *deed)
{
	char buffer[VALUE_BYTES_MAX];

	say(" panic: %s", deed->value.type == FAILPOINT_TYPE_VOID
				  ? deed->name
				  : value_plain(&deed->value, buffer));
	death_wait();
	abort();
}

static void do_print(const struct deed *deed)
{
	char buffer[VALUE_BYTES_MAX];

	if (deed->value.type == FAILPOINT_TYPE_VOID)
		say(" print: %s", deed->name);
	else
		say(" print: %s: %s", deed->name,
		    value_plain(&deed->value, buffer));
}

static bool is_traced(void)
{
	char status[STATUS_BYTES_MAX];
	const char *line = NULL;
	ssize_t length = -1;
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		length = read(fd, status, sizeof(status) - 1);
		(void)close(fd); /* only read from */
	}
	if (length > 0) {
		status[length] = '\0';
		line = strstr(status, "TracerPid:");
	}
	return line && strspn(line + strlen("TracerPid:"), "\t 0") !=
			       strcspn(line + strlen("TracerPid:"), "\n");
}

static void ignore(int signal)
{
	(void)signal;
}

/* A tracer that is no debugger, such as strace, passes the signal on. */
static void do_break(const struct deed *deed)
{
	struct sigaction now;
	struct sigaction ours = {.sa_handler = ignore, .sa_flags = SA_RESTART};

	if (!is_traced()) {
		say(": \"%s\" says break, and no debugger is attached",
		    deed->name);
		return;
	}
	if (sigaction(SIGTRAP, NULL, &now) == 0 &&
	    !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL)
		(void)sigaction(SIGTRAP, &ours, NULL); /* then it is deadly */
	(void)raise(SIGTRAP);			       /* cannot fail */
}

static void do_exit(const struct deed *deed)
{
	death_wait();
	exit(deed->value.type == FAILPOINT_TYPE_VOID ? EXIT_FAILURE
						     : (int)deed->value.number);
}

bool perform(const struct deed *deed)
{
	switch (deed->id) {
	case TERMS_RETURN:
		return true;
	case TERMS_SLEEP:
		do_sleep(deed->value.number);
		break;
	case TERMS_DELAY:
		do_delay(deed->value.number);
		break;
	case TERMS_PANIC:
		do_panic(deed);
		break;
	case TERMS_PRINT:
		do_print(deed);
		break;
	case TERMS_BREAK:
		do_break(deed);
		break;
	case TERMS_PAUSE:
		gate_wait(deed->gate, deed->gate_seen);
		break;
	case TERMS_YIELD:
		(void)sched_yield(); /* cannot fail */
		break;
	case TERMS_EXIT:
		do_exit(deed);
		break;
	case TERMS_KILL:
		death_wait();
		(void)kill(getpid(), SIGKILL); /* cannot fail */
		break;
	default: /* TERMS_OFF */
		break;
	}
	return false;
}
