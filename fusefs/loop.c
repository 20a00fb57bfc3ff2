/* SPDX-License-Identifier: MIT */
#include "fusefs/loop.h"

#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "fusefs/fault.h"
#include "fusefs/ops.h"
#include "fusefs/shutdown.h"
#include "fusefs/warden.h"
#include "fusefs/wire.h"

/* What a crash waits at most for handlers that were slow to begin with. */
#define CATCH_UP_S 2

/* So many requests in a row with another waiting are more than one client. */
#define STREAK_PARALLEL 3

#define MEMORY_RETRY_MS 10

/* Waking another thread pays if requests take longer than that: the fewer CPUs
 * there are, the more likely it only takes one from the clients. */
#define SHORT_NS_OF_ONE_CPU 60000

struct loop {
	struct fuse_session *session;
	struct fusefs *fusefs;
	int ended_fd;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t lead;  /* signalled when there is no leader */
	bool led;
	_Atomic bool stopping;
	int idle;
	int count;
	int slots; /* places given out */
	pthread_t threads[LOOP_THREADS_MAX];
	int streak; /* requests in a row behind which another was waiting */
	int64_t short_ns;
	_Atomic int64_t mean_ns; /* how long requests took lately */

	/* Requests are numbered as they are taken, which is the order in which
	 * they were queued. Each thread has the number of its own; 0: none. */
	_Atomic uint64_t taken;
	_Atomic uint64_t serving[LOOP_THREADS_MAX];
	_Atomic bool awaited; /* somebody is in loop_catch_up() */
	pthread_cond_t served;
	uint64_t mark; /* the number of the answer to it; 0: not yet */
};

static _Thread_local bool leads; /* this thread is the leader */
static _Thread_local int slot;	 /* its place in serving */

static _Thread_local struct {
	void *memory;
	size_t size_bytes;
} room;

static void *serve(void *user);

static void ignore_signal(int signal)
{
	(void)signal; /* it only has to interrupt read(2) */
}

/* Another thread shall lead: a waiting one, or a new one. If there can be no
 * more, the next that finishes will. */
static void offer_lead(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->led = false;
	leads = false;
	if (loop->idle > 0)
		pthread_cond_signal(&loop->lead);
	else if (loop->count < LOOP_THREADS_MAX && !loop->stopping &&
		 pthread_create(&loop->threads[loop->count], NULL, serve,
				loop) == 0)
		loop->count++;
	pthread_mutex_unlock(&loop->lock);
}

void *loop_room(size_t size_bytes)
{
	if (size_bytes <= room.size_bytes)
		return room.memory;
	void *memory = malloc(size_bytes);
	if (memory == NULL)
		return NULL;
	free(room.memory);
	room.memory = memory;
	room.size_bytes = size_bytes;
	return memory;
}

void loop_forget_room(void)
{
	free(room.memory);
	room.memory = NULL;
	room.size_bytes = 0;
}

void loop_step_aside(struct loop *loop)
{
	if (leads)
		offer_lead(loop);
}

static bool wait_for_lead(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->idle++;
	while (loop->led && !loop->stopping)
		pthread_cond_wait(&loop->lead, &loop->lock);
	loop->idle--;
	bool go = !loop->stopping;
	loop->led = true;
	leads = true;
	pthread_mutex_unlock(&loop->lock);
	return go;
}

/* Whether another thread should take the next request before this one is done. A
 * lone client leaves something behind a request now and then, the RELEASE of
 * its last file: handing over for that would cost it more than the wait. So it
 * would cost several clients whose requests are short: one thread that never
 * sleeps serves them faster than many that wake each other. Only the leader
 * comes here. */
static bool is_parallel(struct loop *loop)
{
	struct pollfd poll_fd = {.fd = fuse_session_fd(loop->session),
				 .events = POLLIN};
	if (loop->mean_ns < loop->short_ns || poll(&poll_fd, 1, 0) <= 0)
		loop->streak = 0;
	else if (loop->streak < STREAK_PARALLEL)
		loop->streak++;
	return loop->streak == STREAK_PARALLEL;
}

/* libfuse had no memory for this thread's buffer. One that has a buffer shall
 * lead; if all are busy, memory is waited for. */
static void wait_for_memory(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	bool other = loop->idle > 0;
	if (other) {
		loop->led = false;
		leads = false;
		pthread_cond_signal(&loop->lead);
	}
	pthread_mutex_unlock(&loop->lock);
	if (!other)
		poll(NULL, 0, MEMORY_RETRY_MS);
}

/* Two threads may do this at once, and one be lost: it is an estimate. */
static void note_duration(struct loop *loop)
{
	int64_t mean_ns = loop->mean_ns;
	loop->mean_ns = mean_ns + (wire_duration_ns() - mean_ns) / 8;
}

static void begin(struct loop *loop, const struct fuse_buf *buffer)
{
	const struct fuse_in_header *header = buffer->mem;
	warden_note(loop->fusefs->warden, slot, header->unique);
	loop->serving[slot] = ++loop->taken; /* the leader's only */
}

static void end(struct loop *loop)
{
	warden_note(loop->fusefs->warden, slot, 0);
	loop->serving[slot] = 0;
	if (!loop->awaited)
		return;
	pthread_mutex_lock(&loop->lock);
	pthread_cond_broadcast(&loop->served);
	pthread_mutex_unlock(&loop->lock);
}

static void process(struct loop *loop, struct fuse_buf *buffer)
{
	wire_note(buffer);
	if (!wire_is_ordered() && is_parallel(loop))
		offer_lead(loop);
	fuse_session_process_buf(loop->session, buffer);
	fault_leave(buffer);
	note_duration(loop);
}

/* As the leader, serves until somebody else leads; false when the mount is
 * gone or the loop stops. */
static bool lead(struct loop *loop, struct fuse_buf *buffer)
{
	while (leads) {
		int n = fuse_session_receive_buf(loop->session, buffer);
		if (loop->stopping)
			return false;
		if (n == -EINTR || n == -EAGAIN || n == -ENOENT)
			continue; /* ENOENT: the request was interrupted */
		if (n == -ENOMEM) {
			wait_for_memory(loop);
			continue;
		}
		if (n <= 0)
			return false;
		begin(loop, buffer);
		if (!shutdown_refuses(loop->fusefs, buffer) &&
		    !fault_takes(loop->fusefs->faults, buffer))
			process(loop, buffer);
		end(loop);
	}
	return true;
}

static void *serve(void *user)
{
	struct loop *loop = user;
	struct fuse_buf buffer = {0};
	bool go = true;
	pthread_mutex_lock(&loop->lock);
	slot = loop->slots++;
	pthread_mutex_unlock(&loop->lock);
	while (go && wait_for_lead(loop))
		go = lead(loop, &buffer);
	free(buffer.mem);
	loop_forget_room();
	if (!go && !loop->stopping) {
		const uint64_t one = 1;
		/* Cannot fail: the counter is far from its limit. */
		(void)!write(loop->ended_fd, &one, sizeof(one));
	}
	/* Whoever waits has nothing to lead any more, and hears of it. */
	pthread_mutex_lock(&loop->lock);
	if (leads)
		loop->led = false;
	pthread_cond_broadcast(&loop->lead);
	pthread_mutex_unlock(&loop->lock);
	return NULL;
}

int loop_new(struct fuse_session *session, struct fusefs *fusefs,
	     struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (loop == NULL)
		return -ENOMEM;
	loop->session = session;
	loop->fusefs = fusefs;
	loop->short_ns = SHORT_NS_OF_ONE_CPU / sysconf(_SC_NPROCESSORS_ONLN);
	loop->ended_fd = eventfd(0, EFD_CLOEXEC);
	if (loop->ended_fd < 0) {
		int r = -errno;
		free(loop);
		return r;
	}
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->lead, NULL);
	pthread_cond_init(&loop->served, NULL);
	*ret_loop = loop;
	return 0;
}

int loop_start(struct loop *loop)
{
	/* No SA_RESTART: see loop_stop(). */
	struct sigaction action = {.sa_handler = ignore_signal};
	sigaction(SIGUSR1, &action, NULL);
	pthread_mutex_lock(&loop->lock);
	int r = pthread_create(&loop->threads[0], NULL, serve, loop);
	if (r == 0)
		loop->count = 1;
	pthread_mutex_unlock(&loop->lock);
	return -r;
}

static bool is_behind(const struct loop *loop)
{
	if (loop->mark == 0)
		return true;
	for (int i = 0; i < LOOP_THREADS_MAX; i++)
		if (loop->serving[i] != 0 && loop->serving[i] < loop->mark)
			return true;
	return false;
}

/* A request of our own, which no cache answers and no rule holds back: what it comes
 * behind has been taken when it is answered. 0, or an error. */
static int ask_ourselves(struct loop *loop)
{
	struct statx st;
	cleanup_fd int fd = open(loop->fusefs->config.mountpoint,
				 O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
			    STATX_MODE, &st) < 0)
		return -errno;
	pthread_mutex_lock(&loop->lock);
	loop->mark = loop->taken + 1;
	pthread_mutex_unlock(&loop->lock);
	return 0;
}

/* The kernel is asked for pages of the root, of which there are none. Its answer
 * comes as a request, behind all that were queued before. Newer kernels refuse it,
 * of what is no regular file. */
void loop_catch_up(struct loop *loop)
{
	struct timespec deadline;
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += CATCH_UP_S;
	pthread_mutex_lock(&loop->lock);
	loop->mark = 0;
	loop->awaited = true;
	pthread_mutex_unlock(&loop->lock);
	int r = fuse_lowlevel_notify_retrieve(loop->session, FUSE_ROOT_ID, 1, 0,
					      NULL);
	if (r < 0)
		r = ask_ourselves(loop);
	pthread_mutex_lock(&loop->lock);
	while (r == 0 && is_behind(loop))
		r = pthread_cond_timedwait(&loop->served, &loop->lock,
					   &deadline);
	loop->awaited = false;
	pthread_mutex_unlock(&loop->lock);
}

void loop_caught_up(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->mark = loop->serving[slot];
	pthread_cond_broadcast(&loop->served);
	pthread_mutex_unlock(&loop->lock);
}

int loop_ended_fd(const struct loop *loop)
{
	return loop->ended_fd;
}

/* A leader in read(2) is interrupted again and again until it has noticed: the
 * signal may come just before the call. */
static void join(pthread_t thread)
{
	struct timespec deadline;
	do {
		pthread_kill(thread, SIGUSR1);
		clock_gettime(CLOCK_REALTIME, &deadline);
		deadline.tv_nsec += 20000000;
		if (deadline.tv_nsec >= 1000000000) {
			deadline.tv_nsec -= 1000000000;
			deadline.tv_sec++;
		}
	} while (pthread_timedjoin_np(thread, NULL, &deadline) == ETIMEDOUT);
}

void loop_stop(struct loop *loop)
{
	if (loop == NULL)
		return;
	pthread_mutex_lock(&loop->lock);
	loop->stopping = true;
	pthread_cond_broadcast(&loop->lead);
	int count = loop->count;
	pthread_mutex_unlock(&loop->lock);
	for (int i = 0; i < count; i++)
		join(loop->threads[i]);
	pthread_mutex_destroy(&loop->lock);
	pthread_cond_destroy(&loop->lead);
	pthread_cond_destroy(&loop->served);
	close(loop->ended_fd);
	free(loop);
}
