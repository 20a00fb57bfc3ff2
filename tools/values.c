/* SPDX-License-Identifier: MIT */
/*
 * Each value comes from the table that the verbs themselves use, or from who is
 * asked: the kernel for mounts, a mount for its rules, a program for its points.
 * A question that is not answered offers nothing.
 */
#include "tools/values.h"

#include <stdio.h>
#include <string.h>

#include "common/client.h"
#include "common/fields.h"
#include "common/mode.h"
#include "common/mountinfo.h"
#include "common/text.h"
#include "failpoints/terms.h"
#include "fusefs/profile.h"
#include "rules/rule_language.h"
#include "rules/rule_points.h"
#include "tools/cmd.h"
#ifdef FAILPOINT_CLIENT
#include "tools/failpoint_client.h"
#endif

/* Who types does not wait longer for a program's answer. */
#define ANSWER_MS 1000
#define PREFIX_MAX 512

/* The same line with more in front of the candidates: the first bytes of what
 * was begun stay as they are. */
static struct complete behind(const struct complete *complete, size_t bytes,
			      char prefix[static PREFIX_MAX])
{
	struct complete next = *complete;

	(void)snprintf(prefix, PREFIX_MAX, "%s%.*s", complete->prefix,
		       (int)bytes, complete->begun);
	next.prefix = prefix;
	next.begun += bytes;
	return next;
}

struct mounts {
	const struct complete *complete;
	bool any;
};

static void offer_mount(void *user, const struct mountinfo *mount)
{
	struct mounts *mounts = user;
	char *slash;

	if (strcmp(mount->type, MOUNTINFO_TYPE_DM) == 0) {
		/* Its control files lie in the root of the mount. */
		slash = strrchr(mount->mountpoint, '/');
		if (slash && slash != mount->mountpoint)
			*slash = '\0';
	} else if (strcmp(mount->type, MOUNTINFO_TYPE_FUSE) != 0) {
		return;
	}
	mounts->any |= complete_offer(mounts->complete, mount->mountpoint,
				      mount->source);
}

static void offer_mounts(const struct complete *complete)
{
	struct mounts mounts = {.complete = complete};

	/* A relative path is none of them. */
	(void)mountinfo_each(offer_mount, &mounts);
	if (!mounts.any)
		complete_ask_shell("directories");
}

static void offer_modes(const struct complete *complete)
{
	const char *name;

	for (int i = 0; (name = mode_name((enum mode_kind)i)); i++)
		complete_offer(complete, name, NULL);
}

static void offer_actions(const struct complete *complete, bool of_rules)
{
	const char *begun = complete->begun;
	const struct terms_action *action;
	char prefix[PREFIX_MAX];
	struct complete last;
	size_t at = strlen(begun);

	/* Behind the last arrow and its modifiers. */
	while (at > 0 && !strchr("=>*% ", begun[at - 1]))
		at--;
	last = behind(complete, at, prefix);
	for (size_t i = 0; (action = terms_own_action(i)); i++)
		complete_offer(&last, action->name, NULL);
	for (size_t i = 0; of_rules && i < rule_language.action_count; i++)
		complete_offer(&last, rule_language.actions[i].name, NULL);
}

/* In front of the '=' a point, behind it actions. Within braces a rule has an '='
 * that is none. */
static void offer_rules(const struct complete *complete)
{
	const char *name = complete->begun;
	size_t end = strcspn(name, "{=");

	if (name[end] == '{') {
		const char *brace = strchr(name, '}');

		end = brace ? (size_t)(brace + 1 - name) : 0;
		if (end > 0 && name[end] == '=')
			offer_actions(complete, true);
		return;
	}
	if (name[end] == '=')
		offer_actions(complete, true);
	else
		for (size_t i = 0; (name = rule_points_at(i)); i++)
			complete_offer(complete, name, NULL);
}

/* Names of the rules of the line's mount. */
static void offer_names_of_rules(const struct complete *complete)
{
	const char *path = complete_operand(complete, 0);
	struct client *client;
	struct text answer;
	char *rest;
	char *name;
	char *value;

	if (!path || client_open(path, complete_value(complete, "control"),
				 &client, NULL) < 0)
		return;
	text_init(&answer);
	if (client_command(client, "fault list format=plain", &answer, NULL) ==
	    0) {
		rest = answer.data;
		while (fields_next(&rest, &name, &value))
			if (strcmp(name, "rule") == 0)
				complete_offer(complete, value, NULL);
	}
	text_done(&answer);
	client_close(client);
}

#ifdef FAILPOINT_CLIENT

/* Names of the points of a program, if it answers. */
static void offer_names_of_points(const struct complete *complete)
{
	const struct failpoint_question question = {
		.method = "GET", .name = "", .timeout_ms = ANSWER_MS};
	const struct cmd_option *options = complete->cmd->options;
	struct cmd_args args = {.cmd = complete->cmd};
	struct text lines;
	char *rest;
	char *line;

	args.given[0].value = complete_value(complete, "address");
	for (size_t i = 0; options && options[i].name; i++)
		if (args.given[0].value &&
		    strcmp(options[i].name, "address") == 0) {
			args.given[0].option = i;
			args.given_count = 1;
		}
	if (!failpoint_client_knows(&args))
		return;
	text_init(&lines);
	if (failpoint_client_do(&args, &question, &lines, NULL) == 0) {
		rest = lines.data;
		while ((line = strsep(&rest, "\n"))) {
			line[strcspn(line, "=")] = '\0';
			if (*line)
				complete_offer(complete, line, NULL);
		}
	}
	text_done(&lines);
}

#else

static void offer_names_of_points(const struct complete *complete)
{
	(void)complete;
}

#endif

static void offer_names(const struct complete *complete)
{
	const struct cmd *outer = complete->outer;

	if (complete->option || !outer)
		return;
	if (outer == &cmd_fault)
		offer_names_of_rules(complete);
	else
		offer_names_of_points(complete);
}

static void offer_profiles(const struct complete *complete)
{
	const char *list = profile_names();
	const char *begin;
	char name[80];

	/* 'NAME', 'NAME', ...: names have commas in them. */
	while ((begin = strchr(list, '\''))) {
		size_t length = strcspn(begin + 1, "'");

		(void)snprintf(name, sizeof(name), "%.*s", (int)length,
			       begin + 1);
		complete_offer(complete, name, NULL);
		list = begin + length + 2;
	}
}

/* Of -o: behind the last comma, the long options of the verb. */
static void offer_mount_words(const struct complete *complete)
{
	const char *comma = strrchr(complete->begun, ',');
	char prefix[PREFIX_MAX];
	char word[80];
	struct complete last = behind(
		complete, comma ? (size_t)(comma + 1 - complete->begun) : 0,
		prefix);

	for (const struct cmd_option *option = complete->cmd->options;
	     option->name; option++) {
		if (option == complete->option)
			continue;
		(void)snprintf(word, sizeof(word), "%s%s", option->name,
			       option->value ? "=" : "");
		complete_offer(&last, word, option->help);
	}
}

static void offer_mountpoints(const struct complete *complete)
{
	if (complete->cmd == &cmd_umount)
		offer_mounts(complete);
	else
		complete_ask_shell("directories");
}

static void offer_sources(const struct complete *complete)
{
	(void)complete;
	complete_ask_shell("files"); /* an image is one */
}

static void offer_terms(const struct complete *complete)
{
	offer_actions(complete, false);
}

void values_offer(const struct complete *complete, const char *word)
{
	static const struct {
		const char *word;
		void (*offer)(const struct complete *complete);
	} known[] = {
		{"MODE", offer_modes},
		{"MOUNT", offer_mounts},
		{"MOUNTPOINT", offer_mountpoints},
		{"NAME", offer_names},
		{"NAME[=VALUE],...", offer_mount_words},
		{"PROFILE", offer_profiles},
		{"RULE", offer_rules},
		{"SOURCE", offer_sources},
		{"TERMS", offer_terms},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].word, word) == 0)
			known[i].offer(complete);
}
