/* SPDX-License-Identifier: MIT */
/*
 * The connections of a server: what each is doing, and until when it may. Only
 * the server's thread uses them, but for the descriptors, which the child of a
 * fork closes.
 */
#ifndef FLAKEY_FAILPOINTS_HTTP_PEERS_H
#define FLAKEY_FAILPOINTS_HTTP_PEERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than the server wants: those that are being closed need a place. */
#define HTTP_PEERS_MAX 192

struct http_exchange;

enum http_peer_state {
	HTTP_PEER_NONE,	     /* the place is free */
	HTTP_PEER_FRESH,     /* has sent no whole request line yet */
	HTTP_PEER_IDLE,	     /* got its reply, may ask again */
	HTTP_PEER_ASKING,    /* is sending a request */
	HTTP_PEER_WAITING,   /* its request waits for something to happen */
	HTTP_PEER_ANSWERING, /* its reply is being sent */
	HTTP_PEER_CLOSING,   /* was cut off */
};

struct http_peer {
	enum http_peer_state state;
	atomic_int fd;	  /* -1: none */
	int64_t since_ns; /* it is in this state */
	int64_t deadline_ns;
	struct http_exchange *exchange; /* while WAITING: of the server */
};

struct http_peers {
	struct http_peer all[HTTP_PEERS_MAX];
	/* More that are not being closed are too many. */
	size_t limit;
};

void http_peers_init(struct http_peers *peers, size_t limit);

/* CLOCK_MONOTONIC */
int64_t http_peers_now_ns(void);

/* Takes a connection in; if there are too many now, the one that has sent
 * nothing for longest is cut off. NULL: there is no place. */
struct http_peer *http_peers_add(struct http_peers *peers, int fd,
				 int64_t limit_ns);
/* It does something else now, for limit_ns at most. */
void http_peers_set(struct http_peer *peer, enum http_peer_state state,
		    int64_t limit_ns);
void http_peers_remove(struct http_peer *peer);

/* How many wait. */
size_t http_peers_waiting(const struct http_peers *peers);

/* Cuts off those whose time is over, but not the waiting ones. */
void http_peers_expire(struct http_peers *peers, int64_t now_ns);

/* The earliest deadline; INT64_MAX: there is none. */
int64_t http_peers_deadline_ns(const struct http_peers *peers);

/* Sends a whole reply behind the library's back, to somebody whose request it
 * will never see, and cuts the connection off. */
void http_peers_refuse(struct http_peer *peer, unsigned int status,
		       const char *sentence);

/* Closes all descriptors, in the child of a fork. */
void http_peers_forget(struct http_peers *peers);

#endif
