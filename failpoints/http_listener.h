/* SPDX-License-Identifier: MIT */
/*
 * A socket that listens where a string says:
 *
 *	127.0.0.1:22381  localhost:0  [::1]:22381  :22381  unix:/run/x.socket
 *
 * Port 0 is any that is free. Without a host it is every address of the machine.
 * A path gets a socket that only its owner may connect to; one that a killed
 * process left there is replaced.
 */
#ifndef FLAKEY_FAILPOINTS_HTTP_LISTENER_H
#define FLAKEY_FAILPOINTS_HTTP_LISTENER_H

#include <stdint.h>
#include <sys/types.h>

struct errmsg;

/* Room for a formatted address with its NUL. */
#define HTTP_LISTENER_ADDRESS_MAX 128

struct http_listener {
	int fd; /* -1: not open */
	/* Where it really listens, in the same form; the port is never 0. */
	char address[HTTP_LISTENER_ADDRESS_MAX];
	/* The socket in the file system, of a path. */
	dev_t device;
	ino_t inode;
};

/* Returns 0, or a negative errno and a sentence. */
int http_listener_open(const char *address, struct http_listener *ret_listener,
		       struct errmsg *reterr_why);

/* Removes the path, if it is still ours. Call it before the descriptor is
 * closed, which is left to the caller. */
void http_listener_remove(const struct http_listener *listener);

#endif
