/* SPDX-License-Identifier: MIT */
/* A handle of libflakey inside, for the files flakey*.c. */
#ifndef FLAKEY_COMMON_FLAKEY_INSIDE_H
#define FLAKEY_COMMON_FLAKEY_INSIDE_H

#include <pthread.h>

#include "common/errmsg.h"

struct client;
struct flakey;
struct text;

struct flakey {
	pthread_mutex_t mutex; /* guards error, and is held for a call */
	struct client *client;
	char *command; /* the program, for flakey_stop() */
	char *control; /* NULL: the usual name */
	char *device;  /* once asked for; "": none */
	struct errmsg error;
};

/* One line for the control file, and its answer, which may be NULL. */
int flakey_command(struct flakey *flakey, const char *line,
		   struct text *ret_answer);

#endif
