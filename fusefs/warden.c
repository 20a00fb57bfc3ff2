/* SPDX-License-Identifier: MIT */
/*
 * What threads had taken is had back from the kernel (FUSE_NOTIFY_RESEND of newer
 * ones), and answered by its number where that is not possible.
 */
#include "fusefs/warden.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Newer than the headers that this is built with. */
#define NOTIFY_RESEND 7
/* Larger than any request. */
#define REQUEST_BYTES ((1 << 20) + 65536)
#define BOARD_BYTES ((LOOP_THREADS_MAX + 1) * sizeof(_Atomic uint64_t))
/* Numbers are even, and older kernels count them up. A thread may die with a request
 * before it has said so. */
#define NUMBER_STEP 2
#define GUESSES 64
/* Something that a dying thread had just taken is had back later. */
#define PATIENCE_MS 20

static void close_others(int fuse_fd, int daemon_fd)
{
	DIR *fds = opendir("/proc/self/fd");
	const struct dirent *entry;
	while (fds != NULL && (entry = readdir(fds)) != NULL) {
		int fd = atoi(entry->d_name);
		if (entry->d_name[0] != '.' && fd != dirfd(fds) &&
		    fd != fuse_fd && fd != daemon_fd)
			close(fd);
	}
	if (fds != NULL)
		closedir(fds);
}

/* The kernel may have given it up, or have its answer. */
static void refuse(int fuse_fd, uint64_t unique)
{
	const struct fuse_out_header reply = {
		.len = sizeof(reply),
		.error = -ENOTCONN,
		.unique = unique,
	};
	if (unique != 0)
		(void)!write(fuse_fd, &reply, sizeof(reply));
}

static void refuse_taken(int fuse_fd, const _Atomic uint64_t *taken)
{
	const struct fuse_out_header resend = {
		.len = sizeof(resend),
		.error = NOTIFY_RESEND,
	};
	if (write(fuse_fd, &resend, sizeof(resend)) == sizeof(resend))
		return;
	for (int i = 0; i < LOOP_THREADS_MAX; i++)
		refuse(fuse_fd, taken[i]);
	uint64_t last = taken[LOOP_THREADS_MAX] / NUMBER_STEP * NUMBER_STEP;
	for (uint64_t i = 1; i <= GUESSES; i++)
		refuse(fuse_fd, last + i * NUMBER_STEP);
}

void warden_note(struct warden *warden, int slot, uint64_t unique)
{
	if (warden == NULL)
		return;
	warden->taken[slot] = unique;
	if (unique != 0)
		warden->taken[LOOP_THREADS_MAX] = unique;
}

static bool wants_answer(const struct fuse_in_header *header)
{
	return header->opcode != FUSE_FORGET &&
	       header->opcode != FUSE_BATCH_FORGET &&
	       header->opcode != FUSE_INTERRUPT &&
	       header->opcode != FUSE_NOTIFY_REPLY;
}

/* False when there is no connection any more. */
static bool refuse_waiting(int fuse_fd, void *buffer)
{
	ssize_t n;
	while ((n = read(fuse_fd, buffer, REQUEST_BYTES)) > 0) {
		const struct fuse_in_header *header = buffer;
		if (n >= (ssize_t)sizeof(*header) && wants_answer(header))
			refuse(fuse_fd, header->unique);
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOENT);
}

/* The daemon reads no more, so the descriptor that it shares may cease to wait. */
static void clear_up(int fuse_fd, int daemon_fd, const _Atomic uint64_t *taken)
{
	void *buffer = malloc(REQUEST_BYTES);
	struct pollfd fds[2] = {
		{.fd = daemon_fd, .events = POLLIN},
		{.fd = fuse_fd, .events = POLLIN},
	};
	int n = 0;
	(void)fcntl(fuse_fd, F_SETFL, O_NONBLOCK | O_RDWR);
	while (buffer != NULL && fds[0].revents == 0) {
		if (n == 0)
			refuse_taken(fuse_fd, taken);
		if (!refuse_waiting(fuse_fd, buffer))
			break;
		n = poll(fds, 2, PATIENCE_MS);
	}
}

/* Until the daemon ends. Its death is told with a signal that queues, so that what
 * others send does not hide it, and that has the daemon for its sender. */
static void await_death(pid_t daemon)
{
	sigset_t set;
	siginfo_t info;
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	(void)prctl(PR_SET_PDEATHSIG, SIGRTMIN);
	while (getppid() == daemon)
		if (sigwaitinfo(&set, &info) == SIGRTMIN &&
		    info.si_pid == daemon)
			return;
}

/* Signals that end programs are for the daemon to act on. */
__attribute__((noreturn)) static void keep_watch(int fuse_fd, int daemon_fd,
						 pid_t daemon,
						 const _Atomic uint64_t *taken)
{
	close_others(fuse_fd, daemon_fd);
	await_death(daemon);
	clear_up(fuse_fd, daemon_fd, taken);
	_exit(0);
}

struct warden *warden_start(int fuse_fd)
{
	pid_t daemon = getpid();
	struct warden *warden = calloc(1, sizeof(*warden));
	if (warden == NULL)
		return NULL;
	int daemon_fd = (int)syscall(SYS_pidfd_open, daemon, 0);
	warden->taken = mmap(NULL, BOARD_BYTES, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool good = daemon_fd >= 0 && (void *)warden->taken != MAP_FAILED;
	warden->pid = good ? fork() : -1;
	if (warden->pid == 0)
		keep_watch(fuse_fd, daemon_fd, daemon, warden->taken);
	if (daemon_fd >= 0)
		close(daemon_fd);
	if (warden->pid < 0) {
		if ((void *)warden->taken != MAP_FAILED)
			munmap((void *)warden->taken, BOARD_BYTES);
		free(warden);
		return NULL;
	}
	return warden;
}

void warden_stop(struct warden *warden)
{
	if (warden == NULL)
		return;
	(void)kill(warden->pid, SIGKILL);
	(void)waitpid(warden->pid, NULL, 0); /* ours, and killed */
	munmap((void *)warden->taken, BOARD_BYTES);
	free(warden);
}
