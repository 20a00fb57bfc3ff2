/* SPDX-License-Identifier: MIT */
/*
 * The command `flakey`: finds the verb. It is also the helper that mount(8)
 * calls for the type fuse.flakey, either as `mount.fuse.flakey` or, through
 * mount.fuse3(8), as `flakey SOURCE MOUNTPOINT -o OPTIONS`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/nearest.h"
#include "tools/cmd.h"

/* Sorted by name. */
static const struct cmd *const verbs[] = {
	&cmd_mode_allow, &cmd_crash,  &cmd_mode_drop, &cmd_mode_error,
	&cmd_evict,	 &cmd_log,    &cmd_mode,      &cmd_mount,
	&cmd_run,	 &cmd_status, &cmd_sync,      &cmd_umount,
	&cmd_unsynced,
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static const struct cmd *find(const char *name)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

static void help(void)
{
	printf("Usage: flakey VERB [OPTION...] [OPERAND...]\n\n"
	       "Turns a directory into a disk that can lose power.\n\n"
	       "Verbs ('flakey VERB --help' says more):\n");
	for (size_t i = 0; i < VERB_COUNT; i++)
		printf("  %-14s%s\n", verbs[i]->name, verbs[i]->summary);
	printf("\nOptions:\n"
	       "  -h, --help          show this and exit\n"
	       "      --long-options  list verbs and options, one a line, and "
	       "exit\n"
	       "  -V, --version       show the version and exit\n\n"
	       "Exit status: 0 done, 1 refused or failed, 2 wrong usage; that "
	       "of 'run' is the\ncommand's own.\n");
}

static void long_options(void)
{
	printf("--help\n--long-options\n--version\n");
	for (size_t i = 0; i < VERB_COUNT; i++)
		printf("%s\n", verbs[i]->name);
}

static bool is(const char *word, const char *letter, const char *name)
{
	return strcmp(word, letter) == 0 || strcmp(word, name) == 0;
}

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

static int unknown(const char *word)
{
	char hint[NEAREST_HINT_MAX];
	struct nearest nearest;

	nearest_init(&nearest, word);
	for (size_t i = 0; i < VERB_COUNT; i++)
		nearest_offer(&nearest, verbs[i]->name);
	nearest_offer(&nearest, "--help");
	nearest_offer(&nearest, "--version");
	log_error("unknown %s '%.80s'%s (see 'flakey --help')",
		  word[0] == '-' ? "option" : "verb", word,
		  nearest_hint(&nearest, hint));
	return CMD_USAGE;
}

/* What was printed has to have arrived. */
static int finish(int status)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_error("cannot print the answer");
		return status == CMD_DONE ? CMD_FAILED : status;
	}
	return status;
}

int main(int argc, char **argv)
{
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const struct cmd *cmd;

	name = name ? name + 1 : argc > 0 ? argv[0] : "";
	if (strncmp(name, "mount.", 6) == 0)
		return finish(mount_helper(argc, argv));
	if (argc < 2) {
		log_error("a verb is missing (see 'flakey --help')");
		return CMD_USAGE;
	}
	cmd = find(argv[1]);
	if (cmd)
		return finish(cmd_main(cmd, argc - 1, argv + 1));
	if (is(argv[1], "-h", "--help"))
		help();
	else if (is(argv[1], "-V", "--version"))
		printf("flakey %s\n", FLAKEY_VERSION);
	else if (strcmp(argv[1], "--long-options") == 0)
		long_options();
	else if (argc > 2 && argv[1][0] != '-' && is_directory(argv[1]))
		return finish(cmd_main(&cmd_mount, argc, argv));
	else
		return unknown(argv[1]);
	return finish(CMD_DONE);
}
