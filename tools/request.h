/* SPDX-License-Identifier: MIT */
/*
 * One line for the control file of a mount, put together from a command line
 * and sent; the answer goes to stdout.
 */
#ifndef FLAKEY_TOOLS_REQUEST_H
#define FLAKEY_TOOLS_REQUEST_H

struct cmd_args;
struct errmsg;
struct text;

/* Appends " KEY=VALUE", unless value is NULL. -EINVAL: a value that could be
 * taken for more than one. */
int request_append(struct text *line, const char *key, const char *value,
		   struct errmsg *reterr_why);

/* Sends the line to the mount of the first operand and prints the answer.
 * Returns the exit status. */
int request_send(const struct cmd_args *args, struct text *line);

/* The same for a line that has its format, if any, already. */
int request_send_as_it_is(const struct cmd_args *args, struct text *line);

/* For verbs without options of their own. */
int request_send_word(const struct cmd_args *args, const char *word);

#endif
