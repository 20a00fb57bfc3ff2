/* SPDX-License-Identifier: MIT */
/*
 * Requests and their replies, as libmicrohttpd's callbacks see them: they get
 * the service as their first argument, and are called by the server's thread
 * only. What each callback is for, microhttpd.h says.
 */
#ifndef FLAKEY_FAILPOINTS_HTTP_EXCHANGE_H
#define FLAKEY_FAILPOINTS_HTTP_EXCHANGE_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failpoints/http_peers.h"

struct http_host;

/* The server, as far as requests need it. */
struct http_service {
	const struct http_host *host;
	int64_t request_ns;
	int64_t idle_ns;
	bool watched; /* the host was asked to watch */
	int watch_fd; /* the host's, -1: none */
	struct http_peers peers;
};

/* MHD_NotifyConnectionCallback */
void http_exchange_connect(void *user, struct MHD_Connection *connection,
			   void **context,
			   enum MHD_ConnectionNotificationCode what);

/* MHD_OPTION_URI_LOG_CALLBACK: the request line is there. */
void *http_exchange_begin(void *user, const char *target,
			  struct MHD_Connection *connection);

/* MHD_OPTION_UNESCAPE_CALLBACK: names are what came over the wire. */
size_t http_exchange_unescape(void *user, struct MHD_Connection *connection,
			      char *text);

/* MHD_AccessHandlerCallback */
enum MHD_Result http_exchange_continue(void *user,
				       struct MHD_Connection *connection,
				       const char *url, const char *method,
				       const char *version, const char *data,
				       size_t *data_bytes, void **context);

/* MHD_RequestCompletedCallback: the reply was sent, or never will be. */
void http_exchange_end(void *user, struct MHD_Connection *connection,
		       void **context, enum MHD_RequestTerminationCode why);

/* Requests that wait go on when they have their answer, when their time is over,
 * or when their client has left, which left says by the place of its peer. */
void http_exchange_look(struct http_service *service,
			const bool left[static HTTP_PEERS_MAX]);

/* All that wait go on: they are told that nothing will come. */
void http_exchange_stop(struct http_service *service);

#endif
