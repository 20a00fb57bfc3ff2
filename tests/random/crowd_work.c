/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/controlfile.h"
#include "tests/random/act.h"
#include "tests/random/crowd.h"
#include "tests/random/target.h"
#include "tests/random/walk.h"

#define FILES (CROWD_OWN + 2) /* that a worker has open */
#define EDGE 48		      /* parts do not begin at pages */

struct handle {
	struct belief *belief;
	int64_t from; /* our part of it */
	int64_t to;
	int fd;
	uint8_t *map;
	bool own;
	bool locked; /* by a lock, while something is done to it */
};

struct worker {
	struct crowd *crowd;
	int number;
	int root;
	struct seed seed;
	unsigned long crashes; /* that it came back from */
	unsigned long acts;
	struct handle handles[FILES];
	struct walk *walk; /* or NULL: own files instead */
	char directory[16];
};

/* Where a thread goes when its mapping lost its file. */
static _Thread_local sigjmp_buf escape;
static _Thread_local volatile sig_atomic_t mapped;

static void on_fault(int signal_number)
{
	if (mapped)
		siglongjmp(escape, 1);
	(void)signal(signal_number, SIG_DFL);
}

static unsigned int below(struct worker *worker, unsigned int limit)
{
	return seed_below(&worker->seed, limit);
}

static bool crashed(const struct worker *worker)
{
	return atomic_load(&worker->crowd->crashes) != worker->crashes;
}

/* What fails is right if the power did. */
static bool expect(struct worker *worker, const struct handle *handle,
		   const char *what, bool good)
{
	int error = errno;

	if (good)
		return true;
	if (crashed(worker))
		return false;
	printf("# worker %d, act %lu on '%s': %s: %s\n", worker->number,
	       worker->acts, handle->belief->name, what, strerror(error));
	(void)fflush(stdout);
	atomic_fetch_add(&worker->crowd->failures, 1);
	return false;
}

static void expect_bytes(struct worker *worker, const struct handle *handle,
			 const char *what, const uint8_t *got, int64_t from,
			 int64_t length)
{
	for (int64_t i = 0; i < length; i++) {
		int want = handle->belief->live[from + i];
		if (got[i] == want || crashed(worker))
			continue;
		printf("# worker %d, act %lu: %s of '%s': byte %lld is %d, not"
		       " %d\n",
		       worker->number, worker->acts, what, handle->belief->name,
		       (long long)from + i, got[i], want);
		(void)fflush(stdout);
		atomic_fetch_add(&worker->crowd->failures, 1);
		return;
	}
}

struct span {
	int64_t from;
	int64_t length;
};

/* In our part, and, where the file may not grow, in what there is. */
static struct span random_span(struct worker *worker,
			       const struct handle *handle, bool grows)
{
	static const unsigned int most[] = {3, 100, 5000, 12000};
	int64_t to = handle->to;
	struct span span = {handle->from, 0};

	if (!grows && to > handle->belief->size)
		to = handle->belief->size;
	if (to <= handle->from)
		return span;
	span.from += below(worker, (unsigned int)(to - handle->from));
	if (below(worker, 3) == 0 && span.from / 4096 * 4096 > handle->from)
		span.from = span.from / 4096 * 4096;
	span.length = 1 + below(worker, most[below(worker, 4)]);
	if (span.length > to - span.from)
		span.length = to - span.from;
	return span;
}

static void work_read(struct worker *worker, struct handle *handle)
{
	uint8_t back[12000];
	struct span span = random_span(worker, handle, false);

	ssize_t n = pread(handle->fd, back, (size_t)span.length, span.from);
	if (expect(worker, handle, "read", n == span.length))
		expect_bytes(worker, handle, "read", back, span.from, n);
}

static void work_write(struct worker *worker, struct handle *handle)
{
	uint8_t data[12000];
	struct span span = random_span(worker, handle, true);

	for (int64_t i = 0; i < span.length; i++)
		data[i] = act_byte(worker->acts * CROWD_WORKERS +
					   (unsigned long)worker->number,
				   span.from + i);
	belief_put(handle->belief, span.from, data, span.length);
	ssize_t n = pwrite(handle->fd, data, (size_t)span.length, span.from);
	(void)expect(worker, handle, "write", n == span.length);
}

static void work_truncate(struct worker *worker, struct handle *handle)
{
	int64_t size = below(worker, 2) ? 0 : below(worker, BELIEF_BYTES);

	if (!handle->own)
		return;
	belief_resize(handle->belief, size);
	(void)expect(worker, handle, "ftruncate",
		     ftruncate(handle->fd, size) == 0);
}

static void work_space(struct worker *worker, struct handle *handle)
{
	static const int modes[] = {
		FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
	};
	int mode = modes[below(worker, 3)];
	struct span span = random_span(worker, handle, false);

	if (span.length == 0)
		return;
	if (mode != FALLOC_FL_KEEP_SIZE)
		belief_zero(handle->belief, span.from, span.length);
	(void)expect(worker, handle, "fallocate",
		     fallocate(handle->fd, mode, span.from, span.length) == 0);
}

/* From the same place of another file of ours. */
static void work_copy(struct worker *worker, struct handle *handle)
{
	struct handle *source = &worker->handles[below(worker, CROWD_OWN)];
	struct span span = random_span(worker, handle, true);
	off_t from = span.from;
	off_t to = span.from;

	if (worker->walk != NULL || source == handle ||
	    span.from >= source->belief->size)
		return;
	if (span.length > source->belief->size - span.from)
		span.length = source->belief->size - span.from;
	belief_put(handle->belief, span.from, source->belief->live + span.from,
		   span.length);
	while (from < span.from + span.length) {
		ssize_t n = copy_file_range(
			source->fd, &from, handle->fd, &to,
			(size_t)(span.from + span.length - from), 0);
		if (!expect(worker, handle, "copy_file_range", n > 0))
			return;
	}
}

static void touch_mapped(struct worker *worker, struct handle *handle,
			 struct span span, bool store)
{
	if (store) {
		for (int64_t i = span.from; i < span.from + span.length; i++) {
			uint8_t byte = act_byte(worker->acts, i);
			belief_put(handle->belief, i, &byte, 1);
			handle->map[i] = byte;
		}
	} else {
		expect_bytes(worker, handle, "mapping", handle->map + span.from,
			     span.from, span.length);
	}
}

static void work_map(struct worker *worker, struct handle *handle)
{
	struct span span = random_span(worker, handle, false);

	/* With direct I/O, a page that is read while another worker writes to
	 * it may miss that in the kernel, and takes it back when it is written
	 * out. Mapped and written by one at a time, it does not. */
	if (worker->crowd->direct && !handle->own && !handle->locked)
		return;
	if (handle->map == NULL) {
		void *map = mmap(NULL, BELIEF_BYTES, PROT_READ | PROT_WRITE,
				 MAP_SHARED, handle->fd, 0);
		/* Not with cache=none on most kernels. */
		if (map == MAP_FAILED) {
			(void)expect(worker, handle, "mmap", errno == ENODEV);
			return;
		}
		handle->map = map;
	}
	bool faulted = sigsetjmp(escape, 1) != 0;
	if (!faulted) {
		mapped = 1;
		touch_mapped(worker, handle, span, below(worker, 2) == 0);
	}
	mapped = 0;
	errno = EFAULT;
	(void)expect(worker, handle, "a mapped access", !faulted);
}

static void work_sync(struct worker *worker, struct handle *handle)
{
	bool all = false;
	int r;

	switch (below(worker, handle->map != NULL ? 3 : 2)) {
	case 0:
		r = fsync(handle->fd);
		all = true;
		break;
	case 1:
		r = fdatasync(handle->fd);
		break;
	default:
		r = msync(handle->map, BELIEF_BYTES, MS_SYNC);
	}
	/* Told before the power failed, it is so; else it may be. */
	if (expect(worker, handle, "sync", r == 0) && !crashed(worker) &&
	    (all || !handle->belief->renamed))
		belief_sync(handle->belief, handle->from,
			    handle->to - handle->from,
			    handle->own || handle->locked);
}

static void close_handle(struct handle *handle)
{
	if (handle->map != NULL)
		munmap(handle->map, BELIEF_BYTES);
	if (handle->fd >= 0)
		close(handle->fd);
	handle->map = NULL;
	handle->fd = -1;
}

static void open_handle(struct worker *worker, struct handle *handle)
{
	handle->fd = openat(worker->root, handle->belief->name,
			    O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	(void)expect(worker, handle, "open", handle->fd >= 0);
}

static void work_reopen(struct worker *worker, struct handle *handle)
{
	if (!handle->own)
		return;
	close_handle(handle);
	open_handle(worker, handle);
}

/* By unlink and create, or by a rename over it. */
static void work_replace(struct worker *worker, struct handle *handle)
{
	const char *name = handle->belief->name;
	char other[16];

	if (!handle->own)
		return;
	close_handle(handle);
	snprintf(other, sizeof(other), "t%d", worker->number);
	belief_replace(handle->belief);
	if (below(worker, 2) == 0) {
		(void)expect(worker, handle, "unlink",
			     unlinkat(worker->root, name, 0) == 0);
		open_handle(worker, handle);
		return;
	}
	handle->fd = openat(worker->root, other,
			    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	handle->belief->renamed = true;
	if (expect(worker, handle, "create", handle->fd >= 0))
		(void)expect(
			worker, handle, "rename",
			renameat(worker->root, other, worker->root, name) == 0);
}

typedef void work_fn(struct worker *worker, struct handle *handle);

static work_fn *const works[] = {
	work_read,  work_read,	work_read,     work_write, work_write,
	work_write, work_write, work_write,    work_space, work_copy,
	work_map,   work_map,	work_map,      work_sync,  work_sync,
	work_read,  work_write, work_truncate, work_read,  work_write,
};

static bool lock(struct worker *worker, struct handle *handle)
{
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (!expect(worker, handle, "lock",
		    fcntl(handle->fd, F_OFD_SETLKW, &range) == 0))
		return false;
	errno = EBUSY;
	return expect(worker, handle, "a lock that keeps others out",
		      pthread_mutex_trylock(&worker->crowd->shadow) == 0);
}

static void unlock(struct worker *worker, struct handle *handle)
{
	struct flock range = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	pthread_mutex_unlock(&worker->crowd->shadow);
	(void)expect(worker, handle, "unlock",
		     fcntl(handle->fd, F_OFD_SETLK, &range) == 0);
}

static void work_walk(struct worker *worker)
{
	bool good = true;

	if (sigsetjmp(escape, 1) == 0) {
		mapped = 1;
		good = walk_step(worker->walk);
	} else if (!crashed(worker)) {
		printf("# worker %d: a mapped access failed\n", worker->number);
		good = false;
	}
	mapped = 0;
	if (!good)
		atomic_fetch_add(&worker->crowd->failures, 1);
}

static void work(struct worker *worker)
{
	struct handle *handle = &worker->handles[below(worker, FILES)];
	unsigned int which = below(worker, 400);
	work_fn *fn = works[which % (sizeof(works) / sizeof(works[0]))];

	if (handle->own && worker->walk != NULL) {
		work_walk(worker);
		atomic_fetch_add(&worker->crowd->operations, 1);
		return;
	}
	if (which < 10)
		fn = work_reopen;
	else if (which < 16)
		fn = work_replace;
	bool locked = handle->locked && handle->fd >= 0 && lock(worker, handle);
	if (handle->fd >= 0 && !crashed(worker) && locked == handle->locked)
		fn(worker, handle);
	if (locked)
		unlock(worker, handle);
	worker->acts++;
	atomic_fetch_add(&worker->crowd->operations, 1);
}

static void set_up(struct worker *worker)
{
	struct crowd *crowd = worker->crowd;
	int64_t part = (BELIEF_BYTES - 2 * EDGE) / CROWD_WORKERS;

	for (int i = 0; i < FILES; i++) {
		struct handle *handle = &worker->handles[i];
		*handle = (struct handle){
			.belief = &crowd->files[worker->number * CROWD_OWN + i],
			.to = BELIEF_BYTES,
			.fd = -1,
			.own = i < CROWD_OWN,
		};
	}
	struct handle *parted = &worker->handles[CROWD_OWN];
	parted->belief = &crowd->files[CROWD_PARTED];
	parted->from = EDGE + part * worker->number;
	parted->to = parted->from + part;
	worker->handles[CROWD_OWN + 1].belief = &crowd->files[CROWD_LOCKED];
	worker->handles[CROWD_OWN + 1].locked = true;
}

static bool begin_walk(struct worker *worker)
{
	struct crowd *crowd = worker->crowd;
	struct walk *walk = calloc(1, sizeof(*walk));

	if (walk == NULL)
		return false;
	worker->walk = walk;
	snprintf(worker->directory, sizeof(worker->directory), "w%d",
		 worker->number);
	walk->seed = worker->seed;
	walk->crashes = &crowd->crashes;
	walk->target = target_mount_start(crowd->cache, worker->directory);
	if (walk->target == NULL)
		return false;
	int store =
		open(walk->target->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	model_init(&walk->model, crowd->rule, store);
	return store >= 0;
}

static void end_walk(struct worker *worker)
{
	struct walk *walk = worker->walk;

	if (walk == NULL)
		return;
	if (walk->target != NULL) {
		close(walk->model.store);
		model_done(&walk->model);
		walk->target->table->stop(walk->target);
	}
	free(walk);
}

static void come_back(struct worker *worker)
{
	if (worker->root >= 0)
		close(worker->root);
	for (int i = 0; i < FILES; i++)
		close_handle(&worker->handles[i]);
	worker->root = open(getenv("MNT"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < FILES; i++)
		open_handle(worker, &worker->handles[i]);
}

void crowd_work(struct crowd *crowd, int number)
{
	const struct sigaction fault = {.sa_handler = on_fault};
	struct worker worker = {.crowd = crowd, .number = number, .root = -1};

	worker.seed = crowd->seed;
	worker.seed.state += (uint64_t)(number + 1) * 0x9e3779b97f4a7c15u;
	(void)sigaction(SIGBUS, &fault, NULL); /* cannot fail */
	set_up(&worker);
	if (crowd->rule != NULL && !begin_walk(&worker))
		atomic_fetch_add(&crowd->failures, 1);
	come_back(&worker);
	while (!atomic_load(&crowd->stop)) {
		if (!crashed(&worker)) {
			work(&worker);
			continue;
		}
		pthread_barrier_wait(&crowd->barrier);
		pthread_barrier_wait(&crowd->barrier);
		/* Not what is counted: that may be the next one already. */
		worker.crashes++;
		if (worker.walk != NULL && !walk_come_back(worker.walk))
			atomic_fetch_add(&crowd->failures, 1);
		if (!atomic_load(&crowd->stop))
			come_back(&worker);
	}
	for (int i = 0; i < FILES; i++)
		close_handle(&worker.handles[i]);
	close(worker.root);
	end_walk(&worker);
}

/* A directory for each worker, with the other one that a walk takes for granted;
 * and what else has a name so far is to keep it. */
static bool make_directories(int root)
{
	bool good = true;

	for (int i = 0; i < CROWD_WORKERS && good; i++) {
		char path[24];
		snprintf(path, sizeof(path), "w%d", i);
		good = mkdirat(root, path, 0755) == 0;
		snprintf(path, sizeof(path), "w%d/d", i);
		good = good && mkdirat(root, path, 0755) == 0;
	}
	return good && controlfile_verb(root, "sync") == 0;
}

bool crowd_make_files(struct crowd *crowd)
{
	static const uint8_t zeros[BELIEF_BYTES];
	int root = open(getenv("MNT"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = root >= 0;

	for (int i = 0; i < CROWD_FILES && good; i++) {
		struct belief *belief = &crowd->files[i];
		snprintf(belief->name, sizeof(belief->name), "c%d", i);
		int fd = openat(root, belief->name,
				O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		belief_put(belief, 0, zeros, BELIEF_BYTES);
		good = fd >= 0 &&
		       write(fd, zeros, BELIEF_BYTES) == BELIEF_BYTES &&
		       fsync(fd) == 0;
		belief_sync(belief, 0, BELIEF_BYTES, true);
		if (fd >= 0)
			close(fd);
	}
	if (good && crowd->rule != NULL)
		good = make_directories(root);
	if (root >= 0)
		close(root);
	return good;
}
