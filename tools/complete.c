/* SPDX-License-Identifier: MIT */
/*
 * The line is walked over word by word, as getopt_long(3) would, but nothing in
 * it is ever wrong: a line that is being typed may be anything.
 */
#include "tools/complete.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tools/cmd.h"
#include "tools/program.h"

/* The longest word of a help that is a list of values. */
#define VALUES_MAX 80

bool complete_offer(const struct complete *complete, const char *candidate,
		    const char *summary)
{
	if (strncmp(candidate, complete->begun, strlen(complete->begun)) != 0)
		return false;
	/* A path may have anything in it, a line may not. */
	for (const char *c = candidate; *c; c++)
		if (iscntrl((unsigned char)*c))
			return false;
	printf("%s%s%s%s\n", complete->prefix, candidate, summary ? "\t" : "",
	       summary ? summary : "");
	return true;
}

void complete_ask_shell(const char *what)
{
	printf(":%s\n", what);
}

static bool has_value(const struct cmd_option *option)
{
	return option && option->value;
}

/* "--name", "--name=value", "-n" and "-nvalue"; NULL: none of the verb's. */
static const struct cmd_option *
find_option(const struct cmd *cmd, const char *word, const char **ret_value)
{
	bool is_long = word[0] == '-' && word[1] == '-';
	size_t length = strcspn(word, "=") - 2;

	*ret_value = NULL;
	for (const struct cmd_option *option = cmd->options;
	     option && option->name; option++) {
		if (is_long && strlen(option->name) == length &&
		    strncmp(word + 2, option->name, length) == 0) {
			if (word[2 + length] == '=')
				*ret_value = word + 3 + length;
			return option;
		}
		if (!is_long && option->letter && word[1] == option->letter) {
			if (word[2])
				*ret_value = word + 2;
			return option;
		}
	}
	return NULL;
}

/* What a walk over the words finds. */
struct walk {
	const char *wanted_option; /* the value of its last one, below */
	size_t wanted_operand;
	const char *found;
	size_t operand_count;
	const struct cmd_option *open; /* the next word is its value */
	bool no_more_options;
};

static void step(const struct cmd *cmd, const char *word, struct walk *walk)
{
	const struct cmd_option *option;
	const char *value;

	if (walk->open) {
		if (walk->wanted_option &&
		    strcmp(walk->open->name, walk->wanted_option) == 0)
			walk->found = word;
		walk->open = NULL;
	} else if (!walk->no_more_options && strcmp(word, "--") == 0) {
		walk->no_more_options = true;
	} else if (!walk->no_more_options && word[0] == '-' && word[1]) {
		option = find_option(cmd, word, &value);
		if (has_value(option) && !value)
			walk->open = option;
		else if (has_value(option) && walk->wanted_option &&
			 strcmp(option->name, walk->wanted_option) == 0)
			walk->found = value;
	} else {
		if (!walk->wanted_option &&
		    walk->operand_count == walk->wanted_operand)
			walk->found = word;
		walk->operand_count++;
		if (cmd->operands_max < 0)
			walk->no_more_options = true;
	}
}

static struct walk walk_over(const struct complete *complete,
			     const char *option, size_t operand)
{
	struct walk walk = {.wanted_option = option, .wanted_operand = operand};

	for (size_t i = 0; i < complete->word_count; i++)
		step(complete->cmd, complete->words[i], &walk);
	return walk;
}

const char *complete_operand(const struct complete *complete, size_t index)
{
	return walk_over(complete, NULL, index).found;
}

const char *complete_value(const struct complete *complete, const char *option)
{
	return walk_over(complete, option, 0).found;
}

static void offer_word(const struct complete *complete, const char *word)
{
	if (strcmp(word, "PATH") == 0 || strcmp(word, "ARGUMENT") == 0)
		complete_ask_shell("files");
	else if (strcmp(word, "DIR") == 0)
		complete_ask_shell("directories");
	else if (strcmp(word, "COMMAND") == 0)
		complete_ask_shell("commands");
	else if (complete->program->values)
		complete->program->values(complete, word);
}

/* "none|all|P%": those in lower case, and what those in capitals mean. */
static void offer_values(const struct complete *complete, const char *values)
{
	char list[VALUES_MAX];
	char *rest = list;
	char *word;

	if (strlen(values) >= sizeof(list))
		return;
	memcpy(list, values, strlen(values) + 1);
	while ((word = strsep(&rest, "|")))
		if (isupper((unsigned char)word[0]))
			offer_word(complete, word);
		else
			complete_offer(complete, word, NULL);
}

/* Of "MOUNT NTH r|w VALUE [FLAGS]" the word in that place, without brackets. The
 * last one with dots stands for all that follow. False: there is none. */
static bool operand_word(const char *operands, size_t index,
			 char ret_word[VALUES_MAX])
{
	const char *at = operands;

	while (*at) {
		size_t length;
		bool repeats;

		at += strspn(at, " [");
		length = strcspn(at, " ");
		if (length == 2 && strncmp(at, "--", 2) == 0) {
			at += length;
			continue;
		}
		while (length > 0 && strchr("].", at[length - 1]))
			length--;
		if (length == 0 || length >= VALUES_MAX)
			return false;
		repeats = strncmp(at + length, "...", 3) == 0;
		if (index == 0 || repeats) {
			memcpy(ret_word, at, length);
			ret_word[length] = '\0';
			return true;
		}
		index--;
		at += strcspn(at, " ");
	}
	return false;
}

static void offer_options(const struct complete *complete)
{
	static const struct cmd_option shared[] = {CMD_SHARED_OPTIONS, {0}};
	const struct cmd_option *lists[] = {complete->cmd->options, shared};
	char name[VALUES_MAX];

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct cmd_option *option = lists[i];
		     option && option->name; option++) {
			(void)snprintf(name, sizeof(name), "--%s",
				       option->name);
			complete_offer(complete, name, option->help);
		}
}

static void offer_verbs(const struct complete *complete,
			const struct program *program)
{
	for (size_t i = 0; i < program->verb_count; i++)
		complete_offer(complete, program->verbs[i]->name,
			       program->verbs[i]->summary);
}

/* The last word stands behind a verb. */
static void offer_behind_verb(struct complete *complete)
{
	const struct cmd *cmd = complete->cmd;
	const char *last = complete->begun;
	struct walk walk = walk_over(complete, NULL, SIZE_MAX);
	const struct cmd_option *option;
	struct complete behind;
	const char *value;
	char word[VALUES_MAX];
	char prefix[VALUES_MAX];

	complete->operand_count = walk.operand_count;
	if (walk.open) {
		complete->option = walk.open;
		offer_values(complete, walk.open->value);
	} else if (!walk.no_more_options && last[0] == '-') {
		option = find_option(cmd, last, &value);
		if (!has_value(option) || !value || last[1] != '-') {
			offer_options(complete);
			return;
		}
		(void)snprintf(prefix, sizeof(prefix), "--%s=", option->name);
		behind = *complete;
		behind.option = option;
		behind.prefix = prefix;
		behind.begun = value;
		offer_values(&behind, option->value);
	} else if (operand_word(cmd->operands, walk.operand_count, word)) {
		offer_values(complete, word);
	}
}

static void offer_program_options(const struct complete *complete)
{
	complete_offer(complete, "--help", "show this and exit");
	complete_offer(complete, "--version", "show the version and exit");
}

int complete_main(const struct program *program, size_t word_count,
		  const char *const *words)
{
	const struct program *inner = program;
	struct complete complete = {
		.program = program,
		.prefix = "",
		.begun = word_count > 0 ? words[word_count - 1] : "",
	};
	size_t rest = word_count > 0 ? word_count - 1 : 0;

	while (rest > 0) {
		complete.outer = complete.cmd;
		complete.cmd = program_find(inner, words[0]);
		if (!complete.cmd)
			return CMD_DONE; /* nothing is known of what follows */
		words++;
		rest--;
		inner = complete.cmd->inner;
		if (!inner)
			break;
	}
	complete.words = words;
	complete.word_count = rest;
	if (inner && (complete.cmd || complete.begun[0] != '-'))
		offer_verbs(&complete, inner);
	else if (inner)
		offer_program_options(&complete);
	else
		offer_behind_verb(&complete);
	return CMD_DONE;
}
