/* SPDX-License-Identifier: MIT */
/*
 * What could stand in place of the last word of a command line: `PROGRAM
 * --complete WORD...` prints one candidate a line, WORD or WORD<TAB>SUMMARY, for
 * the shells' completions, which hold no lists of their own. A line that begins
 * with a colon asks the shell for names that it knows better: ":files",
 * ":directories", ":commands".
 *
 * What an option or operand takes is read from the words of its help: of
 * "none|all|P%" those in lower case are candidates, PATH are files, DIR are
 * directories. All other words in capitals are the program's to explain.
 */
#ifndef FLAKEY_TOOLS_COMPLETE_H
#define FLAKEY_TOOLS_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

struct cmd;
struct cmd_option;
struct program;

/* A line that is being typed. */
struct complete {
	const struct program *program;
	const struct cmd *cmd;	  /* NULL: it has no verb yet */
	const struct cmd *outer;  /* in whose command it is, or NULL */
	const char *const *words; /* behind the verb, the last one excluded */
	size_t word_count;
	size_t operand_count;		 /* of these */
	const struct cmd_option *option; /* whose value it is; NULL: operand */
	const char *prefix; /* stands in front of each candidate: "--keep=" */
	const char *begun;  /* what there is of the last word, behind that */
};

/* Offers the values of a word of the help, such as MOUNT. */
typedef void complete_values_fn(const struct complete *complete,
				const char *word);

/* Prints a candidate if it begins so, and says whether. summary may be NULL. */
bool complete_offer(const struct complete *complete, const char *candidate,
		    const char *summary);
/* ":files" and the like. */
void complete_ask_shell(const char *what);

/* The operand before the last word, counted from 0, or NULL. */
const char *complete_operand(const struct complete *complete, size_t index);
/* The last value of an option on the line, or NULL. */
const char *complete_value(const struct complete *complete, const char *option);

/* Returns the exit status. */
int complete_main(const struct program *program, size_t word_count,
		  const char *const *words);

#endif
