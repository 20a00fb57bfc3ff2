/* SPDX-License-Identifier: MIT */
/*
 * Serves http_reply.h over a socket, in one thread of its own that blocks all
 * signals. Whatever clients do, they get an answer or are cut off: a request has
 * to be complete in a certain time, connections and waiting requests are
 * limited, the connection that was idle longest makes room for a new one. The
 * thread is alone with all of its data; other threads only start, stop and wake
 * it.
 */
#ifndef FLAKEY_FAILPOINTS_HTTP_SERVER_H
#define FLAKEY_FAILPOINTS_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

struct errmsg;
struct http_host;
struct http_server;

/* Never more connections at once, nor more than an eighth of the descriptors
 * that the process may have. */
#define HTTP_SERVER_CONNECTIONS_MAX 128
/* Nor more requests that wait. */
#define HTTP_SERVER_WAITS_MAX 64

struct http_server_config {
	const char *address;	      /* as http_listener.h has it */
	const struct http_host *host; /* has to outlive the server */
	/* From connecting, or its first line, to its end a request may take so
	 * long, and a reply as long again; 0: 10 s. */
	int64_t request_ms;
	/* A connection without a request lasts so long; 0: 60 s. */
	int64_t idle_ms;
};

/* Returns 0, or a negative errno and a sentence. */
int http_server_start(const struct http_server_config *config,
		      struct http_server **ret_server,
		      struct errmsg *reterr_why);

/* Where it listens; a port that was given as 0 is the real one. */
const char *http_server_address(const struct http_server *server);

/*
 * Ends all connections and the thread, and frees all. timeout_ms < 0: waits for
 * the thread, which is in the midst of one request at most. Else it is waited
 * for no longer, and then left alone, with its memory: for the end of a process.
 */
void http_server_stop(struct http_server *server, int64_t timeout_ms);

/* In the child of a fork(2), which has the descriptors and not the thread:
 * closes them. The memory is left alone. */
void http_server_forget(struct http_server *server);

#endif
