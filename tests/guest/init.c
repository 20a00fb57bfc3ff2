/* SPDX-License-Identifier: MIT */
/*
 * The first process of the guest: makes it habitable, runs the command that `run`
 * left in GUEST_PLACE, and switches off. The root is the host's, read-only.
 *
 * A program instead of a script, since a process more takes some 20 ms in there.
 * What it cannot do it says in PLACE/trouble. Files of the place:
 *
 *	shares		directories that can be written to, one a line
 *	modules		files of kernel modules, one a line
 *	command		working directory and words, each ended by a NUL
 *	stdout, stderr
 *	kernel-log	what the kernel said while the command ran
 *	status		of the command; last, so that the rest is whole
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 4096
#define COMMAND_BYTES_MAX (1 << 20)
#define KERNEL_LOG_BYTES_MAX (1 << 20)
/* SYSLOG_ACTION_READ_ALL and _CLEAR of syslog(2) */
#define READ_ALL 3
#define CLEAR 5

static int place; /* a directory */

static int place_open(const char *name, int flags)
{
	return openat(place, name, flags | O_CLOEXEC, 0666);
}

static void place_write(const char *name, const char *text, size_t length)
{
	int fd = place_open(name, O_WRONLY | O_CREAT | O_APPEND);

	if (fd < 0 || write(fd, text, length) < 0)
		perror(name); /* to the console */
	if (fd >= 0)
		(void)close(fd); /* hostfs has written already */
}

__attribute__((noreturn)) static void switch_off(void)
{
	(void)reboot(RB_POWER_OFF);
	_exit(1); /* the kernel panics, and the guest ends as well */
}

__attribute__((noreturn)) static void trouble(const char *what,
					      const char *name, int error)
{
	char line[1024];
	(void)snprintf(line, sizeof(line), "cannot %s '%s': %s\n", what, name,
		       strerror(error));

	fputs(line, stderr);
	place_write("trouble", line, strlen(line));
	switch_off();
}

static void mount_or_die(const char *type, const char *where, const char *data)
{
	if (mount("none", where, type, 0, data) < 0)
		trouble("mount on", where, errno);
}

static void mount_own(void)
{
	mount_or_die("proc", "/proc", NULL);
	mount_or_die("sysfs", "/sys", NULL);
	/* The kernel may have mounted it. */
	if (mount("none", "/dev", "devtmpfs", 0, NULL) < 0 && errno != EBUSY)
		trouble("mount", "/dev", errno);
	(void)mkdir("/dev/shm", 0755);
	(void)mkdir("/dev/pts", 0755);
	mount_or_die("tmpfs", "/dev/shm", NULL);
	mount_or_die("devpts", "/dev/pts", NULL);
	mount_or_die("tmpfs", "/run", NULL);
}

static void for_each_line(const char *name, void (*act)(const char *line))
{
	int fd = place_open(name, O_RDONLY);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	if (!file)
		trouble("read", name, errno);
	while ((length = getline(&line, &size, file)) > 0) {
		line[length - 1] = '\0';
		act(line);
	}
	free(line);
	(void)fclose(file); /* only read from */
}

static void share(const char *directory)
{
	mount_or_die("hostfs", directory, directory);
}

static void load(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	/* There already: needed by one before. */
	if (fd < 0 ||
	    (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
		trouble("load", file, errno);
	(void)close(fd);
}

static void raise_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		trouble("raise the interface", "lo", errno);
	(void)close(fd);
}

static void set_environment(const char *path)
{
	char temporary[4096];

	(void)snprintf(temporary, sizeof(temporary), "%s/tmp", path);
	mount_or_die("tmpfs", temporary, "size=90%,mode=1777");
	(void)clearenv();
	(void)setenv("PATH",
		     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
		     "/sbin:/bin",
		     1);
	(void)setenv("HOME", temporary, 1);
	(void)setenv("TMPDIR", temporary, 1);
	(void)setenv("LANG", "C.UTF-8", 1);
	/* libdevmapper makes its nodes by itself: there is no udev. */
	(void)setenv("DM_DISABLE_UDEV", "1", 1);
}

/* The words of the command, the working directory before them. */
static char **read_command(void)
{
	static char *words[WORDS_MAX + 1];
	static char text[COMMAND_BYTES_MAX + 1];
	int fd = place_open("command", O_RDONLY);
	size_t length = 0;
	size_t count = 0;
	ssize_t n;

	while ((n = read(fd, text + length, COMMAND_BYTES_MAX - length)) > 0)
		length += (size_t)n;
	for (char *at = text; at < text + length; at += strlen(at) + 1) {
		if (count == WORDS_MAX)
			trouble("take so many words", "command", E2BIG);
		words[count++] = at;
	}
	if (n < 0 || length == COMMAND_BYTES_MAX || count < 2)
		trouble("read", "command", n < 0 ? errno : E2BIG);
	(void)close(fd);
	return words;
}

__attribute__((noreturn)) static void run_command(char **words)
{
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = place_open("stdout", O_WRONLY | O_CREAT | O_APPEND);
	int err = place_open("stderr", O_WRONLY | O_CREAT | O_APPEND);

	/* keeps-open: the command's own three */
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(125);
	if (chdir(words[0]) < 0) {
		fprintf(stderr, "guest: cannot go to '%s': %s\n", words[0],
			strerror(errno));
		_exit(125);
	}
	(void)setsid();
	(void)execvp(words[1], words + 1);
	fprintf(stderr, "guest: cannot run '%s': %s\n", words[1],
		strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Waits for it, and for all that lose their parent meanwhile. */
static int wait_for(pid_t command)
{
	int how = 0;
	pid_t pid;

	do
		pid = wait(&how);
	while (pid != command && (pid > 0 || errno == EINTR));
	return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

static void keep_kernel_log(void)
{
	static char text[KERNEL_LOG_BYTES_MAX];
	int length = klogctl(READ_ALL, text, sizeof(text));

	if (length > 0)
		place_write("kernel-log", text, (size_t)length);
}

int main(void)
{
	const char *path = getenv("GUEST_PLACE");
	char line[32];
	pid_t command;
	int length;

	if (!path)
		switch_off();
	mount_own();
	/* Now it can be written to, and troubles can be told. */
	share(path);
	place = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	path = strdup(path);
	for_each_line("shares", share);
	for_each_line("modules", load);
	raise_loopback();
	set_environment(path);
	char **words = read_command();
	(void)klogctl(CLEAR, NULL, 0); /* of interest is what comes now */
	command = fork();
	if (command == 0)
		run_command(words);
	if (command < 0)
		trouble("fork for", words[1], errno);
	length = snprintf(line, sizeof(line), "%d\n", wait_for(command));
	keep_kernel_log();
	place_write("status", line, (size_t)length);
	switch_off();
}
