/* SPDX-License-Identifier: MIT */
/*
 * What each verb of a command is: a row of the table in its main.c, with its
 * options, its help, and the function that does it. The options --help, --json
 * and --long-options are every verb's, and no verb lists them.
 */
#ifndef FLAKEY_TOOLS_CMD_H
#define FLAKEY_TOOLS_CMD_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses. */
#define CMD_DONE 0
#define CMD_FAILED 1
#define CMD_USAGE 2

/* More options on one command line are refused. */
#define CMD_GIVEN_MAX 64
/* A verb has no more options than this, those of every verb included. */
#define CMD_OPTIONS_MAX 24

struct cmd_option {
	const char *name;  /* without "--"; NULL ends a list */
	char letter;	   /* 0: none */
	const char *value; /* what the help calls its value; NULL: a flag */
	const char *help;
};

struct cmd_args;
struct program;

struct cmd {
	const char *name;
	const char *operands;		  /* as the help shows them */
	const char *summary;		  /* for the list of verbs */
	const char *details;		  /* for --help, ends with a newline */
	const struct cmd_option *options; /* NULL: none of its own */
	int operands_min;
	int operands_max; /* -1: any number, and options end at the first */
	/* A command in the command: the operands are its verb and what follows.
	 * It has no options of its own. NULL: none. */
	const struct program *inner;
	/* Returns the exit status, having printed why. NULL if there is one. */
	int (*run)(const struct cmd_args *args);
};

/* A parsed command line; all strings are those of main(). */
struct cmd_args {
	const struct cmd *cmd;
	bool json;
	size_t given_count;
	struct {
		size_t option; /* index in cmd->options */
		const char *value;
	} given[CMD_GIVEN_MAX]; /* in the order of the command line */
	int operand_count;
	char **operands; /* ends with NULL */
};

/* The option that the verbs of a mounted file system share. */
#define CMD_OPTION_CONTROL                                                     \
	{                                                                      \
		"control", 0, "NAME",                                          \
			"the mount's control directory, if not .flakey"        \
	}

/* Those of every verb. */
#define CMD_SHARED_OPTIONS                                                     \
	{"help", 'h', NULL, "show this and exit"},                             \
		{"json", 0, NULL, "answer in JSON"},                           \
	{                                                                      \
		"long-options", 0, NULL,                                       \
			"list the options, one a line, and exit"               \
	}

/* Parses argv, whose [0] is the verb, and does the verb. */
int cmd_main(const struct cmd *cmd, int argc, char **argv);

/* Whether an option was given, and its last value. */
bool cmd_has(const struct cmd_args *args, const char *option);
const char *cmd_value(const struct cmd_args *args, const char *option);

/* Prints "PROGRAM: SENTENCE" and how to get help. Returns CMD_USAGE. */
__attribute__((format(printf, 2, 3))) int cmd_usage(const struct cmd *cmd,
						    const char *format, ...);

/* The verbs. */
extern const struct cmd cmd_mode_allow;
extern const struct cmd cmd_mode_corrupt;
extern const struct cmd cmd_crash;
extern const struct cmd cmd_doctor;
extern const struct cmd cmd_mode_drop;
extern const struct cmd cmd_mode_error_reads;
extern const struct cmd cmd_mode_error;
extern const struct cmd cmd_evict;
extern const struct cmd cmd_failpoint;
extern const struct cmd cmd_failpoint_clear;
extern const struct cmd cmd_failpoint_list;
extern const struct cmd cmd_failpoint_parse;
extern const struct cmd cmd_failpoint_set;
extern const struct cmd cmd_failpoint_status;
extern const struct cmd cmd_failpoint_wait;
extern const struct cmd cmd_fault;
extern const struct cmd cmd_log;
extern const struct cmd cmd_mode;
extern const struct cmd cmd_mount;
extern const struct cmd cmd_mode_random_read;
extern const struct cmd cmd_mode_random_write;
extern const struct cmd cmd_run;
extern const struct cmd cmd_snapshot;
extern const struct cmd cmd_status;
extern const struct cmd cmd_sync;
extern const struct cmd cmd_umount;
extern const struct cmd cmd_unsynced;

#endif
