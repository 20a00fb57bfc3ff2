/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/mount/groups.h"

static bool is_type(const char *path, mode_t type)
{
	struct stat st;

	return lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == type;
}

static enum case_result fifos_work(void)
{
	int reader, writer;
	char buffer[4];

	CHECK(mkfifo("p", 0600) == 0 && is_type("p", S_IFIFO));
	reader = open("p", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	writer = open("p", O_WRONLY | O_CLOEXEC);
	CHECK(reader >= 0 && writer >= 0 && write(writer, "hi", 2) == 2);
	CHECK(read(reader, buffer, sizeof(buffer)) == 2);
	CHECK(close(reader) == 0 && close(writer) == 0);
	CHECK(rename("p", "q") == 0 && is_type("q", S_IFIFO));
	CHECK(unlink("q") == 0);
	return CASE_PASSED;
}

static enum case_result sockets_work(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "s"};
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int peer;
	char byte;

	CHECK(server >= 0 && client >= 0);
	CHECK(bind(server, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(is_type("s", S_IFSOCK) && listen(server, 1) == 0);
	CHECK(connect(client, (struct sockaddr *)&address, sizeof(address)) ==
	      0);
	peer = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	CHECK(peer >= 0 && write(client, "x", 1) == 1);
	CHECK(read(peer, &byte, 1) == 1 && byte == 'x');
	CHECK(close(peer) == 0 && close(client) == 0 && close(server) == 0);
	CHECK_ERRNO(ENXIO, open("s", O_RDONLY | O_CLOEXEC));
	CHECK(unlink("s") == 0);
	return CASE_PASSED;
}

static enum case_result device_nodes_are_kept(void)
{
	struct stat st;

	if (mknod("null", S_IFCHR | 0666, makedev(1, 3)) < 0) {
		CHECK(errno == EPERM);
		return cases_skip("device nodes are for root");
	}
	CHECK(stat("null", &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(st.st_rdev == makedev(1, 3) && unlink("null") == 0);
	CHECK(mknod("plain", S_IFREG | 0600, 0) == 0);
	CHECK(is_type("plain", S_IFREG));
	return CASE_PASSED;
}

static enum case_result unnamed_files_work(void)
{
	char path[64], byte;
	struct stat st;
	int fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		return cases_skip("no O_TMPFILE here");
	CHECK(fd >= 0 && write(fd, "tmp", 3) == 3);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 3);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "t", AT_SYMLINK_FOLLOW) == 0);
	CHECK(cases_file_is("t", "tmp") && pwrite(fd, "T", 1, 0) == 1);
	CHECK(pread(fd, &byte, 1, 0) == 1 && byte == 'T');
	CHECK(close(fd) == 0 && cases_file_is("t", "Tmp"));
	fd = open(".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_ERRNO(ENOENT,
		    linkat(AT_FDCWD, path, AT_FDCWD, "u", AT_SYMLINK_FOLLOW));
	CHECK(fd >= 0 && close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result scripts_run_from_here(void)
{
	int status;
	pid_t child;

	CHECK(cases_make_file("script", "#!/bin/sh\nexit 7\n") == 0);
	CHECK(chmod("script", 0755) == 0);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		execl("./script", "script", (char *)NULL);
		_exit(1);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	return CASE_PASSED;
}

static enum case_result sync_calls_succeed(void)
{
	int fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	int directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(fd >= 0 && directory >= 0 && write(fd, "x", 1) == 1);
	CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
	CHECK(fsync(directory) == 0 && fdatasync(directory) == 0);
	CHECK(syncfs(fd) == 0);
	CHECK(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) == 0);
	CHECK(close(fd) == 0 && close(directory) == 0);
	return CASE_PASSED;
}

static const struct case_entry entries[] = {
	{"fifos_work", fifos_work},
	{"sockets_work", sockets_work},
	{"device_nodes_are_kept", device_nodes_are_kept},
	{"unnamed_files_work", unnamed_files_work},
	{"scripts_run_from_here", scripts_run_from_here},
	{"sync_calls_succeed", sync_calls_succeed},
};

const struct case_group special_group = CASE_GROUP("special", entries);
