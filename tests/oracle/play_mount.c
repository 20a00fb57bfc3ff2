/* SPDX-License-Identifier: MIT */
/*
 * play_mount MNT STORE CASES: plays crash cases (cases.h) on a flakey mount and prints
 * them with what was left, just as play_real does. If the store is not what the mount
 * shows after the crash, that is said in the result.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/controlfile.h"
#include "tests/harness/emptydir.h"
#include "tests/litmus/oplang.h"
#include "tests/litmus/treedump.h"
#include "tests/oracle/cases.h"

struct player {
	const char *path;
	int mount;
	int store;
};

static int look(const struct player *player, FILE *out)
{
	char *mount = treedump_text(player->mount);
	char *store = treedump_text(player->store);
	int r = mount && store ? 0 : -ENOMEM;

	if (r == 0)
		fputs(mount, out);
	if (r == 0 && strcmp(mount, store) != 0)
		fprintf(out, " (but the store has: %s)", store);
	free(mount);
	free(store);
	return r;
}

static int play(void *arg, const struct cases_one *one, FILE *out)
{
	const struct player *player = arg;
	struct oplang lang;
	int r = emptydir(player->path);

	if (r == 0)
		r = controlfile_verb(player->mount, "sync");
	oplang_init(&lang, player->mount, OPLANG_SYNC_CONTROL);
	if (r == 0)
		r = oplang_run(&lang, one->setup, out);
	oplang_done(&lang);
	if (r == 0)
		r = controlfile_verb(player->mount, "sync");
	oplang_init(&lang, player->mount, OPLANG_SYNC_CONTROL);
	if (r == 0)
		r = oplang_run(&lang, one->ops, out);
	if (r == 0)
		r = controlfile_verb(player->mount, "crash");
	if (r == 0)
		r = look(player, out);
	oplang_done(&lang);
	return r;
}

int main(int argc, char **argv)
{
	struct player player;
	int r;

	if (argc != 4) {
		fprintf(stderr, "usage: play_mount MNT STORE CASES\n");
		return 2;
	}
	umask(022);
	player.path = argv[1];
	player.mount = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	player.store = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = player.mount < 0 || player.store < 0
		    ? -errno
		    : cases_play("play_mount", argv[3], play, &player);
	if (r < 0 && r != -ECANCELED)
		fprintf(stderr, "play_mount: %s\n", strerror(-r));
	return r < 0;
}
