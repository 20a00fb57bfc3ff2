/* SPDX-License-Identifier: MIT */
/*
 * The public functions for HTTP: the one server of the process, and the same
 * answers for a host that has a server itself.
 */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "failpoints/bell.h"
#include "failpoints/death.h"
#include "failpoints/failpoint.h"
#include "failpoints/http_points.h"
#include "failpoints/http_reply.h"
#include "failpoints/last_error.h"
#ifdef FAILPOINT_HTTP_SERVER
#include "failpoints/http_server.h"
#endif

#define NS_PER_MS INT64_C(1000000)
/* The end of the process waits no longer for the server's thread: whoever ends
 * it may be in a signal handler, and have a lock that the thread wants. */
#define EXIT_MS INT64_C(500)

#ifdef FAILPOINT_HTTP_SERVER

/* The server, guarded by the mutex. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct http_server *server;

static void before_fork(void)
{
	(void)pthread_mutex_lock(&mutex); /* cannot fail */
}

static void after_fork(void)
{
	(void)pthread_mutex_unlock(&mutex); /* cannot fail */
}

static void in_child(void)
{
	http_server_forget(server);
	server = NULL;
	death_forked();
	after_fork();
}

static void prepare_for_forks(void)
{
	/* Only without memory; then a child keeps the sockets open. */
	(void)pthread_atfork(before_fork, after_fork, in_child);
}

int failpoint_http_start(const char *address)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const struct http_server_config config = {
		.address = address,
		.host = http_points(),
	};
	int r = -EALREADY;

	(void)pthread_once(&once, prepare_for_forks); /* cannot fail */
	before_fork();
	if (server)
		errmsg_set(last_error(), "failpoints are served already, on %s",
			   http_server_address(server));
	else
		r = http_server_start(&config, &server, last_error());
	after_fork();
	return r;
}

static void stop(int64_t timeout_ms)
{
	struct http_server *stopped;

	before_fork();
	stopped = server;
	server = NULL;
	after_fork();
	http_server_stop(stopped, timeout_ms);
}

void failpoint_http_stop(void)
{
	stop(-1);
}

__attribute__((destructor)) static void stop_at_exit(void)
{
	stop(EXIT_MS);
}

int failpoint_http_address(char *address, size_t size)
{
	const char *text;
	int r = -ENOTCONN;

	before_fork();
	text = server ? http_server_address(server) : "";
	if (server)
		r = strlen(text) < size ? 0 : -ERANGE;
	if (r == 0)
		memcpy(address, text, strlen(text) + 1);
	after_fork();
	if (r < 0)
		errmsg_set(last_error(), r == -ERANGE ? "the address is longer"
						      : "nothing is served");
	return r;
}

#else

int failpoint_http_start(const char *address)
{
	errmsg_set(last_error(),
		   "cannot listen on '%.200s': libfailpoint was built without "
		   "libmicrohttpd",
		   address);
	return -ENOTSUP;
}

void failpoint_http_stop(void)
{
}

int failpoint_http_address(char *address, size_t size)
{
	(void)address;
	(void)size;
	errmsg_set(last_error(), "nothing is served");
	return -ENOTCONN;
}

#endif

/* One request of a host's own server. */
struct ask {
	struct http_request request;
	struct http_reply reply;
};

static bool is_answered(void *user)
{
	struct ask *ask = user;

	http_reply_done(&ask->reply);
	http_reply_decide(http_points(), &ask->request, &ask->reply);
	return ask->reply.status != 0;
}

static void answer(struct ask *ask, int64_t wait_max_ms)
{
	int64_t timeout_ms;

	if (is_answered(ask))
		return;
	timeout_ms = ask->reply.timeout_ns / NS_PER_MS;
	if (wait_max_ms >= 0 && wait_max_ms < timeout_ms)
		timeout_ms = wait_max_ms;
	if (timeout_ms > 0 &&
	    bell_listen(is_answered, ask, bell_deadline(timeout_ms)) == 0)
		return;
	ask->request.late = true;
	(void)is_answered(ask); /* it is: late ones always are */
}

int failpoint_http_handle(const struct failpoint_http_request *request,
			  struct failpoint_http_reply *ret_reply)
{
	struct ask *ask = calloc(1, sizeof(*ask));

	if (!ask) {
		errmsg_set(last_error(), "out of memory");
		return -ENOMEM;
	}
	ask->request = (struct http_request){
		.method = request->method,
		.target = request->target,
		.target_bytes = strlen(request->target),
		.body = request->body ? request->body : "",
		.body_bytes = request->body_bytes,
		.body_too_long = request->body_bytes > HTTP_REPLY_BODY_MAX,
	};
	answer(ask, request->wait_max_ms);
	*ret_reply = (struct failpoint_http_reply){
		.status = (int)ask->reply.status,
		.phrase = http_reply_phrase(ask->reply.status),
		.content_type = ask->reply.content_type,
		.allow = ask->reply.allow,
		.body = ask->reply.body.data ? ask->reply.body.data : "",
		.body_bytes = ask->reply.body.length_bytes,
		.inner = ask,
	};
	return 0;
}

void failpoint_http_sent(struct failpoint_http_reply *reply)
{
	struct ask *ask = reply->inner;

	if (ask)
		http_reply_done(&ask->reply);
	free(ask);
	reply->inner = NULL;
}
