/* SPDX-License-Identifier: MIT */
/*
 * intruder MNT PID FD: tries, as another user than the one who mounted, every way
 * to the control files of MNT; PID is a process of the owner that has one open as
 * FD. Each try is a test point, and must be refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PATH_BYTES 512

static int points;
static int failures;

static void refused(const char *what, long result)
{
	int error = errno;
	bool good = result < 0 &&
		    (error == EACCES || error == EPERM || error == EBUSY ||
		     error == EROFS || error == EEXIST || error == EXDEV ||
		     error == EOPNOTSUPP || error == ENOTEMPTY);

	points++;
	printf("%sok %d - %s is refused\n", good ? "" : "not ", points, what);
	if (!good) {
		printf("# got %s\n", result < 0 ? strerror(error) : "success");
		failures++;
	}
}

static void refused_at(const char *what, const char *name, long result)
{
	char text[2 * PATH_BYTES];

	(void)snprintf(text, sizeof(text), "%s of %s", what, name);
	refused(text, result);
}

static void try_file(const char *name)
{
	static const struct timespec times[2];
	static const int flags[] = {O_RDONLY,
				    O_WRONLY,
				    O_RDWR,
				    O_WRONLY | O_TRUNC,
				    O_WRONLY | O_APPEND,
				    O_PATH};
	char value[8];
	struct stat st;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		refused_at("open", name, open(name, flags[i] | O_CLOEXEC));
	refused_at("stat", name, stat(name, &st));
	refused_at("access", name, access(name, R_OK));
	refused_at("truncate", name, truncate(name, 0));
	refused_at("chmod", name, chmod(name, 0666));
	refused_at("chown", name, chown(name, getuid(), getgid()));
	refused_at("utimens", name, utimensat(AT_FDCWD, name, times, 0));
	refused_at("setxattr", name, setxattr(name, "user.x", "x", 1, 0));
	refused_at("getxattr", name,
		   getxattr(name, "user.x", value, sizeof(value)));
	refused_at("link", name, link(name, "mine/link"));
	refused_at("rename", name, rename(name, "mine/stolen"));
	refused_at("rename onto", name, rename("mine/file", name));
	refused_at("exchange", name,
		   renameat2(AT_FDCWD, "mine/file", AT_FDCWD, name,
			     RENAME_EXCHANGE));
	refused_at("unlink", name, unlink(name));
}

static void try_directory(void)
{
	static const struct timespec times[2];
	const char *name = ".flakey";
	char path[PATH_BYTES];
	int fd = open(name, O_PATH | O_CLOEXEC);

	refused("listing it", open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	refused("making a file in it",
		open(".flakey/x", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	refused("an unnamed file in it",
		open(name, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	refused("making a directory in it", mkdir(".flakey/x", 0700));
	refused("making a node in it", mknod(".flakey/x", S_IFIFO | 0600, 0));
	refused("making a link in it", symlink("x", ".flakey/x"));
	refused("chmod of it", chmod(name, 0777));
	refused("chown of it", chown(name, getuid(), getgid()));
	refused("utimens of it", utimensat(AT_FDCWD, name, times, 0));
	refused("setxattr of it", setxattr(name, "user.x", "x", 1, 0));
	refused("removing it", rmdir(name));
	refused("renaming it", rename(name, "mine/stolen"));
	refused("renaming onto it", rename("mine/empty", name));
	refused("exchanging it", renameat2(AT_FDCWD, "mine/empty", AT_FDCWD,
					   name, RENAME_EXCHANGE));
	refused("a link in its place", symlink("/tmp", name));
	/* Naming it is no crime; nothing may come of it. */
	refused("openat by its path descriptor",
		openat(fd, "control", O_WRONLY | O_CLOEXEC));
	refused("fchdir by its path descriptor", fchdir(fd));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	refused("chmod by its path descriptor", chmod(path, 0777));
	refused("opening its path descriptor",
		open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/control", fd);
	refused("a path through its path descriptor",
		open(path, O_WRONLY | O_CLOEXEC));
	(void)close(fd); /* O_PATH */
}

/* As root of a user namespace, with the directory mounted elsewhere. */
static void try_namespace(void)
{
	char map[64];
	uid_t uid = getuid();
	int status = 1;
	pid_t child = fork();

	if (child == 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
			_exit(2);
		int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
		int n = snprintf(map, sizeof(map), "0 %u 1", uid);

		if (write(fd, map, (size_t)n) != n || geteuid() != 0)
			_exit(2);
		(void)!mount(".flakey", "mine/empty", NULL, MS_BIND, NULL);
		if (open("mine/empty/control", O_WRONLY | O_CLOEXEC) >= 0 ||
		    open(".flakey/control", O_WRONLY | O_CLOEXEC) >= 0)
			_exit(1);
		_exit(0);
	}
	if (child > 0)
		(void)waitpid(child, &status, 0); /* ours */
	points++;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		printf("ok %d - root of a namespace # SKIP no user"
		       " namespaces\n",
		       points);
	else
		printf("%sok %d - root of a namespace, and a bind mount, are"
		       " refused\n",
		       status == 0 ? "" : "not ", points);
	failures += status != 0 && WEXITSTATUS(status) != 2;
}

int main(int argc, char **argv)
{
	static const char *const files[] = {"control",	"mode", "status",
					    "unsynced", "log",	"error"};
	char path[PATH_BYTES];

	if (argc != 4 || chdir(argv[1]) < 0) {
		fprintf(stderr, "usage: intruder MNT PID FD\n");
		return 2;
	}
	/* Its own corner, to move things from and to. */
	if (mkdir("mine", 0700) < 0 || mkdir("mine/empty", 0700) < 0 ||
	    close(open("mine/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) <
		    0) {
		printf("Bail out! cannot set up: %s\n", strerror(errno));
		return 1;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), ".flakey/%s", files[i]);
		try_file(path);
	}
	try_directory();
	(void)snprintf(path, sizeof(path), "/proc/%s/fd/%s", argv[2], argv[3]);
	refused("the owner's descriptor", open(path, O_WRONLY | O_CLOEXEC));
	try_namespace();
	printf("1..%d\n", points);
	return failures > 0;
}
