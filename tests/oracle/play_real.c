/* SPDX-License-Identifier: MIT */
/*
 * play_real FILESYSTEM CASES: plays crash cases (cases.h) on a real file system, as
 * root of the guest, and prints them with what was left. FILESYSTEM is one of the
 * table below. $TMPDIR holds the image; it is best in memory.
 *
 * A case is: a new file system, the setup, a sync, the ops, from here on no write
 * arrives, unmount, writes arrive again, mount, look. What the ops keep open is open
 * until the power has failed.
 *
 * Two things that would be chance are decided. Before each op the clock is put
 * forward, for a file's mtime only changes with the kernel's tick, and a write that
 * does not change it need not join a transaction. And after each op what it has set
 * going on the disk comes to its end, as some ops start a write that they do not wait
 * for.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/litmus/oplang.h"
#include "tests/litmus/treedump.h"
#include "tests/oracle/cases.h"
#include "tests/oracle/flakydisk.h"

#define IMAGE_BYTES (400LL << 20) /* as that of the recorded tables */
#define WORDS_MAX 8
#define UNMOUNT_TRIES 1000
#define UNMOUNT_PAUSE_NS 10000000

extern char **environ;

struct filesystem {
	const char *name; /* as a profile is called */
	const char *type;
	const char *options; /* nothing is to be committed by a timer */
	const char *make[WORDS_MAX];
};

static const struct filesystem filesystems[] = {
	{
		.name = "ext4",
		.type = "ext4",
		.options = "commit=1000",
		.make = {"mkfs.ext4", "-q", "-F", "-b", "1024", "-E",
			 "lazy_itable_init=0,lazy_journal_init=0"},
	},
	{
		.name = "ext4,block=4096",
		.type = "ext4",
		.options = "commit=1000",
		.make = {"mkfs.ext4", "-q", "-F", "-b", "4096", "-E",
			 "lazy_itable_init=0,lazy_journal_init=0"},
	},
	{
		.name = "xfs",
		.type = "xfs",
		.make = {"mkfs.xfs", "-q", "-f"},
	},
	{
		.name = "btrfs",
		.type = "btrfs",
		.options = "commit=1000",
		.make = {"mkfs.btrfs", "-q", "-f"},
	},
};

enum step {
	RESTORE,
	MOUNT,
	SETUP,
	OPS,
	CUT,
	UNMOUNT,
	REMOUNT,
	LOOK,
	END,
	STEPS
};

struct player {
	const struct filesystem *filesystem;
	struct flakydisk disk;
	char mountpoint[4096];
	double seconds[STEPS];
	double since;
	size_t played;
};

static double now(void)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void spent(struct player *player, enum step step)
{
	double at = now();

	player->seconds[step] += at - player->since;
	player->since = at;
}

/* It is the guest's own. */
static int put_clock_forward(void)
{
	struct timespec at;

	if (clock_gettime(CLOCK_REALTIME, &at) < 0)
		return -errno;
	at.tv_sec++;
	return clock_settime(CLOCK_REALTIME, &at) < 0 ? -errno : 0;
}

/* Some talk on standard output, which is for the results. */
static int spawn(const char **words, pid_t *ret_child)
{
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, 2, 1);
	if (r == 0)
		r = posix_spawnp(ret_child, words[0], &actions, NULL,
				 (char **)words, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int make_image(const struct filesystem *filesystem, const char *path)
{
	const char *words[WORDS_MAX + 2] = {0};
	size_t count = 0;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int how = 1;
	pid_t child;
	int r;

	if (fd < 0 || ftruncate(fd, IMAGE_BYTES) < 0)
		return -errno;
	(void)close(fd);
	while (count < WORDS_MAX && filesystem->make[count]) {
		words[count] = filesystem->make[count];
		count++;
	}
	words[count] = path;
	r = spawn(words, &child);
	if (r < 0)
		return r;
	if (waitpid(child, &how, 0) != child || how != 0)
		return -EIO;
	return 0;
}

static int mount_it(const struct player *player)
{
	const struct filesystem *filesystem = player->filesystem;

	return mount(player->disk.path, player->mountpoint, filesystem->type, 0,
		     filesystem->options) < 0
		       ? -errno
		       : 0;
}

/* Work of the kernel for the file system may hold it for a moment. */
static int unmount_it(const struct player *player)
{
	const struct timespec pause = {.tv_nsec = UNMOUNT_PAUSE_NS};

	for (int i = 0; i < UNMOUNT_TRIES; i++) {
		if (umount(player->mountpoint) == 0)
			return 0;
		if (errno != EBUSY)
			break;
		(void)nanosleep(&pause, NULL);
	}
	return -errno;
}

static int open_root(const struct player *player)
{
	int fd = open(player->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Each of them at a time of its own, and alone. */
static int run_ops(struct player *player, struct oplang *lang, const char *ops,
		   FILE *out)
{
	char *copy = strdup(ops);
	char *rest = copy;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && rest) {
		r = put_clock_forward();
		if (r == 0)
			r = oplang_run(lang, strsep(&rest, ";"), out);
		if (r == 0)
			r = flakydisk_settle(&player->disk);
	}
	free(copy);
	return r;
}

/* Up to the moment when the power fails. */
static int act(struct player *player, int root, const struct cases_one *one,
	       FILE *out)
{
	struct oplang lang;
	int r;

	oplang_init(&lang, root, OPLANG_SYNC_REAL);
	r = run_ops(player, &lang, one->setup, out);
	oplang_done(&lang);
	if (r == 0 && syncfs(root) < 0)
		r = -errno;
	spent(player, SETUP);
	oplang_init(&lang, root, OPLANG_SYNC_REAL);
	if (r == 0)
		r = run_ops(player, &lang, one->ops, out);
	spent(player, OPS);
	if (r == 0)
		r = flakydisk_keep_writes(&player->disk, false);
	spent(player, CUT);
	oplang_done(&lang);
	return r;
}

static int look(const struct player *player, FILE *out)
{
	int root = open_root(player);
	int r;

	if (root < 0)
		return root;
	r = treedump_write(root, out);
	(void)close(root);
	if (r < 0)
		fprintf(out, " (cannot be read: %s)", strerror(-r));
	return 0;
}

static int fail_power(struct player *player, const struct cases_one *one,
		      FILE *out)
{
	int r = mount_it(player);
	int root;

	if (r < 0)
		return r;
	spent(player, MOUNT);
	root = open_root(player);
	r = root < 0 ? root : act(player, root, one, out);
	if (root >= 0)
		(void)close(root);
	(void)chdir("/"); /* oplang_run() has gone into it */
	if (r == 0)
		r = unmount_it(player);
	spent(player, UNMOUNT);
	return r < 0 ? r : flakydisk_keep_writes(&player->disk, true);
}

static int play(void *arg, const struct cases_one *one, FILE *out)
{
	struct player *player = arg;
	int r;

	player->since = now();
	r = flakydisk_restore(&player->disk);
	spent(player, RESTORE);
	if (r == 0)
		r = fail_power(player, one, out);
	spent(player, CUT);
	if (r == 0)
		r = mount_it(player);
	spent(player, REMOUNT);
	if (r < 0)
		return r;
	r = look(player, out);
	spent(player, LOOK);
	if (r == 0)
		r = unmount_it(player);
	spent(player, END);
	player->played++;
	return r;
}

static void print_times(const struct player *player)
{
	static const char *const names[STEPS] = {
		"restore", "mount",   "setup", "ops",	 "switch",
		"unmount", "remount", "look",  "unmount"};

	fprintf(stderr, "# ms a case:");
	for (size_t i = 0; i < STEPS; i++)
		fprintf(stderr, " %s %.2f", names[i],
			player->seconds[i] * 1e3 / (double)player->played);
	fprintf(stderr, " (%zu pieces)\n", player->disk.piece_count);
}

static int prepare(struct player *player)
{
	const char *directory = getenv("TMPDIR");
	char image[4096];
	int r;

	if (!directory)
		directory = "/tmp";
	(void)snprintf(image, sizeof(image), "%.4000s/image", directory);
	(void)snprintf(player->mountpoint, sizeof(player->mountpoint),
		       "%.4000s/mounted", directory);
	if (mkdir(player->mountpoint, 0755) < 0 && errno != EEXIST)
		return -errno;
	r = make_image(player->filesystem, image);
	return r < 0 ? r : flakydisk_start(&player->disk, image);
}

int main(int argc, char **argv)
{
	static struct player player;
	int r;

	for (size_t i = 0;
	     argc == 3 && i < sizeof(filesystems) / sizeof(filesystems[0]); i++)
		if (strcmp(argv[1], filesystems[i].name) == 0)
			player.filesystem = &filesystems[i];
	if (!player.filesystem) {
		fprintf(stderr, "usage: play_real ext4|ext4,block=4096|xfs|"
				"btrfs CASES\n");
		return 2;
	}
	umask(022);
	r = prepare(&player);
	if (r == 0)
		r = cases_play("play_real", argv[2], play, &player);
	if (r < 0 && r != -ECANCELED)
		fprintf(stderr, "play_real: %s\n", strerror(-r));
	if (player.played > 0)
		print_times(&player);
	flakydisk_stop(&player.disk);
	return r < 0;
}
