/* SPDX-License-Identifier: MIT */
/*
 * What gofail's HTTP interface, and ours, answers to a request: decided from the
 * method, the raw target and the body alone. No socket here, and no points: they
 * are reached through a table of functions, so that whoever has points can be
 * served by the same code. docs/failpoints.md has the table of requests.
 *
 * The name of a point is the target without its first slash, as it came over the
 * wire: nothing is decoded, and slashes belong to it.
 *
 * Threads: as the host's functions allow.
 */
#ifndef FLAKEY_FAILPOINTS_HTTP_REPLY_H
#define FLAKEY_FAILPOINTS_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

struct errmsg;

/* A longer target is answered with 414, a longer body with 413. */
#define HTTP_REPLY_TARGET_MAX ((size_t)4096)
#define HTTP_REPLY_BODY_MAX ((size_t)1 << 20)
/* A wait is for so long if it does not say, and for no longer than that. */
#define HTTP_REPLY_WAIT_NS INT64_C(10000000000)
#define HTTP_REPLY_WAIT_MAX_NS INT64_C(3600000000000)

/* A point as it is at the moment. All of it is borrowed. */
struct http_point {
	const char *name;
	const char *terms; /* NULL: disabled */
	uint64_t hits;
	uint64_t fired;
	uint64_t paused;      /* threads that a pause holds */
	const char *location; /* "FILE:LINE", NULL: not known */
	const char *type;     /* "int", ..., NULL: not known */
	const char *doc;      /* a sentence, or NULL */
	bool pending;	      /* armed, but no such point has appeared yet */
};

/* Is shown one point, which lives until it returns; the host may hold a lock. */
typedef void http_host_visitor(void *context, const struct http_point *point);

/* Who has the points. Functions that may fail return 0 or a negative errno. */
struct http_host {
	/* Shows the point of that name, or with NULL all, sorted by name.
	 * -ENOENT: there is none of that name. */
	int (*visit)(void *data, const char *name, http_host_visitor *visitor,
		     void *context);
	/* Arms one. -ENOENT; -EINVAL for bad terms, with the reason. A point
	 * that cannot be armed keeps its old terms. */
	int (*enable)(void *data, const char *name, const char *terms,
		      size_t length_bytes, struct errmsg *reterr_why);
	/* Arms all of "NAME=TERMS;NAME=TERMS", which terms_multi_next() can
	 * take apart, or none; the errors are those of enable. */
	int (*enable_all)(void *data, const char *list, size_t length_bytes,
			  struct errmsg *reterr_why);
	/* -ENOENT; -EALREADY: it is disabled. */
	int (*disable)(void *data, const char *name);
	void (*disable_all)(void *data);
	/* Between the two, a point that ends the process waits, for a moment:
	 * whoever has armed it gets the reply. May be NULL. */
	void (*hold_deaths)(void *data);
	void (*release_deaths)(void *data);
	/* Between the two, the descriptor that the first returns becomes
	 * readable whenever a wait may be over. It is the host's; -1: there is
	 * none. May be NULL. Not used by this file. */
	int (*watch)(void *data);
	void (*unwatch)(void *data);
	void *data;
};

struct http_request {
	const char *method;
	const char *target; /* as in the request line */
	size_t target_bytes;
	const void *body;
	size_t body_bytes;
	/* It was longer than HTTP_REPLY_BODY_MAX; the rest is not here. */
	bool body_too_long;
	/* The time of a wait is over: it is answered as things are. */
	bool late;
};

struct http_reply {
	/* 0: the request waits, as long as timeout_ns allows. It is to be asked
	 * again when something has changed, and when the time is over. */
	unsigned int status;
	const char *content_type; /* NULL: no body */
	const char *allow;	  /* of a 405, else NULL */
	struct text body;
	int64_t timeout_ns;
	const struct http_host *held; /* whose deaths wait for this reply */
};

/*
 * Answers, having done what was asked. Never fails: what goes wrong is the
 * answer, out of memory too. The caller sends the reply, then calls
 * http_reply_done().
 */
void http_reply_decide(const struct http_host *host,
		       const struct http_request *request,
		       struct http_reply *ret_reply);

/* Frees it and lets those die that waited for it to be sent. */
void http_reply_done(struct http_reply *reply);

/* "Not Found", for the status line of a host's own server. */
const char *http_reply_phrase(unsigned int status);

#endif
