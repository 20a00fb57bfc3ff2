/* SPDX-License-Identifier: MIT */
/*
 * `mode`, and a verb for each mode, which is the first word of the line; the
 * operands behind the mount are those that follow.
 */
#include <stdio.h>
#include <string.h>

#include "common/client.h"
#include "common/errmsg.h"
#include "common/fields.h"
#include "common/log.h"
#include "common/mode.h"
#include "common/text.h"
#include "tools/cmd.h"
#include "tools/request.h"

static const struct cmd_option control_only[] = {CMD_OPTION_CONTROL, {0}};

static const struct cmd_option options[] = {
	CMD_OPTION_CONTROL,
	{"cycle", 0, "UP,DOWN", "alternate: UP of allow-writes, then DOWN"},
	{"for", 0, "TIME", "back to allow-writes after TIME: 3.2s, 500ms, 2m"},
	{0},
};

static const struct cmd_option random_options[] = {
	CMD_OPTION_CONTROL,
	{"cycle", 0, "UP,DOWN", "alternate: UP of allow-writes, then DOWN"},
	{"for", 0, "TIME", "back to allow-writes after TIME: 3.2s, 500ms, 2m"},
	{"seed", 0, "N", "from which all chance follows; else one is chosen"},
	{0},
};

/* Nobody has typed the line in which the place is. */
static size_t length_without_place(const char *why)
{
	const char *place = strstr(why, " (at byte ");
	return place == NULL ? strlen(why) : (size_t)(place - why);
}

/* Sends "MODE [for=..] [cycle=..]", checked here so that a mistake is one of
 * usage and needs no mount. */
static int switch_mode(const struct cmd_args *args, const char *words)
{
	struct errmsg why;
	struct mode mode;
	struct text line;
	int status;

	text_init(&line);
	text_printf(&line, "%s", words);
	if (request_append(&line, "seed", cmd_value(args, "seed"), &why) < 0 ||
	    request_append(&line, "for", cmd_value(args, "for"), &why) < 0 ||
	    request_append(&line, "cycle", cmd_value(args, "cycle"), &why) < 0)
		status = cmd_usage(args->cmd, "%s", why.text);
	else if (text_result(&line) == 0 &&
		 mode_parse(line.data, &mode, &why) < 0)
		status = cmd_usage(args->cmd, "%.*s",
				   (int)length_without_place(why.text),
				   why.text);
	else
		status = request_send(args, &line);
	text_done(&line);
	return status;
}

/* The first word, if any, and all operands behind the mount. */
static int switch_words(const struct cmd_args *args, const char *first)
{
	struct text words;
	int status;

	text_init(&words);
	text_printf(&words, "%s", first);
	for (int i = 1; i < args->operand_count; i++)
		text_printf(&words, "%s%s", *first || i > 1 ? " " : "",
			    args->operands[i]);
	status = text_result(&words) < 0 ? CMD_FAILED
					 : switch_mode(args, words.data);
	text_done(&words);
	return status;
}

static int run_named(const struct cmd_args *args)
{
	return switch_words(args, args->cmd->name);
}

/* The mode in force, from the status. */
static int print_mode(const struct cmd_args *args, char *status)
{
	struct fields record;
	struct text text;
	char *name;
	char *value = NULL;

	while (fields_next(&status, &name, &value) && strcmp(name, "mode") != 0)
		;
	text_init(&text);
	if (args->json) {
		fields_begin(&record, &text, FIELDS_JSON);
		fields_string(&record, "mode", value ? value : "");
		fields_end(&record);
	} else {
		text_printf(&text, "%s\n", value ? value : "");
	}
	if (text_result(&text) == 0)
		printf("%s", text.data);
	text_done(&text);
	return CMD_DONE;
}

static int show(const struct cmd_args *args)
{
	struct client *client;
	struct text status;
	struct errmsg why;
	int r;

	text_init(&status);
	r = client_open(args->operands[0], cmd_value(args, "control"), &client,
			&why);
	if (r == 0) {
		r = client_command(client, "status format=plain", &status,
				   &why);
		client_close(client);
	}
	if (r == 0)
		r = print_mode(args, status.data);
	else
		log_error("%s", why.text);
	text_done(&status);
	return r < 0 ? CMD_FAILED : CMD_DONE;
}

static int run_mode(const struct cmd_args *args)
{
	if (args->operand_count == 1 && !cmd_has(args, "for") &&
	    !cmd_has(args, "cycle") && !cmd_has(args, "seed"))
		return show(args);
	return switch_words(args, "");
}

const struct cmd cmd_mode = {
	.name = "mode",
	.operands = "MOUNT [MODE]",
	.summary = "say or switch what the disk does",
	.details =
		"Without MODE, says which is in force. MODE is one of the verbs\n"
		"for modes with what has to follow it, and may be a line of the\n"
		"control file: 'drop-writes for=3.2s'.\n",
	.options = random_options,
	.operands_min = 1,
	.operands_max = 8,
	.run = run_mode,
};

const struct cmd cmd_mode_allow = {
	.name = "allow-writes",
	.operands = "MOUNT",
	.summary = "commits arrive",
	.details = "Ends all other modes. What was acknowledged while\n"
		   "writes were dropped is not caught up.\n",
	.options = control_only,
	.operands_min = 1,
	.operands_max = 1,
	.run = run_named,
};

const struct cmd cmd_mode_drop = {
	.name = "drop-writes",
	.operands = "MOUNT",
	.summary = "commits succeed and nothing arrives",
	.details =
		"Every call succeeds, fsync too, and the disk keeps what it\n"
		"had: what is synced from now on is lost at the next crash.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run_named,
};

const struct cmd cmd_mode_error = {
	.name = "error-writes",
	.operands = "MOUNT",
	.summary = "commits fail and nothing arrives",
	.details = "Syncs fail with EIO as on a disk that fails all writes.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run_named,
};

const struct cmd cmd_mode_error_reads = {
	.name = "error-reads",
	.operands = "MOUNT",
	.summary = "what has to be read from the disk fails",
	.details =
		"EIO for data that is neither unsynced nor in the page cache\n"
		"(flakey evict drops that), and for directories that nobody has\n"
		"looked into yet. Commits arrive.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run_named,
};

const struct cmd cmd_mode_corrupt = {
	.name = "corrupt-bio-byte",
	.operands = "MOUNT NTH r|w VALUE [FLAGS]",
	.summary = "one byte of each transfer is another",
	.details =
		"The NTH byte (from 1) of what is read from the disk (r) or\n"
		"written to it (w) becomes VALUE. A transfer is a run of bytes of\n"
		"one file, counted from the beginning of its first page. What is\n"
		"written wrongly stays so. FLAGS are 0: only the block layer of\n"
		"the kernel has others.\n",
	.options = options,
	.operands_min = 4,
	.operands_max = 5,
	.run = run_named,
};

const struct cmd cmd_mode_random_read = {
	.name = "random-read-corrupt",
	.operands = "MOUNT P",
	.summary = "one byte of some transfers is read wrongly",
	.details =
		"Each transfer from the disk has the chance P of 1000000000 that\n"
		"one of its bytes is another one. What the disk has stays right.\n",
	.options = random_options,
	.operands_min = 2,
	.operands_max = 2,
	.run = run_named,
};

const struct cmd cmd_mode_random_write = {
	.name = "random-write-corrupt",
	.operands = "MOUNT P",
	.summary = "one byte of some transfers is stored wrongly",
	.details =
		"Each transfer to the disk has the chance P of 1000000000 that\n"
		"one of its bytes is another one, and stays so.\n",
	.options = random_options,
	.operands_min = 2,
	.operands_max = 2,
	.run = run_named,
};
