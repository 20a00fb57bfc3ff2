/* SPDX-License-Identifier: MIT */
/* A tree here is as deep as a test makes it: DEPTH_MAX stops a loop in a broken
 * file system from eating the stack. */
#include "tests/litmus/treedump.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DEPTH_MAX 64
#define READ_BYTES 65536

struct run {
	FILE *out;
	int last; /* -1: no byte yet */
	long count;
	bool wrote;
};

static void run_flush(struct run *run)
{
	if (run->count == 0)
		return;
	fprintf(run->out, "%s%c*%ld", run->wrote ? " " : "",
		run->last ? run->last : '0', run->count);
	run->wrote = true;
}

static void run_add(struct run *run, char byte)
{
	if (byte != run->last) {
		run_flush(run);
		run->last = byte;
		run->count = 0;
	}
	run->count++;
}

static int dump_data(int fd, FILE *out)
{
	struct run run = {.out = out, .last = -1};
	char buffer[READ_BYTES];
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		for (ssize_t i = 0; i < n; i++)
			run_add(&run, buffer[i]);
	if (n < 0)
		return -errno;
	run_flush(&run);
	return 0;
}

static int dump_file(int parent, const char *name, const struct stat *st,
		     FILE *out)
{
	int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char value[64];
	ssize_t length;
	int r;

	if (fd < 0)
		return -errno;
	fprintf(out, "[%lld", (long long)st->st_size);
	if (st->st_nlink > 1)
		fprintf(out, " n%lu", (unsigned long)st->st_nlink);
	if ((st->st_mode & 0777) != 0644)
		fprintf(out, " %o", st->st_mode & 0777);
	fprintf(out, ":");
	r = dump_data(fd, out);
	length = fgetxattr(fd, "user.k", value, sizeof(value));
	if (length > 0)
		fprintf(out, " x=%.*s", (int)length, value);
	fprintf(out, "]");
	(void)close(fd); /* only read from */
	return r;
}

static int shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.' &&
	       strcmp(entry->d_name, "lost+found") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int dump_directory(int parent, const char *name, const char *prefix,
			  int depth, FILE *out);

static int dump_entry(int parent, const char *name, const char *prefix,
		      int depth, FILE *out)
{
	char path[PATH_MAX];
	struct stat st;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	fprintf(out, " %s%s", prefix, name);
	if (S_ISREG(st.st_mode))
		return dump_file(parent, name, &st, out);
	if (S_ISLNK(st.st_mode)) {
		fprintf(out, "@");
		return 0;
	}
	if (!S_ISDIR(st.st_mode)) {
		fprintf(out, "|"); /* the tables have no fifos or devices */
		return 0;
	}
	fprintf(out, "/");
	if (snprintf(path, sizeof(path), "%s%s/", prefix, name) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	return dump_directory(parent, name, path, depth + 1, out);
}

static int dump_directory(int parent, const char *name, const char *prefix,
			  int depth, FILE *out)
{
	struct dirent **entries;
	int count, r = 0;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (depth > DEPTH_MAX) {
		(void)close(fd);
		return -ELOOP;
	}
	count = scandirat(fd, ".", &entries, shown, by_bytes);
	if (count < 0)
		r = -errno;
	for (int i = 0; i < count; i++) {
		if (r == 0)
			r = dump_entry(fd, entries[i]->d_name, prefix, depth,
				       out);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	(void)close(fd);
	return r;
}

int treedump_write(int root, FILE *out)
{
	return dump_directory(root, ".", "", 0, out);
}

char *treedump_text(int root)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (!out)
		return NULL;
	r = treedump_write(root, out);
	if (r < 0)
		fprintf(out, " (cannot be read: %s)", strerror(-r));
	if (fclose(out) == 0)
		return text;
	free(text);
	errno = ENOMEM;
	return NULL;
}
