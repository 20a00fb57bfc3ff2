/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/log.h"
#include "tools/cmd.h"
#include "tools/daemon.h"
#include "tools/mount_dm.h"
#include "tools/mount_options.h"
#include "tools/preflight.h"
#include "tools/unmount.h"

static const struct cmd_option options[] = {
	{"allow-other", 0, NULL, "let other users in, root too"},
	{"backend", 0, "fuse|dm",
	 "a simulated disk or a real one; or $FLAKEY_BACKEND"},
	{"cache", 0, "through|back|none",
	 "the kernel's page cache; through is the default"},
	{"commit-interval", 0, "TIME",
	 "commit names by itself, as ext4 does after 5s"},
	{"control", 0, "NAME", "the control directory: .flakey, or none"},
	{"debug", 'd', NULL, "print every request; with --foreground"},
	{"dry-run", 0, NULL, "dm: say what would be done"},
	{"foreground", 'f', NULL, "serve in this process"},
	{"format", 0, NULL, "dm: lose what SOURCE holds, if it does"},
	{"fstype", 0, "ext4|xfs|btrfs", "dm: the file system; ext4"},
	{"http", 0, "ADDRESS", "serve the fault rules there, as gofail does"},
	{"mkfs-options", 0, "WORDS", "dm: more words for mkfs"},
	{"name", 0, "NAME", "dm: the device's, below /dev/mapper"},
	{"options", 'o', "NAME[=VALUE],...",
	 "the same options as mount(8) and fstab(5) write them"},
	{"profile", 0, "PROFILE",
	 "whose rules decide: ext4, xfs, btrfs or posix"},
	{"scratch", 0, "DIR",
	 "where unsynced data lies; else $TMPDIR or /var/tmp"},
	{"scratch-limit", 0, "SIZE", "how much of it: 64M, 2G; else no limit"},
	{"seed", 0, "N", "of all chance in fault rules; else one is chosen"},
	{"size", 0, "SIZE", "dm: of a new image: 512M; else 1G"},
	{"store-sync", 0, NULL, "wait for the store's own disk, too"},
	{"writeback-after", 0, "TIME",
	 "write data so old by itself, as Linux does after 30s"},
	{0},
};

/* Where -o lists are cut up; more would be a mistake. */
#define LISTS_BYTES_MAX 8192

static int parse(const struct cmd_args *args, struct mount_options *ret_options,
		 char lists[static LISTS_BYTES_MAX])
{
	struct mount_options mount = {0};
	size_t rest = LISTS_BYTES_MAX;
	struct errmsg why;

	for (size_t i = 0; i < args->given_count; i++) {
		const char *name = options[args->given[i].option].name;
		const char *value = args->given[i].value;
		size_t size;
		int r;

		if (strcmp(name, "options") == 0) {
			size = strlen(value) + 1;
			if (size > rest)
				return cmd_usage(args->cmd,
						 "the -o list is too long");
			rest -= size;
			r = mount_options_list(
				&mount, memcpy(lists, value, size), &why);
			lists += size;
		} else {
			r = mount_options_set(&mount, name, value, &why);
		}
		if (r < 0)
			return cmd_usage(args->cmd, "%s", why.text);
	}
	*ret_options = mount;
	return CMD_DONE;
}

static int start(const struct cmd_args *args, const struct mount_options *mount,
		 struct errmsg *reterr_why)
{
	pid_t pid;
	int r;

	if (mount->foreground)
		return daemon_foreground(&daemon_fusefs, &mount->config,
					 reterr_why);
	r = daemon_background(&daemon_fusefs, &mount->config,
			      mount->config.mountpoint, &pid, reterr_why);
	if (r == 0 && args->json)
		daemon_print_json(mount->config.source,
				  mount->config.mountpoint, pid);
	return r;
}

static int run(const struct cmd_args *args)
{
	char lists[LISTS_BYTES_MAX];
	struct mount_options mount;
	struct preflight places;
	struct errmsg why = {"not enough memory"};
	int status;
	int r;

	if (mount_dm_is_asked_for(args))
		return mount_dm_run(args);
	status = parse(args, &mount, lists);
	if (status != CMD_DONE)
		return status;
	r = preflight_check(args->operands[0], args->operands[1], &places,
			    &why);
	if (r < 0) {
		log_error("%s", why.text);
		return CMD_FAILED;
	}
	if (places.dead) {
		log_info("'%s' was left by a dead flakey, taking it over",
			 places.mountpoint);
		r = unmount_path(places.mountpoint, true, &why);
	}
	mount.config.source = places.source;
	mount.config.mountpoint = places.mountpoint;
	mount.config.faults = getenv("FLAKEY_FAULTS");
	if (r == 0)
		r = start(args, &mount, &why);
	if (r < 0)
		log_error("%s", why.text);
	preflight_done(&places);
	return r < 0 ? CMD_FAILED : CMD_DONE;
}

const struct cmd cmd_mount = {
	.name = "mount",
	.operands = "SOURCE MOUNTPOINT",
	.summary = "make a directory lose power on demand",
	.details =
		"Mounts SOURCE, a directory, on MOUNTPOINT. SOURCE always holds\n"
		"exactly what a power failure now would leave. Returns when the\n"
		"mount works; a server in the background goes on until 'flakey\n"
		"umount MOUNTPOINT'. 'mount -t fuse.flakey' works, too.\n"
		"$FLAKEY_FAULTS may have fault rules to begin with.\n"
		"\n"
		"With --backend dm, SOURCE is an image file (made if missing), a\n"
		"block device, a folder for an image, or the word new for one\n"
		"that ends with the mount; the file system on it is the\n"
		"kernel's own, and -o takes its mount options.\n",
	.options = options,
	.operands_min = 2,
	.operands_max = 2,
	.run = run,
};
