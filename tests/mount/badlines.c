/* SPDX-License-Identifier: MIT */
/*
 * badlines MNT STORE: writes lines that make no sense to the control files, and
 * looks that each is refused with its errno and a sentence, and changes
 * nothing: same mode, same incarnation, same live image, same store.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/litmus/treedump.h"

#define TEXT_MAX 8192
#define MEGABYTE (1 << 20)

struct bad_line {
	const char *file;
	const char *line;
	int wanted; /* errno */
};

static const struct bad_line LINES[] = {
	{"control", "", EINVAL},
	{"control", "\n", EINVAL},
	{"control", "   \n", EINVAL},
	{"control", "explode", ENOENT},
	{"control", "CRASH", ENOENT},
	{"control", "crash keep", EINVAL},
	{"control", "crash keep=", EINVAL},
	{"control", "crash keep=some", EINVAL},
	{"control", "crash colour=red", ENOENT},
	{"control", "crash keep=none keep=all", EINVAL},
	{"control", "crash now", EINVAL},
	{"control", "crash format=yaml", EINVAL},
	{"control", "=", EINVAL},
	{"control", "crash =none", EINVAL},
	{"control", "sync keep=all", ENOENT},
	{"control", "evict everything", EINVAL},
	{"control", "mode", EINVAL},
	{"control", "mode melt", ENOENT},
	{"control", "drop-writes for=", EINVAL},
	{"control", "drop-writes for=soon", EINVAL},
	{"control", "drop-writes for=-1s", EINVAL},
	{"control", "drop-writes for=0", EINVAL},
	{"control", "drop-writes for=1ms", EINVAL},
	{"control", "drop-writes for=1e9s", EINVAL},
	{"control", "drop-writes for=99999999999999999999s", EINVAL},
	{"control", "drop-writes for=nan", EINVAL},
	{"control", "drop-writes cycle=1s", EINVAL},
	{"control", "drop-writes cycle=1s,", EINVAL},
	{"control", "drop-writes cycle=0,0", EINVAL},
	{"control", "drop-writes cycle=1s,1s,1s", EINVAL},
	{"control", "drop-writes fro=1s", ENOENT},
	{"control", "crash\tkeep=nothing", EINVAL},
	{"control", "cra\x01sh", ENOENT},
	{"control", "\xff\xfe\xfd", ENOENT},
	{"mode", "melt", ENOENT},
	{"mode", "", EINVAL},
	{"mode", "drop-writes for=soon", EINVAL},
	{"mode", "crash", ENOENT},
};

static size_t points;
static size_t failures;

static void point(bool good, const char *what, const char *name)
{
	failures += !good;
	printf("%sok %zu - %s: '%s'\n", good ? "" : "not ", ++points, what,
	       name);
}

/* The line as a name for a test point: no control characters. */
static const char *shown(const char *line, char *buffer, size_t size)
{
	size_t i;

	for (i = 0; line[i] && i + 1 < size && i < 60; i++)
		buffer[i] = line[i] < ' ' || line[i] == '#' ? '?' : line[i];
	buffer[i] = '\0';
	return buffer;
}

static int open_file(int root, const char *name, int flags)
{
	char path[64];

	(void)snprintf(path, sizeof(path), ".flakey/%s", name);
	return openat(root, path, flags | O_CLOEXEC);
}

static void read_text(int root, const char *name, char *buffer)
{
	int fd = open_file(root, name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, TEXT_MAX - 1);

	buffer[n < 0 ? 0 : n] = '\0';
	if (fd >= 0)
		(void)close(fd); /* only read from */
}

/* All that a refused line might have changed, as one text. */
static char *snapshot(int root, int store)
{
	char buffer[TEXT_MAX], *text = NULL, *number;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	(void)treedump_write(root, out); /* a failure shows as a difference */
	(void)treedump_write(store, out);
	read_text(root, "mode", buffer);
	fprintf(out, " mode %s", buffer);
	read_text(root, "status", buffer);
	number = strstr(buffer, "\"incarnation\"");
	fprintf(out, " %.20s", number ? number : "no incarnation");
	if (fclose(out) != 0)
		abort();
	return text;
}

static int write_line(int root, const char *file, const char *line, size_t size)
{
	int fd = open_file(root, file, O_WRONLY);
	int r = 0;

	if (fd < 0)
		return errno;
	if (write(fd, line, size) < 0)
		r = errno;
	(void)close(fd); /* the write had its answer */
	return r;
}

static bool has_sentence(int root)
{
	char text[TEXT_MAX];
	char *newline;

	read_text(root, "error", text);
	newline = strchr(text, '\n');
	return strlen(text) > 10 && (!newline || newline[1] == '\0');
}

static void check_line(int root, int store, const struct bad_line *bad)
{
	char *was = snapshot(root, store), *is;
	size_t size = strlen(bad->line);
	int got = write_line(root, bad->file, bad->line, size);
	char name[64];

	/* write(2) of nothing does not reach a file system. */
	if (size == 0 && got == 0)
		got = bad->wanted;
	if (got != bad->wanted)
		printf("# wanted %s, got %s\n", strerror(bad->wanted),
		       strerror(got));
	point(got == bad->wanted, "refused",
	      shown(bad->line, name, sizeof(name)));
	if (size)
		point(has_sentence(root), "with one sentence", name);
	is = snapshot(root, store);
	if (strcmp(was, is) != 0)
		printf("# was %s\n# is  %s\n", was, is);
	point(strcmp(was, is) == 0, "and nothing changed", name);
	free(was);
	free(is);
}

/* The kernel cuts a megabyte in pieces; the first has to be refused. */
static void check_megabyte(int root, int store, const char *start)
{
	char *was = snapshot(root, store), *is;
	char *line = malloc(MEGABYTE);
	char name[64];
	int got;

	if (!line)
		abort();
	memset(line, 'x', MEGABYTE);
	memcpy(line, start, strlen(start));
	got = write_line(root, "control", line, MEGABYTE);
	(void)shown(start, name, sizeof(name));
	point(got == EINVAL, "refused, a megabyte", name);
	is = snapshot(root, store);
	point(strcmp(was, is) == 0, "and nothing changed", name);
	free(line);
	free(was);
	free(is);
}

static void check_nul(int root, int store)
{
	static const char line[] = "crash\0keep=all";
	char *was = snapshot(root, store), *is;

	point(write_line(root, "control", line, sizeof(line) - 1) == EINVAL,
	      "refused", "a NUL in the line");
	is = snapshot(root, store);
	point(strcmp(was, is) == 0, "and nothing changed", "a NUL in the line");
	free(was);
	free(is);
}

int main(int argc, char **argv)
{
	int root, store;

	if (argc != 3) {
		fprintf(stderr, "usage: badlines MNT STORE\n");
		return 2;
	}
	root = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	store = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || store < 0) {
		printf("Bail out! cannot open: %s\n", strerror(errno));
		return 1;
	}
	for (size_t i = 0; i < sizeof(LINES) / sizeof(LINES[0]); i++)
		check_line(root, store, &LINES[i]);
	check_megabyte(root, store, "crash ");
	check_megabyte(root, store, "crash\n");
	check_megabyte(root, store, "drop-writes for=1s ");
	check_nul(root, store);
	return failures > 0;
}
