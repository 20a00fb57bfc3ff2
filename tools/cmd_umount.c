/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/fields.h"
#include "common/log.h"
#include "common/mountinfo.h"
#include "common/text.h"
#include "tools/cmd.h"
#include "tools/progress.h"
#include "tools/unmount.h"

static const struct cmd_option options[] = {
	CMD_OPTION_CONTROL,
	{"force", 0, NULL, "unmount even if the commit fails"},
	{"kill", 0, NULL, "kill the programs that use it"},
	{"lazy", 0, NULL, "also when in use; do not wait for the users' end"},
	{0},
};

/* The operand has to be the mountpoint itself: unmounting by a path below it
 * would surprise. */
static int find(const char *path, char **ret_mountpoint,
		struct errmsg *reterr_why)
{
	cleanup_free char *resolved = NULL;
	struct mountinfo mount;
	bool dead;
	int r;

	r = mountinfo_resolve(path, &resolved, &dead);
	if (r == 0 && unmount_is_dm(resolved)) {
		*ret_mountpoint = steal(resolved);
		return 0;
	}
	if (r == 0)
		r = mountinfo_find(resolved, &mount);
	if (r < 0) {
		errmsg_set(reterr_why, "'%.200s': %s", path,
			   strerrordesc_np(-r));
		return r;
	}
	if (strcmp(mount.type, MOUNTINFO_TYPE_FUSE) != 0) {
		errmsg_set(reterr_why,
			   "'%.200s' is no flakey mount; 'findmnt -t "
			   "fuse.flakey,fuse.flakey-dm' lists them",
			   path);
		r = -ENOTTY;
	} else if (strcmp(mount.mountpoint, resolved) != 0) {
		errmsg_set(reterr_why,
			   "'%.200s' is no mountpoint: say 'flakey "
			   "umount %s'",
			   path, mount.mountpoint);
		r = -EINVAL;
	} else {
		*ret_mountpoint = steal(resolved);
	}
	mountinfo_done(&mount);
	return r;
}

static void print_json(const char *mountpoint)
{
	struct fields record;
	struct text text;

	text_init(&text);
	fields_begin(&record, &text, FIELDS_JSON);
	fields_string(&record, "unmounted", mountpoint);
	fields_end(&record);
	if (text_result(&text) == 0)
		printf("%s", text.data);
	text_done(&text);
}

static int run(const struct cmd_args *args)
{
	const struct unmount_options how = {
		.control = cmd_value(args, "control"),
		.force = cmd_has(args, "force"),
		.kill = cmd_has(args, "kill"),
		.lazy = cmd_has(args, "lazy"),
	};
	cleanup_free char *mountpoint = NULL;
	struct progress *progress;
	struct errmsg why;
	int r;

	r = find(args->operands[0], &mountpoint, &why);
	if (r == 0) {
		progress = progress_start("umount");
		r = unmount_clean(mountpoint, &how, &why);
		progress_stop(progress);
	}
	if (r < 0) {
		log_error("%s", why.text);
		return CMD_FAILED;
	}
	if (args->json)
		print_json(mountpoint);
	return CMD_DONE;
}

const struct cmd cmd_umount = {
	.name = "umount",
	.operands = "MOUNTPOINT",
	.summary = "commit everything and unmount",
	.details =
		"Commits, unmounts, and returns when the store is complete. A\n"
		"failed commit leaves the mount as it is. A mount whose server\n"
		"is dead is cleaned up.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
