/* SPDX-License-Identifier: MIT */
/*
 * What a case sees, as words key=value on its one line. Only what two file
 * systems must agree on is written down: names of errors, relations of times,
 * never inode numbers or clocks. Nothing here fails; the judge compares lines.
 */
#ifndef FLAKEY_TESTS_POSIX_SEE_H
#define FLAKEY_TESTS_POSIX_SEE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* The line so far. */
const char *see_line(void);

/* A word of the caller's own. */
void see_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A number that is no error, or the error of a result of -1. */
void see_number(const char *key, int64_t result);
/* Whether it worked, or the error; for results whose value means nothing. */
void see_ok(const char *key, int64_t result);
/* Only the error: for what has to work before a case can begin. */
void see_must(const char *key, int64_t result);
/* Type, permissions, links and size of what lies at a path, not followed. A
 * directory's size means nothing and is left out. */
void see_file(const char *key, const char *path);
void see_fd(const char *key, int fd);
/* Owner and group: `me`, `root` or a number. */
void see_owner(const char *key, const char *path);
/* The whole content: as it is if short and printable, else runs of bytes. */
void see_content(const char *key, const char *path);
void see_bytes(const char *key, const void *bytes, ssize_t n);
/* Where data and holes are, as lseek tells. */
void see_map(const char *key, int fd);
/* The sorted names of a directory, without "." and "..". */
void see_names(const char *key, const char *path);
/* Whether two paths are the same inode: yes, no, or the error. */
void see_same(const char *key, const char *one, const char *other);

/* Times as relations: before = see_times(path); see_tick(); ...; then one word
 * of m and c, each followed by + (later), - (earlier) or = (unmoved). */
struct stat see_times(const char *path);
/* Returns when the clock that file systems stamp with is later than all that
 * see_times() met. */
void see_tick(void);
void see_moved(const char *key, const struct stat *before, const char *path);
void see_moved_fd(const char *key, const struct stat *before, int fd);
/* The same for atime alone. */
void see_read(const char *key, const struct stat *before, const char *path);

#endif
