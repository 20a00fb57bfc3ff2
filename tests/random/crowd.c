/* SPDX-License-Identifier: MIT */
/*
 * crowd CACHE PROFILE OPERATIONS: processes with threads work on the mount of
 * on-mount, each on files of its own, on its part of a shared file, and, under a
 * lock, on all of another one, while the power fails again and again under them.
 * What each sees is compared with what it believes (belief.h), or knows; after
 * each crash, the store and the mount are. Prints TAP and the seed. The schedule
 * is not in the seed.
 */
#include "tests/random/crowd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/harness/controlfile.h"
#include "tests/random/belief.h"
#include "tests/random/survive.h"

#define OPERATIONS_BETWEEN_CRASHES 300
#define DEADLINE_S 240

static struct crowd *crowd;

static void *run_thread(void *argument)
{
	crowd_work(crowd, (int)(intptr_t)argument);
	return NULL;
}

static int run_process(int number)
{
	pthread_t threads[CROWD_THREADS];

	for (int i = 0; i < CROWD_THREADS; i++)
		if (pthread_create(&threads[i], NULL, run_thread,
				   (void *)(intptr_t)(number * CROWD_THREADS +
						      i)) != 0)
			return 2;
	for (int i = 0; i < CROWD_THREADS; i++)
		(void)pthread_join(threads[i], NULL); /* cannot deadlock */
	return 0;
}

static bool read_whole(int directory, const char *name, uint8_t *bytes,
		       int64_t *ret_size)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);

	*ret_size = -1;
	if (fd < 0)
		return errno == ENOENT;
	*ret_size = pread(fd, bytes, BELIEF_BYTES + 1, 0);
	close(fd);
	return *ret_size >= 0;
}

/* Nobody works now. The store and the mount are the same, and legal. */
static bool check_file(struct belief *belief, int store, int mount)
{
	static uint8_t stored[BELIEF_BYTES + 1];
	static uint8_t live[BELIEF_BYTES + 1];
	int64_t stored_size;
	int64_t live_size;
	int64_t offset = 0;
	const char *wrong;

	if (!read_whole(store, belief->name, stored, &stored_size) ||
	    !read_whole(mount, belief->name, live, &live_size))
		wrong = "it cannot be read";
	else if (stored_size != live_size ||
		 (live_size > 0 &&
		  memcmp(stored, live, (size_t)live_size) != 0))
		wrong = "mount and store differ";
	else
		wrong = belief_check(belief, stored, stored_size, &offset);
	if (wrong == NULL)
		return true;
	printf("# '%s' after crash %lu: %s at %lld: %d\n", belief->name,
	       atomic_load(&crowd->crashes), wrong, (long long)offset,
	       offset >= 0 && offset < BELIEF_BYTES ? stored[offset] : -1);
	return false;
}

static bool crash(int store)
{
	int mount = open(getenv("MNT"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = mount >= 0;

	atomic_fetch_add(&crowd->crashes, 1);
	int r = good ? controlfile_verb(mount, "crash") : -errno;
	if (r < 0)
		printf("# crash: %s\n", strerror(-r));
	pthread_barrier_wait(&crowd->barrier);
	/* By name, a worker may have begun something in the new world before
	 * it saw that the old one is gone: once more, with nobody at work. */
	if (r == 0)
		r = controlfile_verb(mount, "crash");
	for (int i = 0; i < CROWD_FILES && r == 0; i++)
		good &= check_file(&crowd->files[i], store, mount);
	if (mount >= 0)
		close(mount);
	atomic_store(&crowd->stop,
		     atomic_load(&crowd->failures) > 0 || !good || r < 0 ||
			     atomic_load(&crowd->operations) >= crowd->wanted);
	pthread_barrier_wait(&crowd->barrier);
	return good && r == 0;
}

static bool set_up(const char *cache, const struct survive_rule *rule,
		   unsigned long wanted)
{
	pthread_barrierattr_t attributes;

	crowd = mmap(NULL, sizeof(*crowd), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (crowd == MAP_FAILED)
		return false;
	crowd->wanted = wanted;
	crowd->cache = cache;
	crowd->rule = rule->by_parts ? rule : NULL;
	crowd->direct = strcmp(cache, "none") == 0;
	pthread_barrierattr_init(&attributes);
	pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&crowd->barrier, &attributes, CROWD_WORKERS + 1);
	pthread_mutexattr_t shared;
	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&crowd->shadow, &shared);
	seed_start(&crowd->seed);
	return crowd_make_files(crowd);
}

static bool run(int store)
{
	pid_t children[CROWD_PROCESSES];
	unsigned long next = OPERATIONS_BETWEEN_CRASHES;
	bool good = true;

	(void)fflush(stdout); /* or the children print it again */
	for (int i = 0; i < CROWD_PROCESSES; i++) {
		children[i] = fork();
		if (children[i] < 0)
			return false;
		if (children[i] == 0) {
			int r = run_process(i);
			(void)fflush(stdout);
			_exit(r);
		}
	}
	while (!atomic_load(&crowd->stop)) {
		while (atomic_load(&crowd->operations) < next &&
		       atomic_load(&crowd->failures) == 0)
			(void)sched_yield(); /* always succeeds */
		good &= crash(store);
		next = atomic_load(&crowd->operations) +
		       OPERATIONS_BETWEEN_CRASHES;
	}
	for (int i = 0; i < CROWD_PROCESSES; i++) {
		int status = -1;
		good &= waitpid(children[i], &status, 0) >= 0 && status == 0;
	}
	return good && atomic_load(&crowd->failures) == 0;
}

int main(int argc, char **argv)
{
	int store = open(getenv("STORE"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	const struct survive_rule *rule =
		argc == 4 ? survive_find(argv[2]) : NULL;

	if (rule == NULL || store < 0) {
		fprintf(stderr, "usage: crowd CACHE PROFILE OPERATIONS\n");
		return 2;
	}
	(void)alarm(DEADLINE_S);
	if (!set_up(argv[1], rule, strtoul(argv[3], NULL, 10))) {
		printf("Bail out! cannot set up: %s\n", strerror(errno));
		return 1;
	}
	bool good = run(store);
	printf("# crowd, %s, %s: %lu operations, %lu crashes\n", argv[1],
	       argv[2], atomic_load(&crowd->operations),
	       atomic_load(&crowd->crashes));
	printf("%sok 1 - crowd, %s, %s\n1..1\n", good ? "" : "not ", argv[1],
	       argv[2]);
	return good ? 0 : 1;
}
