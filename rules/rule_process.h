/* SPDX-License-Identifier: MIT */
/*
 * Who asked for an operation: a thread, its process, and those it descends from,
 * as /proc has them at the moment. A process whose parent has ended descends from
 * it no more.
 */
#ifndef FLAKEY_RULES_RULE_PROCESS_H
#define FLAKEY_RULES_RULE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Linux cuts the names of processes to so many bytes. */
#define RULE_PROCESS_NAME_MAX 15
/* So many generations are looked at. */
#define RULE_PROCESS_DEPTH_MAX 64

struct rule_process {
	pid_t pid;
	char name[RULE_PROCESS_NAME_MAX + 1];
};

/* The thread, its process, and their parents. */
struct rule_process_line {
	bool known; /* false, as in {0}: nobody has looked yet */
	size_t count;
	struct rule_process list[RULE_PROCESS_DEPTH_MAX];
};

/* Looks, unless that was done. Of what cannot be read nothing is known but the
 * thread's number. */
void rule_process_look(struct rule_process_line *line, pid_t thread);

bool rule_process_has_pid(const struct rule_process_line *line, pid_t pid);
bool rule_process_has_name(const struct rule_process_line *line,
			   const char *name);

#endif
