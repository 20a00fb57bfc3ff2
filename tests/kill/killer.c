/* SPDX-License-Identifier: MIT */
/*
 * killer FLAKEY STORE MNT KILLS [SEED]: kills the daemon without warning while
 * scribes work on its mount, again and again, and has each store that is left,
 * and each mount that follows, judged. The moment is a number of operations.
 * Prints TAP and the seed; the schedule of the threads is not in the seed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness/controlfile.h"
#include "tests/kill/judge.h"
#include "tests/kill/scribe.h"

#define SCRIBES 4
#define OPERATIONS_MAX 600
#define STATUS_BYTES 4096
#define NAME_BYTES 32
/* For one round, on a host with much else to do. */
#define STALL_S 60

struct killer {
	const char *flakey;
	const char *store_path;
	const char *mount_path;
	unsigned long seed;
	int store;
	int mount; /* -1: not mounted */
	pid_t daemon;
	int bell[2];
	struct scribe_board board;
	struct scribe *scribes;
	unsigned long steps;
	unsigned long loans; /* that a kill left open */
};

static bool mount_store(struct killer *killer)
{
	char status[STATUS_BYTES];
	int exit_status = -1;
	pid_t child = fork();

	if (child == 0) {
		execl(killer->flakey, "flakey", "mount", killer->store_path,
		      killer->mount_path, (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &exit_status, 0) < 0 || exit_status) {
		printf("# the mount failed\n");
		return false;
	}
	killer->mount =
		open(killer->mount_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (killer->mount < 0 || controlfile_read(killer->mount, "status",
						  status, sizeof(status)) < 0)
		return false;
	const char *pid = strstr(status, "\"pid\":");

	return pid != NULL && sscanf(pid, "\"pid\": %d", &killer->daemon) == 1;
}

/* Returns when nothing of the daemon is left. */
static bool kill_daemon(struct killer *killer)
{
	int fd = (int)syscall(SYS_pidfd_open, killer->daemon, 0);
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	bool good = fd >= 0 && kill(killer->daemon, SIGKILL) == 0 &&
		    poll(&poll_fd, 1, STALL_S * 1000) == 1;

	if (fd >= 0)
		(void)close(fd);    /* only waited for */
	(void)close(killer->mount); /* it is dead */
	killer->mount = -1;
	return good;
}

static void *run_scribe(void *argument)
{
	scribe_run(argument);
	return NULL;
}

static void name_round(unsigned long round, char *name)
{
	(void)snprintf(name, NAME_BYTES, "r%lu", round);
}

static bool make_directories(const struct killer *killer, unsigned long round)
{
	char name[NAME_BYTES], path[2 * NAME_BYTES];

	name_round(round, name);
	if (mkdirat(killer->store, name, 0755) < 0)
		return false;
	for (int i = 0; i < SCRIBES; i++) {
		(void)snprintf(path, sizeof(path), "%s/w%d", name, i);
		if (mkdirat(killer->store, path, 0755) < 0)
			return false;
	}
	return true;
}

/* Everything that scribes can have made, straight from the store. */
static void remove_directories(const struct killer *killer, unsigned long round)
{
	char round_name[NAME_BYTES], path[2 * NAME_BYTES];
	const struct names names[2] = {{.directory = 1}, {.directory = 2}};

	name_round(round, round_name);
	int round_fd = openat(killer->store, round_name,
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < SCRIBES; i++) {
		(void)snprintf(path, sizeof(path), "w%d", i);
		int fd = openat(round_fd, path,
				O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		/* Most are not there; what stays is found by the next step. */
		for (int j = 0; j < 2 * HISTORY_SLOTS; j++) {
			const struct names *at = &names[j % 2];

			(void)fchmodat(fd,
				       history_directory_name(at->directory),
				       0700, 0);
			history_path(at, j / 2, path, sizeof(path));
			(void)unlinkat(fd, path, 0);
		}
		(void)unlinkat(fd, "d", AT_REMOVEDIR);
		(void)unlinkat(fd, "g", AT_REMOVEDIR);
		(void)close(fd);
		(void)snprintf(path, sizeof(path), "w%d", i);
		(void)unlinkat(round_fd, path, AT_REMOVEDIR);
	}
	(void)close(round_fd);
	if (unlinkat(killer->store, round_name, AT_REMOVEDIR) < 0)
		printf("# cannot remove %s: %s\n", round_name, strerror(errno));
}

static unsigned long shuffle(unsigned long seed, unsigned long round)
{
	uint64_t value = (seed + round) * UINT64_C(0x9e3779b97f4a7c15);

	return (unsigned long)(value >> 24);
}

static bool prepare(struct killer *killer, unsigned long round)
{
	unsigned long chance = shuffle(killer->seed, round);
	char path[2 * NAME_BYTES];
	struct scribe_board *board = &killer->board;

	board->ticket = 2; /* 1 is the time before */
	board->operations = 0;
	board->kill_at = 1 + chance % OPERATIONS_MAX;
	board->bell = killer->bell[1];
	memset(killer->scribes, 0, SCRIBES * sizeof(*killer->scribes));
	for (int i = 0; i < SCRIBES; i++) {
		struct scribe *scribe = &killer->scribes[i];

		(void)snprintf(path, sizeof(path), "r%lu/w%d", round, i);
		scribe->board = board;
		scribe->number = i;
		scribe->style = chance / OPERATIONS_MAX % SCRIBE_STYLES;
		scribe->random = chance * 1009 + (unsigned)i + 1;
		scribe->history.object_count = 1;
		scribe->history.quiet_since = 1;
		scribe->directory = openat(killer->mount, path,
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (scribe->directory < 0)
			return false;
	}
	return true;
}

/* The scribes work, and in the middle of it the daemon dies. */
static bool work(struct killer *killer, unsigned long round)
{
	pthread_t threads[SCRIBES];
	struct pollfd bell = {.fd = killer->bell[0], .events = POLLIN};
	int directories[SCRIBES];
	bool good = prepare(killer, round);
	char byte;

	if (!good)
		return false;
	for (int i = 0; i < SCRIBES; i++) {
		directories[i] = killer->scribes[i].directory;
		if (pthread_create(&threads[i], NULL, run_scribe,
				   &killer->scribes[i]) != 0)
			return false;
	}
	good = poll(&bell, 1, STALL_S * 1000) == 1 &&
	       read(bell.fd, &byte, 1) == 1;
	good = kill_daemon(killer) && good;
	for (int i = 0; i < SCRIBES; i++) {
		const struct scribe *scribe = &killer->scribes[i];

		(void)pthread_join(threads[i], NULL); /* cannot deadlock */
		(void)close(directories[i]);	      /* dead */
		killer->steps += (unsigned long)scribe->history.step_count;
		if (scribe->trouble[0] == '\0')
			continue;
		printf("# worker %d: %s\n", i, scribe->trouble);
		good = false;
	}
	return good;
}

static bool has_loans(const struct killer *killer)
{
	char list[STATUS_BYTES];
	ssize_t n = flistxattr(killer->store, list, sizeof(list));

	return n > 0 && memmem(list, (size_t)n, "user.flakey.lent", 16) != NULL;
}

static bool judge_round(struct killer *killer, unsigned long round, int root,
			bool lent)
{
	const struct judge judge = {
		.scribes = killer->scribes, .count = SCRIBES, .lent = lent};
	char name[NAME_BYTES];

	name_round(round, name);
	int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && judge_store(&judge, fd);

	if (fd >= 0)
		(void)close(fd); /* only read from */
	if (!good)
		printf("# round %lu, style %d, killed at %lu of %lu\n", round,
		       (int)killer->scribes[0].style, killer->board.kill_at,
		       atomic_load(&killer->board.operations));
	return good;
}

struct verdict {
	bool worked;
	bool legal;
	bool mounts;
};

static void run_round(struct killer *killer, unsigned long round,
		      struct verdict *verdict)
{
	verdict->worked = make_directories(killer, round);
	verdict->mounts = verdict->worked && mount_store(killer);
	if (verdict->mounts && round > 0) /* what the last one left */
		verdict->mounts =
			!has_loans(killer) &&
			judge_round(killer, round - 1, killer->mount, false);
	verdict->worked = verdict->mounts && work(killer, round);
	if (!verdict->worked)
		return;
	bool lent = has_loans(killer);

	killer->loans += lent;
	verdict->legal = judge_round(killer, round, killer->store, lent);
	if (round > 0)
		remove_directories(killer, round - 1);
}

static int run(struct killer *killer, unsigned long kills)
{
	struct verdict verdict = {true, true, true};
	unsigned long round = 0;

	while (round < kills && verdict.worked && verdict.legal)
		run_round(killer, round++, &verdict);
	if (killer->mount < 0) /* for whoever unmounts it */
		verdict.mounts =
			mount_store(killer) && verdict.mounts &&
			judge_round(killer, round - 1, killer->mount, false);
	printf("# %lu kills, %lu steps, %lu loans open\n", round, killer->steps,
	       killer->loans);
	printf("%sok 1 - the daemon died under work %lu times\n",
	       verdict.worked ? "" : "not ", kills);
	printf("%sok 2 - each time the store was what ext4 may leave\n",
	       verdict.legal ? "" : "not ");
	printf("%sok 3 - each time a new mount took over and showed it\n",
	       verdict.mounts ? "" : "not ");
	printf("1..3\n");
	return !(verdict.worked && verdict.legal && verdict.mounts);
}

int main(int argc, char **argv)
{
	struct killer killer = {.mount = -1};

	if (argc != 5 && argc != 6) {
		fprintf(stderr,
			"usage: killer FLAKEY STORE MNT KILLS [SEED]\n");
		return 2;
	}
	killer.flakey = argv[1];
	killer.store_path = argv[2];
	killer.mount_path = argv[3];
	killer.seed =
		argc == 6 ? strtoul(argv[5], NULL, 0)
			  : (unsigned long)time(NULL) ^ (unsigned long)getpid();
	printf("# seed %lu\n", killer.seed);
	umask(0);
	killer.store = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	killer.scribes = calloc(SCRIBES, sizeof(*killer.scribes));
	if (killer.store < 0 || killer.scribes == NULL ||
	    pipe2(killer.bell, O_CLOEXEC) < 0) {
		printf("Bail out! cannot set up: %s\n", strerror(errno));
		return 1;
	}
	int r = run(&killer, strtoul(argv[4], NULL, 10));
	free(killer.scribes);
	return r;
}
