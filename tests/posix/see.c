/* SPDX-License-Identifier: MIT */
#include "tests/posix/see.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/posix/stage.h"

#define LINE_BYTES 8192
#define TEXT_MAX 60
#define RUNS_MAX 12
#define CONTENT_MAX (1 << 20)
#define MAP_MAX 16
#define NAMES_MAX 64

static char line[LINE_BYTES];
static size_t used;
/* The latest ctime that see_times() met. */
static struct timespec newest;

const char *see_line(void)
{
	return line;
}

void see_say(const char *format, ...)
{
	va_list arguments;
	int n;

	if (used > 0 && used + 1 < sizeof(line))
		line[used++] = ' ';
	va_start(arguments, format);
	n = vsnprintf(line + used, sizeof(line) - used, format, arguments);
	va_end(arguments);
	if (n < 0 || (size_t)n >= sizeof(line) - used)
		abort(); /* the parent tells that this case died */
	used += (size_t)n;
}

static void error_word(const char *key)
{
	const char *name = strerrorname_np(errno);

	see_say("%s=%s", key, name != NULL ? name : "?");
}

void see_number(const char *key, int64_t result)
{
	if (result == -1)
		error_word(key);
	else
		see_say("%s=%lld", key, (long long)result);
}

void see_ok(const char *key, int64_t result)
{
	if (result == -1)
		error_word(key);
	else
		see_say("%s=ok", key);
}

void see_must(const char *key, int64_t result)
{
	if (result == -1)
		error_word(key);
}

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "symlink";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	default:
		return "?";
	}
}

static void stat_word(const char *key, int result, const struct stat *st)
{
	if (result < 0) {
		error_word(key);
		return;
	}
	if (S_ISDIR(st->st_mode))
		see_say("%s=dir,%04o,n%lu", key, st->st_mode & 07777,
			(unsigned long)st->st_nlink);
	else
		see_say("%s=%s,%04o,n%lu,s%lld", key, type_name(st->st_mode),
			st->st_mode & 07777, (unsigned long)st->st_nlink,
			(long long)st->st_size);
}

void see_file(const char *key, const char *path)
{
	struct stat st;
	int r = lstat(path, &st);

	stat_word(key, r, &st);
}

void see_fd(const char *key, int fd)
{
	struct stat st;
	int r = fstat(fd, &st);

	stat_word(key, r, &st);
}

static const char *id_name(unsigned int id, unsigned int mine, char *buffer)
{
	if (id == mine)
		return "me";
	if (id == 0)
		return "root";
	(void)sprintf(buffer, "%u", id);
	return buffer;
}

void see_owner(const char *key, const char *path)
{
	struct stat st;
	char uid[16], gid[16];

	if (lstat(path, &st) < 0)
		error_word(key);
	else
		see_say("%s=%s:%s", key,
			id_name(st.st_uid, stage_own_uid(), uid),
			id_name(st.st_gid, stage_own_gid(), gid));
}

static int is_plain(const unsigned char *bytes, ssize_t n)
{
	for (ssize_t i = 0; i < n; i++)
		if (!isgraph(bytes[i]))
			return 0;
	return n > 0 && n <= TEXT_MAX;
}

/* "3xa,2x0,~" : three times a, two zero bytes, and more. */
static void runs_word(const char *key, const unsigned char *bytes, ssize_t n)
{
	char text[RUNS_MAX * 32];
	size_t length = 0;
	int runs = 0;

	text[0] = '\0';
	for (ssize_t at = 0; at < n && runs < RUNS_MAX; runs++) {
		ssize_t from = at;
		while (at < n && bytes[at] == bytes[from])
			at++;
		length += (size_t)snprintf(
			text + length, sizeof(text) - length,
			isalpha(bytes[from]) ? "%s%zdx%c" : "%s%zdx%02x",
			runs > 0 ? "," : "", at - from, bytes[from]);
	}
	see_say("%s=[%s%s]", key, text, runs == RUNS_MAX ? ",~" : "");
}

void see_bytes(const char *key, const void *bytes, ssize_t n)
{
	if (n < 0)
		error_word(key);
	else if (is_plain(bytes, n))
		see_say("%s='%.*s'", key, (int)n, (const char *)bytes);
	else
		runs_word(key, bytes, n);
}

void see_content(const char *key, const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	char *bytes = malloc(CONTENT_MAX);
	ssize_t n = -1;

	if (fd >= 0 && bytes != NULL)
		n = read(fd, bytes, CONTENT_MAX);
	see_bytes(key, bytes, n);
	free(bytes);
	if (fd >= 0)
		(void)close(fd); /* only read from */
}

void see_map(const char *key, int fd)
{
	char text[MAP_MAX * 48];
	size_t length = 0;
	off_t at = 0;

	text[0] = '\0';
	for (int i = 0; i < MAP_MAX; i++) {
		off_t data = lseek(fd, at, SEEK_DATA);
		if (data < 0)
			break;
		at = lseek(fd, data, SEEK_HOLE);
		length += (size_t)snprintf(text + length, sizeof(text) - length,
					   "%s%lld-%lld", i > 0 ? "," : "",
					   (long long)data, (long long)at);
	}
	see_say("%s=[%s]", key, text);
}

static int compare_names(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

void see_names(const char *key, const char *path)
{
	char *names[NAMES_MAX];
	size_t count = 0;
	DIR *stream = opendir(path);
	const struct dirent *entry;
	char text[LINE_BYTES / 2] = "";

	if (stream == NULL) {
		error_word(key);
		return;
	}
	while (count < NAMES_MAX && (entry = readdir(stream)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			names[count++] = strdup(entry->d_name);
	(void)closedir(stream); /* only read from */
	qsort(names, count, sizeof(names[0]), compare_names);
	for (size_t i = 0; i < count; i++) {
		(void)strncat(text, i > 0 ? "," : "",
			      sizeof(text) - strlen(text) - 1);
		(void)strncat(text, names[i], sizeof(text) - strlen(text) - 1);
		free(names[i]);
	}
	see_say("%s=[%s]", key, text);
}

void see_same(const char *key, const char *one, const char *other)
{
	struct stat a, b;

	if (lstat(one, &a) < 0 || lstat(other, &b) < 0)
		error_word(key);
	else
		see_say("%s=%s", key,
			a.st_ino == b.st_ino && a.st_dev == b.st_dev ? "yes"
								     : "no");
}

static char relation(const struct timespec *before, const struct timespec *now)
{
	if (now->tv_sec == before->tv_sec && now->tv_nsec == before->tv_nsec)
		return '=';
	if (now->tv_sec != before->tv_sec)
		return now->tv_sec > before->tv_sec ? '+' : '-';
	return now->tv_nsec > before->tv_nsec ? '+' : '-';
}

struct stat see_times(const char *path)
{
	struct stat st = {0};

	if (lstat(path, &st) < 0)
		see_say("before=%s", strerrorname_np(errno));
	else if (relation(&newest, &st.st_ctim) == '+')
		newest = st.st_ctim;
	return st;
}

void see_tick(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	while (relation(&newest, &now) != '+') {
		sched_yield();
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	}
}

static void moved_word(const char *key, const struct stat *before, int result,
		       const struct stat *now)
{
	if (result < 0)
		error_word(key);
	else
		see_say("%s=m%cc%c", key,
			relation(&before->st_mtim, &now->st_mtim),
			relation(&before->st_ctim, &now->st_ctim));
}

void see_moved(const char *key, const struct stat *before, const char *path)
{
	struct stat now;
	int r = lstat(path, &now);

	moved_word(key, before, r, &now);
}

void see_moved_fd(const char *key, const struct stat *before, int fd)
{
	struct stat now;
	int r = fstat(fd, &now);

	moved_word(key, before, r, &now);
}

void see_read(const char *key, const struct stat *before, const char *path)
{
	struct stat now;

	if (lstat(path, &now) < 0)
		error_word(key);
	else
		see_say("%s=a%c", key,
			relation(&before->st_atim, &now.st_atim));
}
