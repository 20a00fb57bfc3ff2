/* SPDX-License-Identifier: MIT */
/*
 * A tree of files as text, one line for each name in byte order, so that two of
 * them can be compared whatever they were read from: the store, by walking it;
 * the live image, through the volume; a model, in a test.
 *
 * A line: PATH MODE nLINKS SIZE HASH TARGET user.NAME=VALUE... and, if wanted,
 * the time of the last change.
 */
#ifndef FLAKEY_TESTS_UNIT_FUSEFS_IMAGE_H
#define FLAKEY_TESTS_UNIT_FUSEFS_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct volume;

enum image_parts {
	IMAGE_NAMES = 0,	   /* all but what follows */
	IMAGE_CONTENT = 1,	   /* sizes and bytes of files */
	IMAGE_TIMES = 2,	   /* times of modification of all but links */
	IMAGE_DIRECTORY_LINKS = 4, /* where the file system counts them */
};

struct image {
	char **lines; /* owned, as the strings */
	size_t count;
	size_t capacity;
	int parts; /* enum image_parts */
};

/* One entry of a tree, as image_add() takes it. */
struct image_entry {
	const char *path;
	struct stat st;
	const void *data;   /* st_size bytes of a file */
	const char *target; /* of a link, or NULL */
	const char *xattrs; /* "user.a=1 user.b=", or NULL */
};

void image_init(struct image *image, int parts);
void image_done(struct image *image);
void image_add(struct image *image, const struct image_entry *entry);
/* Brings the lines into order; the last step of making one. */
void image_finish(struct image *image);

/* Both fail the test if anything cannot be read. */
void image_of_store(struct image *image, const char *directory, int parts);
void image_of_volume(struct image *image, struct volume *volume, int parts);

/* Fails the test with the first lines that differ. */
void image_expect_equal(const struct image *got, const struct image *want,
			const char *what);

/* Whether the file system of the directory counts the links of directories. */
int image_parts_of(const char *directory);

#endif
