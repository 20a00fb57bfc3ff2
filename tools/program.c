/* SPDX-License-Identifier: MIT */
#include "tools/program.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/nearest.h"
#include "tools/cmd.h"
#include "tools/complete.h"
#include "tools/terminal.h"

const struct cmd *program_find(const struct program *program, const char *name)
{
	for (size_t i = 0; i < program->verb_count; i++)
		if (strcmp(program->verbs[i]->name, name) == 0)
			return program->verbs[i];
	return NULL;
}

void program_list_verbs(const struct program *program)
{
	printf("Verbs ('%s VERB --help' says more):\n", program->name);
	for (size_t i = 0; i < program->verb_count; i++)
		printf("  %-26s%s\n", program->verbs[i]->name,
		       program->verbs[i]->summary);
	printf("\n");
}

static void help(const struct program *program)
{
	printf("Usage: %s VERB [OPTION...] [OPERAND...]\n\n%s\n\n",
	       program->name, program->summary);
	program_list_verbs(program);
	printf("Options:\n"
	       "  -h, --help                show this and exit\n"
	       "      --long-options        list verbs and options, one a line, "
	       "and exit\n"
	       "  -V, --version             show the version and exit\n\n%s",
	       program->statuses);
}

static void long_options(const struct program *program)
{
	printf("--help\n--long-options\n--version\n");
	for (size_t i = 0; i < program->verb_count; i++)
		printf("%s\n", program->verbs[i]->name);
}

static bool is(const char *word, const char *letter, const char *name)
{
	return strcmp(word, letter) == 0 || strcmp(word, name) == 0;
}

static int unknown(const struct program *program, const char *word)
{
	char hint[NEAREST_HINT_MAX];
	struct nearest nearest;

	nearest_init(&nearest, word);
	for (size_t i = 0; i < program->verb_count; i++)
		nearest_offer(&nearest, program->verbs[i]->name);
	nearest_offer(&nearest, "--help");
	nearest_offer(&nearest, "--version");
	log_error("unknown %s '%.80s'%s (see '%s --help')",
		  word[0] == '-' ? "option" : "verb", word,
		  nearest_hint(&nearest, hint), program->name);
	return CMD_USAGE;
}

int program_inner(const struct cmd_args *args)
{
	cleanup_free char **words =
		calloc((size_t)args->operand_count + 3, sizeof(*words));
	cleanup_free char *name = strdup(args->cmd->name);
	char json[] = "--json";
	int count = 0;

	if (!words || !name) {
		log_error("out of memory");
		return CMD_FAILED;
	}
	words[count++] = name;
	words[count++] = args->operands[0];
	/* It may be asked for before the verb, too. */
	if (args->json)
		words[count++] = json;
	for (int i = 1; i < args->operand_count; i++)
		words[count++] = args->operands[i];
	return program_main(args->cmd->inner, count, words);
}

int program_finish(int status)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_error("cannot print the answer");
		return status == CMD_DONE ? CMD_FAILED : status;
	}
	return status;
}

int program_main(const struct program *program, int argc, char **argv)
{
	const struct cmd *cmd;

	log_set_name(program->name);
	log_set_colours(terminal_has_colours(STDERR_FILENO));
	if (argc < 2) {
		log_error("a verb is missing (see '%s --help')", program->name);
		return CMD_USAGE;
	}
	cmd = program_find(program, argv[1]);
	if (cmd)
		return program_finish(cmd_main(cmd, argc - 1, argv + 1));
	if (is(argv[1], "-h", "--help"))
		help(program);
	else if (is(argv[1], "-V", "--version"))
		printf("%s %s\n", program->name, FLAKEY_VERSION);
	else if (strcmp(argv[1], "--long-options") == 0)
		long_options(program);
	else if (strcmp(argv[1], "--complete") == 0)
		return program_finish(
			complete_main(program, (size_t)argc - 2,
				      (const char *const *)argv + 2));
	else
		return unknown(program, argv[1]);
	return program_finish(CMD_DONE);
}
