/* SPDX-License-Identifier: MIT */
/*
 * Points around fork(2), with threads that hit, wait and change meanwhile; and
 * points in signal handlers.
 */
#include <errno.h>
#include <failpoint.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tests/failpoint/tap.h"

#define FORKS 100
#define CHILD_S 60
#define LONG_MS 20000
#define ALARMS 200

static atomic_bool stop;
static atomic_int handled;

static bool hit(void)
{
	return FAILPOINT("fork/hit");
}

static int64_t value(void)
{
	int64_t got = 0;

	return FAILPOINT_INT("fork/value", &got) ? got : -1;
}

/* Returns the child's status, or -1 for one that hung or died. */
static int in_child(int (*run)(void))
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		(void)alarm(CHILD_S);
		_exit(run());
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int child_has_points(void)
{
	if (value() != 5)
		return 1;
	if (failpoint_hits("fork/value") != 3)
		return 2;
	if (failpoint_enable("fork/value", "return(6)") < 0 || value() != 6)
		return 3;
	if (failpoint_disable_all() != 1)
		return 4;
	return 0;
}

static void the_child_has_its_own(void)
{
	is(failpoint_enable("fork/value", "return(5)"), 0, "armed");
	is(value() + value(), 10, "hit twice");
	is(in_child(child_has_points), 0, "the child has the same points");
	is(failpoint_hits("fork/value"), 2, "its hits are not the parent's");
	is(value(), 5, "nor are its terms");
	is(failpoint_disable_all(), 1, "the end");
}

static void *be_busy(void *unused)
{
	unsigned int i = 0;

	(void)unused;
	while (!atomic_load(&stop)) {
		(void)value();
		if (++i % 3 == 0)
			(void)failpoint_enable("fork/value", "return(5)");
		if (i % 5 == 0)
			(void)failpoint_list(NULL, NULL);
	}
	return NULL;
}

static void *wait_at_point(void *unused)
{
	(void)unused;
	(void)hit();
	return NULL;
}

static int child_can_all(void)
{
	/* The thread that waits is not here. */
	if (failpoint_wait_paused("fork/hit", 1, 0) != -ETIMEDOUT)
		return 1;
	if (failpoint_enable("fork/value", "return(7)") < 0 || value() != 7)
		return 2;
	if (failpoint_disable("fork/hit") < 0 || hit())
		return 3;
	if (failpoint_list(NULL, NULL) != 3)
		return 4;
	return 0;
}

static void forking_is_safe_at_any_time(void)
{
	pthread_t busy;
	pthread_t waits;
	int failed = 0;

	atomic_store(&stop, false);
	is(failpoint_pause("fork/hit"), 0, "a thread");
	if (pthread_create(&waits, NULL, wait_at_point, NULL) != 0 ||
	    pthread_create(&busy, NULL, be_busy, NULL) != 0)
		abort();
	is(failpoint_wait_paused("fork/hit", 1, LONG_MS), 0, "waits");
	for (int i = 0; i < FORKS && !failed; i++) {
		failed = in_child(child_can_all);
		if (failed)
			printf("# child %d ended with %d\n", i, failed);
	}
	is(failed, 0, "children of a busy process work");
	is(failpoint_resume("fork/hit"), 1, "the parent's thread is there");
	atomic_store(&stop, true);
	(void)pthread_join(busy, NULL);	 /* it is there */
	(void)pthread_join(waits, NULL); /* so is this */
	(void)failpoint_disable_all();
}

static void on_alarm(int signal)
{
	int64_t got = 0;

	(void)signal;
	if (FAILPOINT_INT("fork/signal", &got) && got == 9)
		atomic_fetch_add(&handled, 1);
}

static void handlers_may_hit(void)
{
	struct sigaction action;
	struct itimerval often = {{0, 500}, {0, 500}};
	struct itimerval never = {{0, 0}, {0, 0}};
	int failed = 0;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_alarm;
	action.sa_flags = SA_RESTART;
	is(failpoint_enable("fork/signal", "return(9)"), 0, "armed");
	is(sigaction(SIGALRM, &action, NULL), 0, "a handler");
	is(setitimer(ITIMER_REAL, &often, NULL), 0, "and its signals");
	/* Signals come in the middle of all of these. */
	while (atomic_load(&handled) < ALARMS) {
		failed += failpoint_enable("fork/value", "return(5)") < 0;
		failed += value() != 5;
		failed += failpoint_list(NULL, NULL) != 3;
		failed += failpoint_enable("fork/signal", "return(9)") < 0;
		failed += failpoint_disable("fork/value") < 0;
	}
	is(setitimer(ITIMER_REAL, &never, NULL), 0, "no more of them");
	is(failed, 0, "what a handler interrupts goes on");
	is(failpoint_disable_all(), 1, "the end");
}

int main(void)
{
	is(failpoint_list(NULL, NULL), 3, "three points");
	the_child_has_its_own();
	forking_is_safe_at_any_time();
	handlers_may_hit();
	return tap_end();
}
