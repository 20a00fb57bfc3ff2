/* SPDX-License-Identifier: MIT */
/*
 * swapper MNT STORE OUTSIDE: somebody with access to the store puts links, fifos
 * and devices where files and directories were, while the daemon has to commit
 * to those. Nothing outside may be touched: OUTSIDE holds a file `canary` and a
 * directory `nest`, which are looked at after each attack.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/harness/controlfile.h"

#define PATH_BYTES 4096
#define RACES 300
/* A fifo without a writer would hold its reader for ever. */
#define DEADLINE_S 60

static int mount_fd;
static int store_fd;
static int outside_fd;
static int events_fd; /* inotify: of the canary, the nest, and one victim */
static const char *outside;
static struct stat canary_before;
static struct stat nest_before;
static int points;
static int failures;

static void point(bool good, const char *name)
{
	points++;
	failures += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", points, name);
	(void)fflush(stdout); /* a hang shall show where */
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_mode == b->st_mode &&
	       a->st_uid == b->st_uid && a->st_size == b->st_size &&
	       a->st_nlink == b->st_nlink &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec &&
	       a->st_atim.tv_sec == b->st_atim.tv_sec &&
	       a->st_atim.tv_nsec == b->st_atim.tv_nsec;
}

static bool watch(int directory, const char *name)
{
	char path[64];
	int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	bool good =
		fd >= 0 && inotify_add_watch(events_fd, path,
					     IN_OPEN | IN_ACCESS | IN_MODIFY |
						     IN_CREATE | IN_MOVE) >= 0;

	(void)close(fd); /* O_PATH */
	return good;
}

/* ctime sees every change, atime most reads, the nest every name, and the events
 * whether anything was opened. */
static bool is_untouched(void)
{
	struct stat canary, nest;
	struct inotify_event event[16];

	if (read(events_fd, event, sizeof(event)) > 0) {
		printf("# an event of kind %x\n", event[0].mask);
		return false;
	}
	bool good = fstatat(outside_fd, "canary", &canary, 0) == 0 &&
		    fstatat(outside_fd, "nest", &nest, 0) == 0 &&
		    same(&canary, &canary_before) && same(&nest, &nest_before);

	if (!good)
		printf("# the canary or the nest was touched\n");
	return good;
}

static void attempt(int result)
{
	(void)result; /* what the program hears is not the point here */
}

/* Everything that makes the daemon touch the stored file of a name, each time
 * with a commit. */
static void use(const char *name)
{
	static const struct timespec times[2];
	char buffer[16];
	int root = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(mount_fd, name,
			O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	attempt((int)pread(fd, buffer, sizeof(buffer), 0));
	attempt((int)pwrite(fd, "overwritten", 11, 2));
	attempt(fsync(fd));
	attempt(ftruncate(fd, 3));
	attempt(fsync(fd));
	attempt(fchmod(fd, 0777));
	attempt(fsync(root));
	attempt(futimens(fd, times));
	attempt(fsync(root));
	attempt(fsetxattr(fd, "user.x", "x", 1, 0));
	attempt(fsync(root));
	attempt((int)fgetxattr(fd, "user.y", buffer, sizeof(buffer)));
	attempt(fchown(fd, (uid_t)-1, getgid()));
	attempt(fsync(root));
	attempt(controlfile_verb(mount_fd, "crash digest=yes"));
	if (fd >= 0)
		(void)close(fd); /* dead */
	(void)close(root);	 /* as well */
}

/* A durable file of that name, known to the daemon, its descriptor not. */
static bool make_known(const char *name, mode_t mode)
{
	struct stat st;
	int fd;

	fd = openat(mount_fd, name, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	bool good = fd >= 0 && pwrite(fd, "content", 7, 0) == 7 &&
		    fchmod(fd, mode) == 0 && fsync(fd) == 0;

	if (fd >= 0)
		(void)close(fd); /* synced */
	good = good && controlfile_verb(mount_fd, "crash") == 0 &&
	       fstatat(mount_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	return good && unlinkat(store_fd, name, 0) == 0;
}

static void attack_file(const char *what, mode_t mode, const char *target,
			mode_t node)
{
	char name[64];

	/* Each its own: the daemon knows the last one still. */
	(void)snprintf(name, sizeof(name), "victim%d", points);
	bool made = make_known(name, mode);

	if (target != NULL)
		made = made && symlinkat(target, store_fd, name) == 0;
	else
		made = made &&
		       mknodat(store_fd, name, node | 0666,
			       node == S_IFCHR ? makedev(1, 5) : 0) == 0;
	if (!made && errno == EPERM && node == S_IFCHR) {
		printf("ok %d - %s # SKIP only root makes devices\n", ++points,
		       what);
		return;
	}
	if (target == NULL)
		made = made && watch(store_fd, name);
	use(name);
	point(made && is_untouched(), what);
}

static void attack_with_links(void)
{
	static const mode_t modes[] = {0644, 0444, 0};
	char target[PATH_BYTES], name[PATH_BYTES];

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		(void)snprintf(target, sizeof(target), "%s/canary", outside);
		(void)snprintf(name, sizeof(name),
			       "an absolute link in place of a file of mode %o",
			       modes[i]);
		attack_file(name, modes[i], target, 0);
		(void)snprintf(name, sizeof(name),
			       "a relative link in place of a file of mode %o",
			       modes[i]);
		attack_file(name, modes[i], "../outside/canary", 0);
		(void)snprintf(target, sizeof(target),
			       "/proc/self/root%s/canary", outside);
		(void)snprintf(name, sizeof(name),
			       "a link through /proc in place of a file of mode"
			       " %o",
			       modes[i]);
		attack_file(name, modes[i], target, 0);
	}
	attack_file("a fifo in place of a file", 0644, NULL, S_IFIFO);
	attack_file("a socket in place of a file", 0644, NULL, S_IFSOCK);
	attack_file("a device in place of a file", 0644, NULL, S_IFCHR);
}

/* Work below a directory, until told to stop. */
struct race {
	atomic_bool stop;
	atomic_ulong done;
};

static void work_once(int below, unsigned long i)
{
	char name[64], other[64];

	(void)snprintf(name, sizeof(name), "n%lu", i % 8);
	(void)snprintf(other, sizeof(other), "m%lu", i % 5);
	int fd = openat(below, name, O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC,
			i % 3 ? 0644 : 0);

	attempt((int)pwrite(fd, "below", 5, 0));
	attempt(fsync(fd));
	if (fd >= 0)
		(void)close(fd); /* synced or refused */
	attempt(mkdirat(below, "sub", 0700));
	attempt(symlinkat("x", below, "link"));
	attempt(renameat(below, name, below, other));
	attempt(fchmod(below, i % 2 ? 0700 : 0500));
	attempt(fsync(below));
	attempt(unlinkat(below, "link", 0));
	attempt(unlinkat(below, "sub", AT_REMOVEDIR));
	if (i % 16 == 15)
		attempt(controlfile_verb(mount_fd, "crash"));
}

/* Never through a link itself: what the mount shows is led by it. */
static void *work_below(void *argument)
{
	struct race *race = argument;

	for (unsigned long i = 0; !atomic_load(&race->stop); i++) {
		int below =
			openat(mount_fd, "d",
			       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (below >= 0) {
			work_once(below, i);
			(void)close(below); /* synced or refused */
		} else {
			attempt(controlfile_verb(mount_fd, "crash"));
		}
		atomic_fetch_add(&race->done, 1);
	}
	return NULL;
}

/* The directory and a link that leads out change places all the time. */
static void attack_directory(void)
{
	struct race race = {0};
	pthread_t thread;
	unsigned long swaps = 0;
	bool good = mkdirat(mount_fd, "d", 0700) == 0 &&
		    controlfile_verb(mount_fd, "sync") == 0 &&
		    symlinkat("../outside/nest", store_fd, "evil") == 0 &&
		    pthread_create(&thread, NULL, work_below, &race) == 0;

	while (good && atomic_load(&race.done) < RACES) {
		if (renameat2(store_fd, "d", store_fd, "evil",
			      RENAME_EXCHANGE) == 0)
			swaps++;
	}
	atomic_store(&race.stop, true);
	if (good)
		(void)pthread_join(thread, NULL); /* cannot deadlock */
	printf("# %lu swaps\n", swaps);
	point(good && swaps > 0 && is_untouched(),
	      "a directory and a link that change places under work");
}

/* Its parents are moved out of the way while commits go below them. */
static void attack_parents(void)
{
	struct race race = {0};
	pthread_t thread;
	bool good = mkdirat(mount_fd, "p", 0700) == 0 &&
		    mkdirat(mount_fd, "d", 0700) <= 0 &&
		    controlfile_verb(mount_fd, "sync") == 0 &&
		    pthread_create(&thread, NULL, work_below, &race) == 0;

	while (good && atomic_load(&race.done) < RACES / 2) {
		attempt(renameat(store_fd, "d", store_fd, "p/d"));
		attempt(symlinkat("../outside/nest", store_fd, "d"));
		attempt(unlinkat(store_fd, "d", 0));
		attempt(renameat(store_fd, "p/d", store_fd, "d"));
	}
	atomic_store(&race.stop, true);
	if (good)
		(void)pthread_join(thread, NULL); /* cannot deadlock */
	point(good && is_untouched(), "a directory that is moved under work");
}

/* Links that programs make lead the programs, not the daemon. */
static void attack_from_the_mount(void)
{
	struct stat st;
	char target[PATH_BYTES];
	int root = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = symlinkat("../outside/canary", mount_fd, "out") == 0 &&
		    symlinkat("../../../../../../etc", mount_fd, "up") == 0;

	good = good && fsync(root) == 0 &&
	       fchmodat(mount_fd, "out", 0, AT_SYMLINK_NOFOLLOW) < 0;
	good = good && linkat(mount_fd, "out", mount_fd, "out2", 0) == 0 &&
	       renameat(mount_fd, "out2", mount_fd, "out3") == 0 &&
	       fchownat(mount_fd, "out3", (uid_t)-1, getgid(),
			AT_SYMLINK_NOFOLLOW) == 0 &&
	       fsync(root) == 0;
	good = good &&
	       readlinkat(store_fd, "out3", target, sizeof(target)) == 17 &&
	       fstatat(store_fd, "out3", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISLNK(st.st_mode);
	(void)close(root); /* only synced */
	point(good && is_untouched(), "links that programs make");
}

static bool make_canary(void)
{
	int fd = openat(outside_fd, "canary", O_CREAT | O_WRONLY | O_CLOEXEC,
			0600);
	bool good = fd >= 0 && write(fd, "do not touch", 12) == 12 &&
		    close(fd) == 0 && mkdirat(outside_fd, "nest", 0700) == 0;

	events_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	return good && watch(outside_fd, "canary") &&
	       watch(outside_fd, "nest") &&
	       fstatat(outside_fd, "canary", &canary_before, 0) == 0 &&
	       fstatat(outside_fd, "nest", &nest_before, 0) == 0;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: swapper MNT STORE OUTSIDE\n");
		return 2;
	}
	umask(0);
	(void)alarm(DEADLINE_S); /* ends a hang, and the test with it */
	outside = argv[3];
	mount_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	store_fd = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	outside_fd = open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mount_fd < 0 || store_fd < 0 || outside_fd < 0 || !make_canary()) {
		printf("Bail out! cannot set up: %s\n", strerror(errno));
		return 1;
	}
	attack_with_links();
	attack_from_the_mount();
	attack_directory();
	attack_parents();
	point(controlfile_verb(mount_fd, "crash") == 0, "the daemon lives");
	printf("1..%d\n", points);
	return failures > 0;
}
