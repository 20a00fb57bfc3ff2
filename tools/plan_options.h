/* SPDX-License-Identifier: MIT */
/* The options of a crash plan, which several verbs share. */
#ifndef FLAKEY_TOOLS_PLAN_OPTIONS_H
#define FLAKEY_TOOLS_PLAN_OPTIONS_H

struct cmd_args;
struct text;

#define PLAN_OPTIONS                                                           \
	{"keep", 0, "none|all|P%",                                             \
	 "what survives: none (the default), all, or a share"},                \
		{"order", 0, "prefix|any",                                     \
		 "of a share: what came first, or each by itself"},            \
		{"torn", 0, "none|sector|page",                                \
		 "where runs of unsynced bytes may be cut"},                   \
		{"fill", 0, "old|zero|garbage",                                \
		 "what a new place reads as whose bytes are lost"},            \
		{"seed", 0, "N", "of all chance; made up if not given"},       \
	{                                                                      \
		"digest", 0, NULL,                                             \
			"add a number that equal trees have in common"         \
	}

/* Sends the line with those that were given. Returns a CMD_ status. */
int plan_options_send(const struct cmd_args *args, struct text *line);

#endif
