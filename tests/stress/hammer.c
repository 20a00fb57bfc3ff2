/* SPDX-License-Identifier: MIT */
/*
 * hammer MNT STORE CRASHES OPERATIONS [SEED]: 64 clients, processes with threads,
 * do random things to a mount while it crashes again and again, each time after
 * so many operations. Prints TAP and the seed. The schedule of the threads is
 * not in the seed, so a run can be repeated only nearly.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness/controlfile.h"
#include "tests/litmus/treedump.h"
#include "tests/stress/worker.h"

#define PROCESSES 8
#define THREADS 8
#define WORKERS (PROCESSES * THREADS)
/* Nothing was done for so long: a deadlock. */
#define STALL_S 60
/* In so many crashes, one call on a path may come too late. */
#define LATE_PATHS_PER 20

struct hammer {
	struct worker_board *board;
	int root;
	int store;
	int bell; /* the reading end */
	unsigned long seed;
	unsigned long crashes;
	unsigned long operations; /* between two crashes */
	pid_t children[PROCESSES];
};

/* For the alarm's handler only. */
static _Atomic pid_t children_to_kill[PROCESSES];
static struct worker_board *board_to_watch;
static unsigned long progress_seen;

/* Hangs are told from slowness by what was done since the last time. */
static void on_alarm(int signal_number)
{
	static const char text[] =
		"Bail out! hung: nothing was done for long\n";
	unsigned long progress = atomic_load(&board_to_watch->operations) +
				 atomic_load(&board_to_watch->crashes_ended);

	(void)signal_number;
	if (progress != progress_seen) {
		progress_seen = progress;
		(void)alarm(STALL_S);
		return;
	}
	/* Nothing can be done about a failure here. */
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	for (size_t i = 0; i < PROCESSES; i++)
		if (children_to_kill[i] > 0)
			(void)kill(children_to_kill[i], SIGKILL);
	_exit(1);
}

static void *run_thread(void *argument)
{
	worker_run(argument);
	return NULL;
}

static bool crash(struct hammer *hammer)
{
	int r;

	atomic_fetch_add(&hammer->board->crashes_begun, 1);
	r = controlfile_verb(hammer->root, "crash");
	atomic_fetch_add(&hammer->board->crashes_ended, 1);
	if (r < 0)
		printf("# crash: %s\n", strerror(-r));
	return r == 0;
}

/* The life of a child: its threads, then a crash and a look at their logs. */
static int run_process(struct hammer *hammer, struct worker *workers)
{
	pthread_t threads[THREADS];
	int bad = 0;

	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, run_thread,
				   &workers[i]) != 0)
			return 2;
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL); /* cannot deadlock */
	if (!crash(hammer))
		return 3;
	for (size_t i = 0; i < THREADS; i++) {
		bad |= !worker_check_log(&workers[i]);
		printf("# worker %d: %lu records acknowledged\n",
		       workers[i].number, workers[i].log_synced);
	}
	(void)fflush(stdout); /* before _exit() */
	return bad;
}

static bool start(struct hammer *hammer, struct worker *workers)
{
	for (int i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){
			.board = hammer->board,
			.root = hammer->root,
			.number = i,
			.random = hammer->seed * 1000003u + (unsigned)i + 1,
		};
		if (!worker_prepare(&workers[i]))
			return false;
	}
	for (size_t i = 0; i < PROCESSES; i++) {
		(void)fflush(stdout); /* or the child prints it again */
		hammer->children[i] = fork();
		if (hammer->children[i] < 0)
			return false;
		if (hammer->children[i] == 0)
			_exit(run_process(hammer, workers + i * THREADS));
		children_to_kill[i] = hammer->children[i];
	}
	return true;
}

/* The watchdog's thread: the others may wait for the file system, in which a
 * signal is not heard. */
static void *run_watchdog(void *argument)
{
	sigset_t alarms;

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	(void)pthread_sigmask(SIG_UNBLOCK, &alarms, NULL); /* is valid */
	(void)alarm(STALL_S);
	for (;;)
		(void)pause(); /* only ever interrupted */
	return argument;
}

/* The signal is for the watchdog only; threads and processes that come later
 * keep it blocked. */
static bool start_watchdog(struct worker_board *board)
{
	struct sigaction watch = {.sa_handler = on_alarm,
				  .sa_flags = SA_RESTART};
	pthread_t thread;
	sigset_t alarms;

	board_to_watch = board;
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	return sigaction(SIGALRM, &watch, NULL) == 0 &&
	       pthread_sigmask(SIG_BLOCK, &alarms, NULL) == 0 &&
	       pthread_create(&thread, NULL, run_watchdog, NULL) == 0 &&
	       pthread_detach(thread) == 0;
}

/* Waits until so much was done, or a worker failed. */
static bool wait_for_work(struct hammer *hammer, unsigned long wanted)
{
	struct worker_board *board = hammer->board;
	char byte;

	atomic_store(&board->wanted, wanted);
	while (atomic_load(&board->operations) < wanted &&
	       !atomic_load(&board->stop))
		if (read(hammer->bell, &byte, 1) != 1)
			return false;
	return !atomic_load(&board->stop);
}

/* Waits for work, not for time: a slow host gets the same number. */
static bool crash_often(struct hammer *hammer)
{
	struct worker_board *board = hammer->board;
	bool good = true;

	for (unsigned long i = 0; i < hammer->crashes && good; i++) {
		unsigned long now = atomic_load(&board->operations);

		good = wait_for_work(hammer, now + hammer->operations) &&
		       crash(hammer);
	}
	atomic_store(&board->stop, true);
	return good;
}

static bool join(struct hammer *hammer)
{
	bool good = true;

	for (size_t i = 0; i < PROCESSES; i++) {
		int status = -1;

		if (waitpid(hammer->children[i], &status, 0) < 0 || status)
			good = false;
		children_to_kill[i] = 0;
	}
	return good;
}

/* The tree as text; NULL, after a line that says why, if it cannot be read. */
static char *dump(int root, const char *name)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r = out ? treedump_write(root, out) : -ENOMEM;

	if (out)
		(void)fclose(out); /* memory only: r tells */
	if (r == 0)
		return text;
	printf("# the %s cannot be read after%s: %s\n", name, text ? text : "",
	       strerror(-r));
	free(text);
	return NULL;
}

static bool mount_is_store(const struct hammer *hammer)
{
	char *mount = dump(hammer->root, "mount");
	char *store = dump(hammer->store, "store");
	bool same = mount && store && strcmp(mount, store) == 0;

	if (mount && store && !same)
		printf("# mount %s\n# store %s\n", mount, store);
	free(mount);
	free(store);
	return same;
}

static void point(int number, bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", number, name);
}

static int run(struct hammer *hammer)
{
	struct worker workers[WORKERS];
	bool crashed, joined, same;
	unsigned long failures, late;

	/* The thread comes after the processes: sanitizers want no threads in a
	 * process that forks. */
	if (!start(hammer, workers) || !start_watchdog(hammer->board)) {
		printf("Bail out! cannot start: %s\n", strerror(errno));
		return 1;
	}
	crashed = crash_often(hammer);
	joined = join(hammer);
	failures = atomic_load(&hammer->board->failures);
	late = atomic_load(&hammer->board->late_paths);
	if (late > hammer->crashes / LATE_PATHS_PER)
		failures += late;
	same = crash(hammer) && mount_is_store(hammer);
	printf("# %lu operations, %lu crashes, %lu paths too late\n",
	       atomic_load(&hammer->board->operations),
	       atomic_load(&hammer->board->crashes_begun), late);
	point(1, failures == 0, "no error but those that a crash explains");
	point(2, crashed, "every crash was done");
	point(3, joined, "everything acknowledged was kept");
	point(4, same, "in the end the mount is the store");
	printf("1..4\n");
	return !(failures == 0 && crashed && joined && same);
}

int main(int argc, char **argv)
{
	struct hammer hammer = {0};
	int bell[2];

	if (argc != 5 && argc != 6) {
		fprintf(stderr, "usage: hammer MNT STORE CRASHES OPERATIONS"
				" [SEED]\n");
		return 2;
	}
	hammer.crashes = strtoul(argv[3], NULL, 10);
	hammer.operations = strtoul(argv[4], NULL, 10);
	hammer.seed =
		argc == 6 ? strtoul(argv[5], NULL, 0)
			  : (unsigned long)time(NULL) ^ (unsigned long)getpid();
	printf("# seed %lu\n", hammer.seed);
	umask(022);
	hammer.root = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	hammer.store = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	hammer.board = mmap(NULL, sizeof(*hammer.board), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (hammer.root < 0 || hammer.store < 0 || hammer.board == MAP_FAILED ||
	    pipe2(bell, O_CLOEXEC) < 0) {
		printf("Bail out! cannot set up: %s\n", strerror(errno));
		return 1;
	}
	hammer.bell = bell[0];
	hammer.board->bell = bell[1];
	return run(&hammer);
}
