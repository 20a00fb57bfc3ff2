/* SPDX-License-Identifier: MIT */
/*
 * A request that waits is suspended, and decided again whenever the host says
 * that something has happened.
 */
#include "failpoints/http_exchange.h"

#include <stdlib.h>
#include <string.h>

#include "failpoints/http_reply.h"
#include "failpoints/http_server.h"

/* So much of a body that is too long is read, for clients that listen only when
 * they have sent all. */
#define SWALLOW_MAX ((uint64_t)64 << 20)

/* A request and what it gets. */
struct http_exchange {
	struct http_peer *peer;
	struct MHD_Connection *connection;
	char *target;
	size_t target_bytes;
	struct text body;
	uint64_t swallowed_bytes;
	bool too_long;
	bool begun;   /* the headers have been looked at */
	bool decided; /* reply is set */
	struct http_reply reply;
};

void http_exchange_connect(void *user, struct MHD_Connection *connection,
			   void **context,
			   enum MHD_ConnectionNotificationCode what)
{
	struct http_service *service = user;
	const union MHD_ConnectionInfo *info;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*context)
			http_peers_remove(*context);
		*context = NULL;
		return;
	}
	info = MHD_get_connection_info(connection,
				       MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info)
		*context = http_peers_add(&service->peers, info->connect_fd,
					  service->request_ns);
}

static struct http_peer *peer_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void free_exchange(struct http_exchange *exchange)
{
	http_reply_done(&exchange->reply);
	text_done(&exchange->body);
	free(exchange->target);
	free(exchange);
}

/* What one that was cut off does matters no more. */
static void set_state(struct http_exchange *exchange,
		      enum http_peer_state state, int64_t limit_ns)
{
	if (exchange->peer->state != HTTP_PEER_CLOSING)
		http_peers_set(exchange->peer, state, limit_ns);
}

void *http_exchange_begin(void *user, const char *target,
			  struct MHD_Connection *connection)
{
	struct http_service *service = user;
	struct http_exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return NULL;
	text_init(&exchange->body);
	exchange->body.limit_bytes = HTTP_REPLY_BODY_MAX;
	exchange->connection = connection;
	exchange->peer = peer_of(connection);
	/* One byte too many is enough to be refused. */
	exchange->target_bytes = strnlen(target, HTTP_REPLY_TARGET_MAX + 1);
	exchange->target = strndup(target, exchange->target_bytes);
	if (!exchange->target || !exchange->peer) {
		free_exchange(exchange);
		return NULL;
	}
	set_state(exchange, HTTP_PEER_ASKING, service->request_ns);
	return exchange;
}

size_t http_exchange_unescape(void *user, struct MHD_Connection *connection,
			      char *text)
{
	(void)user;
	(void)connection;
	return strlen(text);
}

void http_exchange_end(void *user, struct MHD_Connection *connection,
		       void **context, enum MHD_RequestTerminationCode why)
{
	struct http_service *service = user;
	struct http_exchange *exchange = *context;

	(void)connection;
	(void)why;
	if (!exchange)
		return;
	exchange->peer->exchange = NULL;
	set_state(exchange, HTTP_PEER_IDLE, service->idle_ns);
	free_exchange(exchange);
	*context = NULL;
}

static enum MHD_Result add_headers(struct MHD_Response *response,
				   const struct http_reply *reply)
{
	if (reply->content_type &&
	    (MHD_add_response_header(response, "Content-Type",
				     reply->content_type) != MHD_YES ||
	     MHD_add_response_header(response, "X-Content-Type-Options",
				     "nosniff") != MHD_YES))
		return MHD_NO;
	if (reply->allow)
		return MHD_add_response_header(response, "Allow", reply->allow);
	return MHD_YES;
}

static enum MHD_Result send_reply(const struct http_service *service,
				  struct http_exchange *exchange)
{
	const struct http_reply *reply = &exchange->reply;
	struct MHD_Response *response;
	enum MHD_Result result;

	/* The body stays until http_exchange_end(). */
	response = MHD_create_response_from_buffer(reply->body.length_bytes,
						   reply->body.data,
						   MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	set_state(exchange, HTTP_PEER_ANSWERING, service->request_ns);
	result = add_headers(response, reply);
	if (result == MHD_YES)
		result = MHD_queue_response(exchange->connection, reply->status,
					    response);
	MHD_destroy_response(response);
	return result;
}

static void set_reply(struct http_exchange *exchange, unsigned int status,
		      const char *sentence)
{
	struct http_reply *reply = &exchange->reply;

	http_reply_done(reply);
	reply->status = status;
	reply->content_type = "text/plain; charset=utf-8";
	text_printf(&reply->body, "%s\n", sentence);
	if (text_result(&reply->body) < 0) {
		text_done(&reply->body);
		reply->content_type = NULL;
	}
	exchange->decided = true;
}

static void decide(const struct http_service *service,
		   struct http_exchange *exchange, const char *method,
		   bool late)
{
	const struct http_request request = {
		.method = method,
		.target = exchange->target,
		.target_bytes = exchange->target_bytes,
		.body = exchange->body.data ? exchange->body.data : "",
		.body_bytes = exchange->body.length_bytes,
		.body_too_long = exchange->too_long,
		.late = late,
	};

	http_reply_done(&exchange->reply);
	http_reply_decide(service->host, &request, &exchange->reply);
	exchange->decided = exchange->reply.status != 0;
}

/* Whether a request that waits has its reply now. Only a GET waits. */
static bool look_again(const struct http_service *service,
		       struct http_exchange *exchange, bool late)
{
	decide(service, exchange, MHD_HTTP_METHOD_GET, late);
	return exchange->decided;
}

static void watch(struct http_service *service, bool on)
{
	const struct http_host *host = service->host;

	if (service->watched == on || !host->watch)
		return;
	service->watched = on;
	service->watch_fd = -1;
	if (on)
		service->watch_fd = host->watch(host->data);
	else
		host->unwatch(host->data);
}

static enum MHD_Result wait_for_change(struct http_service *service,
				       struct http_exchange *exchange)
{
	if (http_peers_waiting(&service->peers) >= HTTP_SERVER_WAITS_MAX) {
		set_reply(exchange, 503, "too many requests wait");
		return send_reply(service, exchange);
	}
	watch(service, true);
	/* What happened before that was not told. */
	if (look_again(service, exchange, false))
		return send_reply(service, exchange);
	if (exchange->peer->state == HTTP_PEER_CLOSING)
		return MHD_NO;
	http_peers_set(exchange->peer, HTTP_PEER_WAITING,
		       exchange->reply.timeout_ns);
	exchange->peer->exchange = exchange;
	MHD_suspend_connection(exchange->connection);
	return MHD_YES;
}

/* The whole body will come, unless the client asks whether it may send it. */
static enum MHD_Result look_at_headers(const struct http_service *service,
				       struct http_exchange *exchange)
{
	const char *length = MHD_lookup_connection_value(
		exchange->connection, MHD_HEADER_KIND, "Content-Length");
	const char *expect = MHD_lookup_connection_value(
		exchange->connection, MHD_HEADER_KIND, "Expect");

	exchange->begun = true;
	if (!length || !expect ||
	    strtoull(length, NULL, 10) <= HTTP_REPLY_BODY_MAX)
		return MHD_YES;
	exchange->too_long = true;
	decide(service, exchange, MHD_HTTP_METHOD_PUT, false);
	return send_reply(service, exchange);
}

static enum MHD_Result take_body(struct http_exchange *exchange,
				 const char *data, size_t *size_bytes)
{
	exchange->swallowed_bytes += *size_bytes;
	if (exchange->swallowed_bytes > HTTP_REPLY_BODY_MAX) {
		text_done(&exchange->body);
		exchange->too_long = true;
	} else {
		text_append(&exchange->body, data, *size_bytes);
	}
	*size_bytes = 0;
	if (exchange->swallowed_bytes <= SWALLOW_MAX)
		return MHD_YES;
	http_peers_refuse(exchange->peer, 413, "the body is far too long");
	return MHD_NO;
}

enum MHD_Result http_exchange_continue(void *user,
				       struct MHD_Connection *connection,
				       const char *url, const char *method,
				       const char *version, const char *data,
				       size_t *data_bytes, void **context)
{
	struct http_service *service = user;
	struct http_exchange *exchange = *context;

	(void)connection;
	(void)url; /* was cut at a '?' */
	(void)version;
	if (!exchange)
		return MHD_NO; /* out of memory */
	if (!exchange->begun)
		return look_at_headers(service, exchange);
	if (*data_bytes > 0)
		return take_body(exchange, data, data_bytes);
	if (!exchange->decided) {
		if (exchange->body.failed)
			set_reply(exchange, 503, "out of memory");
		else
			decide(service, exchange, method, false);
	}
	if (!exchange->decided)
		return wait_for_change(service, exchange);
	return send_reply(service, exchange);
}

static void go_on(struct http_service *service, struct http_peer *peer)
{
	http_peers_set(peer, HTTP_PEER_ANSWERING, service->request_ns);
	MHD_resume_connection(peer->exchange->connection);
}

void http_exchange_look(struct http_service *service,
			const bool left[static HTTP_PEERS_MAX])
{
	int64_t now_ns = http_peers_now_ns();
	bool some = false;

	for (size_t i = 0; i < HTTP_PEERS_MAX; i++) {
		struct http_peer *peer = &service->peers.all[i];
		bool late = peer->deadline_ns <= now_ns || left[i];

		if (peer->state != HTTP_PEER_WAITING)
			continue;
		if (look_again(service, peer->exchange, late))
			go_on(service, peer);
		else
			some = true;
	}
	watch(service, some);
}

void http_exchange_stop(struct http_service *service)
{
	for (size_t i = 0; i < HTTP_PEERS_MAX; i++) {
		struct http_peer *peer = &service->peers.all[i];

		if (peer->state != HTTP_PEER_WAITING)
			continue;
		set_reply(peer->exchange, 503, "the server stops");
		go_on(service, peer);
	}
	watch(service, false);
}
