/* SPDX-License-Identifier: MIT */
#include "tools/mount_dm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/errmsg.h"
#include "common/fields.h"
#include "common/log.h"
#include "common/text.h"
#include "dmbackend/dmbackend.h"
#include "tools/cmd.h"
#include "tools/daemon.h"
#include "tools/mount_options.h"
#include "tools/preflight.h"

#define BACKEND_OPTION "backend="

/* The last backend= of a list of -o, or NULL. */
static const char *backend_in_list(const char *list)
{
	const char *found = NULL;

	for (const char *word = list; *word;) {
		if (strncmp(word, BACKEND_OPTION, strlen(BACKEND_OPTION)) == 0)
			found = word + strlen(BACKEND_OPTION);
		word += strcspn(word, ",");
		word += *word == ',';
	}
	return found;
}

static bool is_dm(const char *name)
{
	return strncmp(name, "dm", 2) == 0 && (!name[2] || name[2] == ',');
}

bool mount_dm_is_asked_for(const struct cmd_args *args)
{
	const char *backend = getenv("FLAKEY_BACKEND");
	bool dm = backend && is_dm(backend);

	for (size_t i = 0; i < args->given_count; i++) {
		const char *name =
			args->cmd->options[args->given[i].option].name;
		const char *value = args->given[i].value;

		if (strcmp(name, "options") == 0)
			value = backend_in_list(value);
		else if (strcmp(name, "backend") != 0)
			value = NULL;
		if (value)
			dm = is_dm(value);
	}
	return dm;
}

#ifndef FLAKEY_DM

int mount_dm_run(const struct cmd_args *args)
{
	(void)args;
	log_error("this flakey was built without the dm backend: build it with "
		  "-Ddm=enabled, or use --backend fuse");
	return CMD_FAILED;
}

#else

/* Options for mount(2) from all -o lists. */
#define MOUNT_WORDS_MAX 4096

struct request {
	struct dmbackend_config config; /* strings are borrowed */
	bool foreground;
	bool dry_run;
	bool others_ignored; /* those that mean nothing to this backend */
	size_t used;
	char words[MOUNT_WORDS_MAX];  /* the mount options */
	char values[MOUNT_WORDS_MAX]; /* of ours in -o lists */
	size_t values_used;
};

static int set_profile(struct request *request, const char *profile,
		       struct errmsg *reterr_why)
{
	if (strcmp(profile, "posix") == 0) {
		errmsg_set(reterr_why, "no kernel's file system behaves as the "
				       "profile posix: use --backend fuse, or "
				       "--fstype ext4, xfs or btrfs");
		return -ENOTSUP;
	}
	if (!request->config.fstype)
		request->config.fstype = profile;
	return 0;
}

/* Of the simulated disk only. What changes nothing that a test could look at is left
 * aside where the test did not ask for this backend itself. */
static int set_other(const struct request *request, const char *name,
		     struct errmsg *reterr_why)
{
	static const char *const needed[] = {
		"commit-interval",
		"http",
		"writeback-after",
	};
	bool ignored = request->others_ignored;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (strcmp(name, needed[i]) == 0)
			ignored = false;
	if (strcmp(name, "allow-other") == 0 || ignored)
		return 0; /* a kernel's file system lets everybody in */
	errmsg_set(reterr_why,
		   "not supported by the dm backend: --%s, which is for the "
		   "simulated disk; leave it out, or use --backend fuse",
		   name);
	return -EINVAL;
}

/* Rules that nobody follows would make a test pass for nothing. */
static int check_faults(struct errmsg *reterr_why)
{
	const char *faults = getenv("FLAKEY_FAULTS");

	if (!faults || !*faults)
		return 0;
	errmsg_set(reterr_why,
		   "not supported by the dm backend: fault rules; unset "
		   "FLAKEY_FAULTS, or use --backend fuse");
	return -ENOTSUP;
}

static int set_option(struct request *request, const char *name,
		      const char *value, struct errmsg *reterr_why)
{
	struct dmbackend_config *config = &request->config;

	if (strcmp(name, "backend") == 0)
		return 0;
	if (strcmp(name, "profile") == 0)
		return set_profile(request, value, reterr_why);
	if (strcmp(name, "size") == 0)
		return mount_options_size(value, &config->size_bytes,
					  reterr_why);
	if (strcmp(name, "control") == 0) {
		config->control = value;
		return mount_options_control(value, reterr_why);
	}
	if (strcmp(name, "fstype") == 0)
		config->fstype = value;
	else if (strcmp(name, "name") == 0)
		config->name = value;
	else if (strcmp(name, "mkfs-options") == 0)
		config->mkfs_options = value;
	else if (strcmp(name, "format") == 0)
		config->format = true;
	else if (strcmp(name, "foreground") == 0)
		request->foreground = true;
	else if (strcmp(name, "dry-run") == 0)
		request->dry_run = true;
	else
		return set_other(request, name, reterr_why);
	return 0;
}

/* Those of ours that a list may have, for fstab(5). */
static bool is_ours(const char *word, size_t length)
{
	static const char *const names[] = {
		"backend=", "control=", "fstype=", "name=", "profile=", "size=",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (length > strlen(names[i]) &&
		    strncmp(word, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static int take_word(struct request *request, const char *word, size_t length,
		     struct errmsg *reterr_why)
{
	if (is_ours(word, length)) {
		char *name = request->values + request->values_used;
		char *value;

		memcpy(name, word, length);
		name[length] = '\0';
		request->values_used += length + 1;
		value = strchr(name, '=');
		*value++ = '\0';
		return set_option(request, name, value, reterr_why);
	}
	if (request->used > 0)
		request->words[request->used++] = ',';
	memcpy(request->words + request->used, word, length);
	request->used += length;
	request->words[request->used] = '\0';
	return 0;
}

static int take_list(struct request *request, const char *list,
		     struct errmsg *reterr_why)
{
	int r = 0;

	if (strlen(list) + request->used + request->values_used + 2 >=
	    MOUNT_WORDS_MAX) {
		errmsg_set(reterr_why, "the -o list is too long");
		return -E2BIG;
	}
	while (*list && r == 0) {
		size_t length = strcspn(list, ",");

		if (length > 0)
			r = take_word(request, list, length, reterr_why);
		list += length;
		list += *list == ',';
	}
	request->config.mount_options = request->used ? request->words : NULL;
	return r;
}

static int parse(const struct cmd_args *args, struct request *request,
		 struct errmsg *reterr_why)
{
	int r = 0;

	for (size_t i = 0; i < args->given_count && r == 0; i++) {
		const char *name =
			args->cmd->options[args->given[i].option].name;
		const char *value = args->given[i].value;

		if (strcmp(name, "options") == 0)
			r = take_list(request, value, reterr_why);
		else
			r = set_option(request, name, value, reterr_why);
	}
	return r;
}

static int describe(const struct cmd_args *args, const struct request *request,
		    struct errmsg *reterr_why)
{
	struct text text;
	int r;

	text_init(&text);
	r = dmbackend_describe(&request->config,
			       args->json ? FIELDS_JSON : FIELDS_TEXT, &text,
			       reterr_why);
	if (r == 0)
		printf("%s", text.data);
	text_done(&text);
	return r;
}

static int start(const struct cmd_args *args, struct request *request,
		 struct errmsg *reterr_why)
{
	struct dmbackend_config *config = &request->config;
	struct preflight places;
	pid_t pid;
	int r;

	r = dmbackend_prepare(args->operands[1], reterr_why);
	if (r == 0)
		r = preflight_mountpoint(args->operands[1], &places,
					 reterr_why);
	if (r < 0)
		return r;
	config->mountpoint = places.mountpoint;
	if (request->foreground)
		r = daemon_foreground(&daemon_dmbackend, config, reterr_why);
	else
		r = daemon_background(&daemon_dmbackend, config,
				      config->mountpoint, &pid, reterr_why);
	if (r == 0 && args->json && !request->foreground)
		daemon_print_json(config->source, config->mountpoint, pid);
	preflight_done(&places);
	return r;
}

int mount_dm_run(const struct cmd_args *args)
{
	struct errmsg why = {"not enough memory"};
	struct request request = {
		.config.source = args->operands[0],
		.config.mountpoint = args->operands[1],
		/* Swapped under a test that does not know. */
		.others_ignored = !cmd_has(args, "backend"),
	};
	int r;

	if (parse(args, &request, &why) < 0 || check_faults(&why) < 0)
		return cmd_usage(args->cmd, "%s", why.text);
	r = request.dry_run ? describe(args, &request, &why)
			    : start(args, &request, &why);
	if (r < 0)
		log_error("%s", why.text);
	return r < 0 ? CMD_FAILED : CMD_DONE;
}

#endif
