/* SPDX-License-Identifier: MIT */
/*
 * Where cases play: each in a fresh directory and a process of its own, so that
 * a changed identity, umask or a death of one is nothing to the next.
 */
#ifndef FLAKEY_TESTS_POSIX_STAGE_H
#define FLAKEY_TESTS_POSIX_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Ordinary people for the cases of root; each is in a group of the same
 * number, and in no other. */
#define STAGE_ANN 64001
#define STAGE_BOB 64002
/* A group without people. */
#define STAGE_CLUB 64010

/* What a generated case is made of: indexes into its theme's tables. */
struct stage_choice {
	int a, b, c, d;
};

typedef void (*stage_body)(const struct stage_choice *choice);

struct stage_case {
	const char *name;
	stage_body body;
};

/* Opens the directory of all cases; only those are run whose name begins with
 * the prefix. 0 or a negative errno. */
int stage_open(const char *path, const char *prefix);

/* Plays one case and prints its line. */
void stage_run(stage_body body, struct stage_choice choice, const char *format,
	       ...) __attribute__((format(printf, 3, 4)));
/* A table of cases without choices, each named theme.name. */
void stage_run_all(const char *theme, const struct stage_case *cases,
		   size_t count);
#define STAGE_RUN_ALL(theme, cases)                                            \
	stage_run_all(theme, cases, sizeof(cases) / sizeof((cases)[0]))

/* Whether this is root, who can be others, too. */
bool stage_is_root(void);
uid_t stage_own_uid(void);
gid_t stage_own_gid(void);

/* Root acts as somebody of the group with the same number; 0 ends it. Said on
 * the line if it fails. */
void stage_act_as(uid_t uid);
/* The same with a group of one's own choice. */
void stage_act_in(uid_t uid, gid_t gid);
/* Joins another group, beside the own one. */
void stage_join(gid_t gid);

/* What body does in a child of its own; waits, and says how it ended if that
 * was not exit status 0. */
void stage_child(stage_body body, const struct stage_choice *choice);

#endif
