/* SPDX-License-Identifier: MIT */
#include "tools/cmd.h"

#include <assert.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/nearest.h"
#include "tools/program.h"

#define HELP_COLUMNS 28
/* Values of struct option that no index of an option has. */
#define GETOPT_FIRST 256

static const struct cmd_option shared_options[] = {CMD_SHARED_OPTIONS};

enum shared {
	SHARED_HELP,
	SHARED_JSON,
	SHARED_LONG_OPTIONS,
	SHARED_COUNT,
};

static size_t count_options(const struct cmd *cmd)
{
	size_t count = 0;

	while (cmd->options && cmd->options[count].name)
		count++;
	return count;
}

/* The verb's own options first, then the shared ones. */
static const struct cmd_option *option_at(const struct cmd *cmd, size_t index)
{
	size_t own = count_options(cmd);

	return index < own ? &cmd->options[index]
			   : &shared_options[index - own];
}

static void help_option(const struct cmd_option *option)
{
	char left[80];
	int length;

	length = snprintf(left, sizeof(left), "  %c%c%s--%s%s%s",
			  option->letter ? '-' : ' ',
			  option->letter ? option->letter : ' ',
			  option->letter ? ", " : "  ", option->name,
			  option->value ? " " : "",
			  option->value ? option->value : "");
	if (length < HELP_COLUMNS)
		printf("%-*s%s\n", HELP_COLUMNS, left, option->help);
	else
		printf("%s\n%*s%s\n", left, HELP_COLUMNS, "", option->help);
}

static void help(const struct cmd *cmd)
{
	size_t count = count_options(cmd) + SHARED_COUNT;

	printf("Usage: %s %s [OPTION...]%s%s\n\n%s\n", log_name(), cmd->name,
	       *cmd->operands ? " " : "", cmd->operands, cmd->details);
	if (cmd->inner)
		program_list_verbs(cmd->inner);
	printf("Options:\n");
	for (size_t i = 0; i < count; i++)
		help_option(option_at(cmd, i));
}

static void long_options(const struct cmd *cmd)
{
	size_t count = count_options(cmd) + SHARED_COUNT;

	for (size_t i = 0; i < count; i++)
		printf("--%s\n", option_at(cmd, i)->name);
}

int cmd_usage(const struct cmd *cmd, const char *format, ...)
{
	char sentence[400];
	va_list args;

	va_start(args, format);
	if (vsnprintf(sentence, sizeof(sentence), format, args) < 0)
		sentence[0] = '\0';
	va_end(args);
	log_error("%s (see '%s %s --help')", sentence, log_name(), cmd->name);
	return CMD_USAGE;
}

bool cmd_has(const struct cmd_args *args, const char *option)
{
	for (size_t i = 0; i < args->given_count; i++)
		if (strcmp(args->cmd->options[args->given[i].option].name,
			   option) == 0)
			return true;
	return false;
}

const char *cmd_value(const struct cmd_args *args, const char *option)
{
	const char *value = NULL;

	for (size_t i = 0; i < args->given_count; i++)
		if (strcmp(args->cmd->options[args->given[i].option].name,
			   option) == 0)
			value = args->given[i].value;
	return value;
}

/* What getopt_long() wants. */
struct getopt_tables {
	struct option options[CMD_OPTIONS_MAX + 1];
	char letters[2 + 2 * CMD_OPTIONS_MAX + 1];
};

static void fill_tables(const struct cmd *cmd, struct getopt_tables *tables)
{
	size_t count = count_options(cmd) + SHARED_COUNT;
	char *letter = tables->letters;

	assert(count <= CMD_OPTIONS_MAX);
	if (cmd->operands_max < 0)
		*letter++ = '+';
	*letter++ = ':';
	for (size_t i = 0; i < count; i++) {
		const struct cmd_option *option = option_at(cmd, i);

		tables->options[i] = (struct option){
			.name = option->name,
			.has_arg =
				option->value ? required_argument : no_argument,
			.val = GETOPT_FIRST + (int)i,
		};
		if (option->letter) {
			*letter++ = option->letter;
			if (option->value)
				*letter++ = ':';
		}
	}
	tables->options[count] = (struct option){0};
	*letter = '\0';
}

/* The index of the option that getopt_long() returned. */
static size_t find_option(const struct cmd *cmd, int got)
{
	size_t count = count_options(cmd) + SHARED_COUNT;

	if (got >= GETOPT_FIRST)
		return (size_t)(got - GETOPT_FIRST);
	for (size_t i = 0; i < count; i++)
		if (option_at(cmd, i)->letter == got)
			return i;
	return count;
}

static int unknown_option(const struct cmd *cmd, const char *word)
{
	size_t count = count_options(cmd) + SHARED_COUNT;
	char name[NEAREST_WORD_MAX + 2];
	char hint[NEAREST_HINT_MAX];
	struct nearest nearest;
	size_t begun = 0; /* how many options begin so */

	if (optopt > 0 && optopt < GETOPT_FIRST)
		return cmd_usage(cmd, "unknown option '-%c'", optopt);
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="),
		       word + 2);
	nearest_init(&nearest, name);
	for (size_t i = 0; i < count; i++) {
		nearest_offer(&nearest, option_at(cmd, i)->name);
		begun += strncmp(option_at(cmd, i)->name, name, strlen(name)) ==
			 0;
	}
	return cmd_usage(cmd, "%s option '%.80s'%s",
			 begun > 1 ? "ambiguous" : "unknown", word,
			 nearest_hint(&nearest, hint));
}

/* Returns CMD_DONE to go on; *ret_stop says that all is done. */
static int take_option(struct cmd_args *args, int got, const char *word,
		       bool *ret_stop)
{
	const struct cmd *cmd = args->cmd;
	size_t own = count_options(cmd);
	size_t index;

	if (got == ':')
		return cmd_usage(cmd, "option '%.80s' needs a value", word);
	if (got == '?' && optopt >= GETOPT_FIRST)
		return cmd_usage(cmd, "option '%.80s' takes no value", word);
	if (got == '?')
		return unknown_option(cmd, word);
	index = find_option(cmd, got);
	if (index < own) {
		if (args->given_count == CMD_GIVEN_MAX)
			return cmd_usage(cmd, "more than %d options",
					 CMD_GIVEN_MAX);
		args->given[args->given_count].option = index;
		args->given[args->given_count++].value = optarg;
		return CMD_DONE;
	}
	if (index - own == SHARED_JSON) {
		args->json = true;
		return CMD_DONE;
	}
	*ret_stop = true;
	if (index - own == SHARED_HELP)
		help(cmd);
	else
		long_options(cmd);
	return CMD_DONE;
}

static int check_operands(const struct cmd *cmd, int count, char **operands)
{
	if (count < cmd->operands_min)
		return cmd_usage(cmd, "%s needs %s", cmd->name, cmd->operands);
	if (cmd->operands_max >= 0 && count > cmd->operands_max)
		return cmd_usage(cmd, "'%.80s' is one operand too many",
				 operands[cmd->operands_max]);
	return CMD_DONE;
}

int cmd_main(const struct cmd *cmd, int argc, char **argv)
{
	struct cmd_args args = {.cmd = cmd};
	struct getopt_tables tables;
	bool stop = false;
	int got;
	int r;

	fill_tables(cmd, &tables);
	optind = 0;
	opterr = 0;
	for (;;) {
		int word = optind ? optind : 1;

		got = getopt_long(argc, argv, tables.letters, tables.options,
				  NULL);
		if (got < 0)
			break;
		/* Of "-o" with a value in the next word, the value is last;
		 * of an operand that was skipped, word is the operand. */
		if (got == ':' || got == '?')
			word = optind - 1;
		r = take_option(&args, got, argv[word], &stop);
		if (r != CMD_DONE || stop)
			return r;
	}
	args.operands = argv + optind;
	args.operand_count = argc - optind;
	r = check_operands(cmd, args.operand_count, args.operands);
	if (r != CMD_DONE)
		return r;
	return cmd->inner ? program_inner(&args) : cmd->run(&args);
}
