/* SPDX-License-Identifier: MIT */
/*
 * A memory control group of its own for one process, whose page cache then
 * counts as well: cgroups(7), version 1 or 2. Only root has one.
 */
#ifndef FLAKEY_TESTS_LIMITS_MEMORY_GROUP_H
#define FLAKEY_TESTS_LIMITS_MEMORY_GROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct memory_group {
	char path[256];	  /* of the group's directory; "": none */
	char home[256];	  /* where the process was before */
	const char *most; /* the file that has the most it used */
	pid_t process;
};

/* Puts the process into a group of limit_bytes. Returns false, and leaves all as
 * it was, where the host has no such groups for us. */
bool memory_group_enter(struct memory_group *group, pid_t process,
			int64_t limit_bytes);

/* The most that the group used, or -1: as often as it was at its limit, memory
 * was taken back from it. */
int64_t memory_group_most_bytes(const struct memory_group *group);

/* Puts the process back and removes the group. Does nothing for one that could
 * not be entered. Returns false if it could not. */
bool memory_group_leave(struct memory_group *group);

#endif
