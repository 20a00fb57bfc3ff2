/* SPDX-License-Identifier: MIT */
/*
 * The command `flakey`: its verbs. It is also the helper that mount(8)
 * calls for the type fuse.flakey, either as `mount.fuse.flakey` or, through
 * mount.fuse3(8), as `flakey SOURCE MOUNTPOINT -o OPTIONS`.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "tools/cmd.h"
#include "tools/program.h"
#include "tools/values.h"

/* Sorted by name. */
static const struct cmd *const verbs[] = {
	&cmd_mode_allow,
	&cmd_mode_corrupt,
	&cmd_crash,
	&cmd_doctor,
	&cmd_mode_drop,
	&cmd_mode_error_reads,
	&cmd_mode_error,
	&cmd_evict,
	&cmd_failpoint,
	&cmd_fault,
	&cmd_log,
	&cmd_mode,
	&cmd_mount,
	&cmd_mode_random_read,
	&cmd_mode_random_write,
	&cmd_run,
	&cmd_snapshot,
	&cmd_status,
	&cmd_sync,
	&cmd_umount,
	&cmd_unsynced,
};

static const struct program flakey = {
	.name = "flakey",
	.summary = "Turns a directory into a disk that can lose power.",
	.verbs = verbs,
	.verb_count = sizeof(verbs) / sizeof(verbs[0]),
	.statuses = "Exit status: 0 done, 1 refused or failed, 2 wrong usage; "
		    "that of 'run' is the\ncommand's own.\n",
	.values = values_offer,
};

static bool is_directory(const char *path)
{
	struct stat st;

	return strchr(path, '/') ||
	       (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

/* Called by mount(8): SOURCE MOUNTPOINT [-sfnv] [-o OPTIONS] [-t TYPE]. Only
 * -o is for us, and -f (a rehearsal) means to do nothing. */
static int mount_helper(int argc, char **argv)
{
	cleanup_free char **words = calloc((size_t)argc + 2, sizeof(*words));
	int count = 0;

	if (!words) {
		log_error("out of memory");
		return CMD_FAILED;
	}
	words[count++] = argv[0];
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-') {
			words[count++] = argv[i];
		} else if (strcmp(argv[i], "-f") == 0) {
			return CMD_DONE;
		} else if (strcmp(argv[i], "-o") == 0 && i + 1 < argc) {
			words[count++] = argv[i];
			words[count++] = argv[++i];
		} else if (strcmp(argv[i], "-t") == 0 && i + 1 < argc) {
			i++;
		} else if (strspn(argv[i] + 1, "snv") != strlen(argv[i] + 1)) {
			words[count++] = argv[i]; /* to be refused */
		}
	}
	return cmd_main(&cmd_mount, count, words);
}

int main(int argc, char **argv)
{
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;

	name = name ? name + 1 : argc > 0 ? argv[0] : "";
	if (strncmp(name, "mount.", 6) == 0)
		return program_finish(mount_helper(argc, argv));
	if (argc > 2 && argv[1][0] != '-' && !program_find(&flakey, argv[1]) &&
	    is_directory(argv[1]))
		return program_finish(cmd_main(&cmd_mount, argc, argv));
	return program_main(&flakey, argc, argv);
}
