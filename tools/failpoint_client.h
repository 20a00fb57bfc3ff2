/* SPDX-License-Identifier: MIT */
/*
 * Asks a program for its failpoints, over gofail's HTTP interface. libcurl is
 * loaded when the first question is asked: the other verbs of the command need
 * not wait for it and all that it brings along.
 */
#ifndef FLAKEY_TOOLS_FAILPOINT_CLIENT_H
#define FLAKEY_TOOLS_FAILPOINT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/text.h"

struct cmd_args;
struct errmsg;

/* The options that its verbs share. */
#define FAILPOINT_CLIENT_OPTIONS                                               \
	{                                                                      \
		"address", 'a', "ADDRESS",                                     \
			"HOST:PORT or unix:/PATH, if not $GOFAIL_HTTP"         \
	}

struct failpoint_question {
	const char *method;
	const char *name;   /* the target without its first slash */
	const char *suffix; /* after the name: "/count", or NULL */
	const char *body;   /* NULL: none */
	int64_t timeout_ms; /* for the answer; 0: 30 s */
};

struct failpoint_answer {
	long status;
	struct text body; /* the caller's text_done() */
};

/* Asks where --address or the environment say. Returns 0, or a negative errno
 * and a sentence when there is no answer. */
int failpoint_client_ask(const struct cmd_args *args,
			 const struct failpoint_question *question,
			 struct failpoint_answer *ret_answer,
			 struct errmsg *reterr_why);

/* The same, and any answer but 2xx is a failure: -EREMOTEIO, with what it said
 * as the sentence. body may be NULL, else it gets the answer's. */
int failpoint_client_do(const struct cmd_args *args,
			const struct failpoint_question *question,
			struct text *body, struct errmsg *reterr_why);

/* Prints an answer, or that what was asked for is done, which is nothing but in
 * JSON. Return the exit status. */
int failpoint_client_print(const struct text *answer);
int failpoint_client_print_done(const struct cmd_args *args);

/* Asks for an answer and prints it, or why there is none, for names that can be
 * sent. Returns the exit status. */
typedef int failpoint_client_ask_fn(const struct cmd_args *args,
				    struct text *answer,
				    struct errmsg *reterr_why);
int failpoint_client_show(const struct cmd_args *args,
			  failpoint_client_ask_fn *ask);

/* Whether an address was given. */
bool failpoint_client_knows(const struct cmd_args *args);

/* CMD_DONE, or CMD_USAGE having said that no address was given, or that a name
 * cannot be sent. names ends with NULL. */
int failpoint_client_check(const struct cmd_args *args, char *const *names);

#endif
