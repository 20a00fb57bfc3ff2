/* SPDX-License-Identifier: MIT */
/*
 * Cutting off is shutdown(2) and not close(2): the descriptor is the HTTP
 * library's, which finds the connection at its end, and closes it.
 */
#include "failpoints/http_peers.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "failpoints/http_reply.h"

#define NS_PER_S INT64_C(1000000000)

void http_peers_init(struct http_peers *peers, size_t limit)
{
	memset(peers, 0, sizeof(*peers));
	peers->limit = limit;
	for (size_t i = 0; i < HTTP_PEERS_MAX; i++)
		atomic_init(&peers->all[i].fd, -1);
}

int64_t http_peers_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void cut_off(struct http_peer *peer)
{
	/* It may be gone already. */
	(void)shutdown(atomic_load(&peer->fd), SHUT_RDWR);
	peer->state = HTTP_PEER_CLOSING;
}

void http_peers_refuse(struct http_peer *peer, unsigned int status,
		       const char *sentence)
{
	char reply[400];
	int length;

	length = snprintf(reply, sizeof(reply),
			  "HTTP/1.1 %u %s\r\n"
			  "Content-Type: text/plain; charset=utf-8\r\n"
			  "Content-Length: %zu\r\n"
			  "Connection: close\r\n\r\n"
			  "%s\n",
			  status, http_reply_phrase(status),
			  strlen(sentence) + 1, sentence);
	/* Who does not take it at once does without. */
	if (length > 0 && (size_t)length < sizeof(reply))
		(void)send(atomic_load(&peer->fd), reply, (size_t)length,
			   MSG_DONTWAIT | MSG_NOSIGNAL);
	cut_off(peer);
}

/* A client that has begun no request is told, unless it may take what it gets
 * for the reply to its next one. */
static void give_up(struct http_peer *peer, unsigned int status,
		    const char *sentence)
{
	if (peer->state == HTTP_PEER_FRESH || peer->state == HTTP_PEER_ASKING)
		http_peers_refuse(peer, status, sentence);
	else
		cut_off(peer);
}

static bool may_go(const struct http_peer *peer)
{
	return peer->state == HTTP_PEER_FRESH ||
	       peer->state == HTTP_PEER_IDLE || peer->state == HTTP_PEER_ASKING;
}

static void make_room(struct http_peers *peers)
{
	struct http_peer *oldest = NULL;
	size_t count = 0;

	for (size_t i = 0; i < HTTP_PEERS_MAX; i++) {
		struct http_peer *peer = &peers->all[i];

		if (peer->state == HTTP_PEER_NONE ||
		    peer->state == HTTP_PEER_CLOSING)
			continue;
		count++;
		if (may_go(peer) &&
		    (!oldest || peer->since_ns < oldest->since_ns))
			oldest = peer;
	}
	if (count > peers->limit && oldest)
		give_up(oldest, 503, "too many connections");
}

void http_peers_set(struct http_peer *peer, enum http_peer_state state,
		    int64_t limit_ns)
{
	peer->state = state;
	peer->since_ns = http_peers_now_ns();
	peer->deadline_ns = peer->since_ns + limit_ns;
}

struct http_peer *http_peers_add(struct http_peers *peers, int fd,
				 int64_t limit_ns)
{
	for (size_t i = 0; i < HTTP_PEERS_MAX; i++) {
		struct http_peer *peer = &peers->all[i];

		if (peer->state != HTTP_PEER_NONE)
			continue;
		http_peers_set(peer, HTTP_PEER_FRESH, limit_ns);
		atomic_store(&peer->fd, fd);
		make_room(peers);
		return peer;
	}
	return NULL;
}

void http_peers_remove(struct http_peer *peer)
{
	atomic_store(&peer->fd, -1);
	peer->state = HTTP_PEER_NONE;
}

size_t http_peers_waiting(const struct http_peers *peers)
{
	size_t count = 0;

	for (size_t i = 0; i < HTTP_PEERS_MAX; i++)
		count += peers->all[i].state == HTTP_PEER_WAITING;
	return count;
}

void http_peers_expire(struct http_peers *peers, int64_t now_ns)
{
	for (size_t i = 0; i < HTTP_PEERS_MAX; i++) {
		struct http_peer *peer = &peers->all[i];

		if (peer->deadline_ns <= now_ns &&
		    (may_go(peer) || peer->state == HTTP_PEER_ANSWERING))
			give_up(peer, 408, "the request did not come in time");
	}
}

int64_t http_peers_deadline_ns(const struct http_peers *peers)
{
	int64_t deadline_ns = INT64_MAX;

	for (size_t i = 0; i < HTTP_PEERS_MAX; i++) {
		const struct http_peer *peer = &peers->all[i];

		if (peer->state != HTTP_PEER_NONE &&
		    peer->state != HTTP_PEER_CLOSING &&
		    peer->deadline_ns < deadline_ns)
			deadline_ns = peer->deadline_ns;
	}
	return deadline_ns;
}

void http_peers_forget(struct http_peers *peers)
{
	for (size_t i = 0; i < HTTP_PEERS_MAX; i++) {
		int fd = atomic_exchange(&peers->all[i].fd, -1);

		if (fd >= 0)
			(void)close(fd); /* the parent goes on with it */
	}
}
