/* SPDX-License-Identifier: MIT */
/*
 * libmicrohttpd reads and writes HTTP; the loop is ours, since it has deadlines
 * of its own, and requests that wait for a point.
 */
#include "failpoints/http_server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "failpoints/http_exchange.h"
#include "failpoints/http_listener.h"
#include "failpoints/http_peers.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define REQUEST_MS INT64_C(10000)
#define IDLE_MS INT64_C(60000)
/* A path of 64 KiB is read and answered by us. What has no room here at all is
 * answered by libmicrohttpd. */
#define MEMORY_BYTES ((size_t)128 << 10)
/* Requests that wait are looked at so often, whatever the host says. */
#define LOOK_MS INT64_C(100)
/* Descriptors that the loop always waits for. */
#define OWN_FDS 3

struct http_server {
	struct http_listener listener;
	struct MHD_Daemon *daemon;
	int epoll_fd; /* libmicrohttpd's */
	int event_fd; /* wakes the loop */
	int spare_fd; /* makes room for one connection; or -1 */
	atomic_bool stop;
	pthread_t thread;
	struct http_service service;
};

static void wake(struct http_server *server)
{
	const uint64_t one = 1;

	/* Full is as good: the loop has not slept since. */
	if (write(server->event_fd, &one, sizeof(one)) < 0)
		return;
}

static void drain(int event_fd)
{
	uint64_t ignored;

	/* It may be empty again already. */
	if (read(event_fd, &ignored, sizeof(ignored)) < 0)
		return;
}

static int timeout_ms(struct http_server *server)
{
	int64_t deadline_ns = http_peers_deadline_ns(&server->service.peers);
	int64_t left_ms =
		http_peers_waiting(&server->service.peers) ? LOOK_MS : INT_MAX;
	unsigned long long theirs_ms;

	if (deadline_ns < INT64_MAX) {
		int64_t ms = (deadline_ns - http_peers_now_ns()) / NS_PER_MS;

		left_ms = ms + 1 < left_ms ? ms + 1 : left_ms;
	}
	if (left_ms < 0)
		left_ms = 0;
	if (MHD_get_timeout(server->daemon, &theirs_ms) == MHD_YES &&
	    theirs_ms < (unsigned long long)left_ms)
		left_ms = (int64_t)theirs_ms;
	return (int)left_ms;
}

/* Sleeps until something is to be done. Fills left: the peers, by their place,
 * that have closed their end while their request waits. */
static void sleep_until_needed(struct http_server *server,
			       bool left[static HTTP_PEERS_MAX])
{
	struct pollfd fds[OWN_FDS + HTTP_SERVER_WAITS_MAX];
	size_t places[OWN_FDS + HTTP_SERVER_WAITS_MAX];
	size_t count = OWN_FDS;

	fds[0] = (struct pollfd){.fd = server->epoll_fd, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = server->event_fd, .events = POLLIN};
	fds[2] = (struct pollfd){.fd = server->service.watch_fd,
				 .events = POLLIN};
	for (size_t i = 0; i < HTTP_PEERS_MAX; i++) {
		struct http_peer *peer = &server->service.peers.all[i];

		left[i] = false;
		if (peer->state != HTTP_PEER_WAITING)
			continue;
		places[count] = i;
		fds[count++] = (struct pollfd){.fd = atomic_load(&peer->fd),
					       .events = POLLRDHUP};
	}
	/* A failure is EINTR or a lack of memory: the next round tries again. */
	if (poll(fds, count, timeout_ms(server)) <= 0)
		return;
	for (size_t i = OWN_FDS; i < count; i++)
		left[places[i]] = fds[i].revents != 0;
	if (fds[1].revents)
		drain(server->event_fd);
	if (fds[2].revents)
		drain(server->service.watch_fd);
}

/* The connection is not the HTTP library's. */
static void refuse(int fd)
{
	static const char reply[] =
		"HTTP/1.1 503 Service Unavailable\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Length: 39\r\n"
		"Connection: close\r\n\r\n"
		"the program has no descriptor to spare\n";
	char ignored[4096];

	/* Who does not take it at once does without. What has come already is
	 * read, or closing would take the reply back. */
	if (send(fd, reply, strlen(reply), MSG_NOSIGNAL) > 0)
		while (read(fd, ignored, sizeof(ignored)) > 0)
			;
	(void)close(fd); /* nothing can be done */
}

/* Without descriptors the HTTP library leaves connections where they are, and
 * its loop would spin: who comes then is told so. */
static void turn_away(struct http_server *server)
{
	struct pollfd door = {.fd = server->listener.fd, .events = POLLIN};
	struct pollfd event = {.fd = server->event_fd, .events = POLLIN};
	int fd;

	if (poll(&door, 1, 0) <= 0)
		return;
	fd = fcntl(server->event_fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0) {
		(void)close(fd); /* there are some */
		return;
	}
	if (server->spare_fd >= 0)
		(void)close(server->spare_fd); /* of an eventfd */
	fd = accept4(server->listener.fd, NULL, NULL,
		     SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		refuse(fd);
	else
		(void)poll(&event, 1, (int)LOOK_MS); /* only to wait */
	server->spare_fd = fcntl(server->event_fd, F_DUPFD_CLOEXEC, 0);
}

static void *run(void *user)
{
	struct http_server *server = user;
	bool left[HTTP_PEERS_MAX];

	while (!atomic_load(&server->stop)) {
		sleep_until_needed(server, left);
		http_exchange_look(&server->service, left);
		(void)MHD_run(server->daemon); /* retried in the next round */
		turn_away(server);
		http_peers_expire(&server->service.peers, http_peers_now_ns());
	}
	http_exchange_stop(&server->service);
	(void)MHD_run(server->daemon); /* for those just resumed */
	return NULL;
}

static size_t connection_limit(void)
{
	struct rlimit limit;
	size_t count = HTTP_SERVER_CONNECTIONS_MAX;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 8 < count)
		count = (size_t)limit.rlim_cur / 8;
	return count > 4 ? count : 4;
}

static struct MHD_Daemon *start_daemon(struct http_server *server)
{
	struct http_service *service = &server->service;
	size_t spare = HTTP_PEERS_MAX - HTTP_SERVER_CONNECTIONS_MAX;

	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		http_exchange_continue, service, MHD_OPTION_LISTEN_SOCKET,
		server->listener.fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)(service->peers.limit + spare),
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_BYTES,
		MHD_OPTION_NOTIFY_CONNECTION, http_exchange_connect, service,
		MHD_OPTION_NOTIFY_COMPLETED, http_exchange_end, service,
		MHD_OPTION_URI_LOG_CALLBACK, http_exchange_begin, service,
		MHD_OPTION_UNESCAPE_CALLBACK, http_exchange_unescape, NULL,
		MHD_OPTION_END);
}

/* The thread must not take the host's signals. */
static int start_thread(struct http_server *server)
{
	sigset_t all;
	sigset_t before;
	int r;

	(void)sigfillset(&all); /* cannot fail */
	r = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (r != 0)
		return -r;
	r = pthread_create(&server->thread, NULL, run, server);
	/* Cannot fail: it was the mask before. */
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return -r;
	(void)pthread_setname_np(server->thread, "failpoint-http");
	return 0;
}

/* Listening already. On failure the caller closes the listener. */
static int start_serving(struct http_server *server)
{
	const union MHD_DaemonInfo *info;
	int r;

	server->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->event_fd < 0)
		return -errno;
	/* If there is none: then nobody can be told. */
	server->spare_fd = fcntl(server->event_fd, F_DUPFD_CLOEXEC, 0);
	server->daemon = start_daemon(server);
	if (!server->daemon)
		return -ENOMEM;
	info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	server->epoll_fd = info ? info->epoll_fd : -1;
	r = info ? start_thread(server) : -ENOTSUP;
	if (r < 0) {
		/* The caller's descriptor is to survive. */
		(void)MHD_quiesce_daemon(server->daemon);
		MHD_stop_daemon(server->daemon);
	}
	return r;
}

int http_server_start(const struct http_server_config *config,
		      struct http_server **ret_server,
		      struct errmsg *reterr_why)
{
	cleanup_free struct http_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server) {
		errmsg_set(reterr_why, "out of memory");
		return -ENOMEM;
	}
	r = http_listener_open(config->address, &server->listener, reterr_why);
	if (r < 0)
		return r;
	server->service.host = config->host;
	server->service.request_ns =
		NS_PER_MS *
		(config->request_ms ? config->request_ms : REQUEST_MS);
	server->service.idle_ns =
		NS_PER_MS * (config->idle_ms ? config->idle_ms : IDLE_MS);
	server->event_fd = -1;
	server->spare_fd = -1;
	server->service.watch_fd = -1;
	http_peers_init(&server->service.peers, connection_limit());
	r = start_serving(server);
	if (r < 0) {
		errmsg_set(reterr_why, "cannot serve '%.200s': %s",
			   config->address, strerrordesc_np(-r));
		http_listener_remove(&server->listener);
		(void)close(server->listener.fd); /* nothing written */
		if (server->event_fd >= 0)
			(void)close(server->event_fd);
		if (server->spare_fd >= 0)
			(void)close(server->spare_fd);
		return r;
	}
	*ret_server = steal(server);
	return 0;
}

const char *http_server_address(const struct http_server *server)
{
	return server->listener.address;
}

/* 0, or -ETIMEDOUT. */
static int join(pthread_t thread, int64_t timeout_ms)
{
	struct timespec until;
	int64_t until_ns;

	if (timeout_ms < 0)
		return -pthread_join(thread, NULL);
	(void)clock_gettime(CLOCK_REALTIME, &until); /* cannot fail */
	until_ns = until.tv_nsec + timeout_ms * NS_PER_MS;
	until.tv_sec += until_ns / NS_PER_S;
	until.tv_nsec = until_ns % NS_PER_S;
	return -pthread_timedjoin_np(thread, NULL, &until);
}

void http_server_stop(struct http_server *server, int64_t timeout_ms)
{
	if (!server)
		return;
	http_listener_remove(&server->listener);
	atomic_store(&server->stop, true);
	wake(server);
	if (join(server->thread, timeout_ms) != 0)
		return;
	MHD_stop_daemon(server->daemon); /* closes the listener */
	(void)close(server->event_fd);
	if (server->spare_fd >= 0)
		(void)close(server->spare_fd);
	free(server);
}

void http_server_forget(struct http_server *server)
{
	if (!server)
		return;
	http_peers_forget(&server->service.peers);
	(void)close(server->epoll_fd);
	(void)close(server->event_fd);
	if (server->spare_fd >= 0)
		(void)close(server->spare_fd);
	(void)close(server->listener.fd);
}
