/* SPDX-License-Identifier: MIT */
/* One operation of a random test, as it is chosen, done, logged and told. */
#ifndef FLAKEY_TESTS_RANDOM_ACT_H
#define FLAKEY_TESTS_RANDOM_ACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum act_kind {
	ACT_READ,
	ACT_WRITE,
	ACT_APPEND, /* O_APPEND */
	ACT_DIRECT, /* O_DIRECT */
	ACT_DSYNC,  /* O_DSYNC */
	ACT_SYNC,   /* O_SYNC */
	ACT_TRUNCATE,
	ACT_SPACE, /* fallocate(2) with mode */
	ACT_COPY,  /* copy_file_range(2) from file2 at offset2 */
	ACT_SEEK,  /* SEEK_HOLE and SEEK_DATA over the whole file */
	ACT_MAP_LOAD,
	ACT_MAP_STORE,
	ACT_MAP_SYNC, /* msync(2) */
	ACT_FSYNC,
	ACT_FDATASYNC,
	ACT_FSYNC_DIRECTORY,
	ACT_SYNC_ALL,
	ACT_REOPEN,
	ACT_REOPEN_EMPTY, /* O_TRUNC */
	ACT_CREATE,	  /* of name */
	ACT_UNLINK,	  /* of name */
	ACT_CLOSE,	  /* of a file without a name */
	ACT_RENAME,	  /* of name to name2 */
	ACT_CRASH,
	ACT_KINDS
};

struct act {
	unsigned long number;
	enum act_kind kind;
	int file; /* slot in the model, or -1 */
	int file2;
	int name; /* or -1 */
	int name2;
	int directory;
	int mode;
	int64_t offset; /* of a truncation: the size */
	int64_t offset2;
	int64_t length;
};

/* "12: write file 3 4096+100"; returns buffer. */
const char *act_describe(const struct act *act, char *buffer, size_t size);
/* Whether it changed these bytes of the file, or what is durable of them. */
bool act_touches(const struct act *act, int file, int64_t from, int64_t to);

/* What the act with this number writes at an offset; never 0. */
uint8_t act_byte(unsigned long number, int64_t offset);

#endif
