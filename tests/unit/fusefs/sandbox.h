/* SPDX-License-Identifier: MIT */
/*
 * A volume over a directory of its own, without FUSE, and short words for what
 * tests do with it. Paths begin without '/'. What cannot fail in a test that is
 * right fails the test; the others return what the volume said. Inodes that are
 * handed out carry one reference of the kernel; sandbox_close() does not mind
 * those that are not given back.
 */
#ifndef FLAKEY_TESTS_UNIT_FUSEFS_SANDBOX_H
#define FLAKEY_TESTS_UNIT_FUSEFS_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/mode.h"
#include "tests/unit/fusefs/image.h"

struct event_log;
struct inode;
struct plan;
struct volume;

#define SANDBOX_PATH_BYTES 256

struct sandbox {
	char directory[SANDBOX_PATH_BYTES]; /* of all of it, removed at last */
	char store[SANDBOX_PATH_BYTES];
	char scratch[SANDBOX_PATH_BYTES];
	struct event_log *events;
	struct volume *volume;
	const char *profile;
	bool mounted; /* the store is a tmpfs */
};

/* limit_bytes: of the scratch file, 0 for none. */
void sandbox_open(struct sandbox *sandbox, uint64_t limit_bytes);
/* As sandbox_open(), with another profile than ext4. */
void sandbox_open_profile(struct sandbox *sandbox, const char *profile);
/* As sandbox_open(), on a tmpfs: false if there is none. */
bool sandbox_open_tmpfs(struct sandbox *sandbox);
/* On a tmpfs if there is one and it has xattrs of users; else on disk. */
void sandbox_open_quick(struct sandbox *sandbox);
/* The same of a size, if we may mount one: false if we may not. */
bool sandbox_open_small(struct sandbox *sandbox, unsigned int size_kib);
void sandbox_close(struct sandbox *sandbox);
/* For cmocka: *state is an open sandbox of its own, closed after the test. */
int sandbox_set_up(void **state);
int sandbox_tear_down(void **state);
#define SANDBOX_TEST(test)                                                     \
	cmocka_unit_test_setup_teardown(test, sandbox_set_up, sandbox_tear_down)
/* The volume anew, after volume_close(): as after a clean unmount. */
void sandbox_reopen(struct sandbox *sandbox);

/* A power failure that loses everything, or nothing. */
void sandbox_crash(struct sandbox *sandbox);
int sandbox_crash_keeping(struct sandbox *sandbox);
/* One with a plan, which has its seed. */
void sandbox_crash_planned(struct sandbox *sandbox, const struct plan *plan);
/* The same: the list of what was kept (common/backend.h), to be freed. */
char *sandbox_crash_reported(struct sandbox *sandbox, const struct plan *plan);
/* sandbox_crash() that may run out of memory. */
int sandbox_crash_starved(struct sandbox *sandbox);
void sandbox_set_mode(struct sandbox *sandbox, enum mode_kind kind);
void sandbox_sync(struct sandbox *sandbox);

struct inode *sandbox_find(struct sandbox *sandbox, const char *path);
struct inode *sandbox_create(struct sandbox *sandbox, const char *path,
			     mode_t mode);
void sandbox_unlink(struct sandbox *sandbox, const char *path);
int sandbox_rename(struct sandbox *sandbox, const char *from, const char *to,
		   unsigned int flags);

/* count bytes of the same kind. */
int sandbox_write(struct sandbox *sandbox, struct inode *inode, int64_t offset,
		  size_t count, char byte);
/* Creates the file if it is not there, and writes. */
struct inode *sandbox_put(struct sandbox *sandbox, const char *path,
			  size_t count, char byte);
/* A file of four blocks a, b, c, d, in the store. */
struct inode *sandbox_put_abcd(struct sandbox *sandbox, const char *path);
/* O_TMPFILE with 0644. */
struct inode *sandbox_make_unnamed(struct sandbox *sandbox);
int sandbox_fsync(struct sandbox *sandbox, const char *path);
int sandbox_fdatasync(struct sandbox *sandbox, const char *path);

/* What the store holds, in the words of tests/litmus/treedump.h. */
void sandbox_expect_stored(struct sandbox *sandbox, const char *tree);
/* The content of a live file, as runs: "o*4096 0*10". */
void sandbox_expect_live(struct sandbox *sandbox, struct inode *inode,
			 const char *runs);
/* Live image and store are the same. */
void sandbox_expect_same(struct sandbox *sandbox, const char *what);
/* Whether the event log has a line with this in it. */
bool sandbox_logged(struct sandbox *sandbox, const char *words);

#endif
