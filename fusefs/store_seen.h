/* SPDX-License-Identifier: MIT */
/*
 * What a copy of the store has of each object of the store: when the object had
 * last changed when it was copied, and whether every later change shows. Changes
 * show in the ctime, which nobody can set. It comes from the clock that
 * CLOCK_REALTIME_COARSE reads: if no change is going on at a moment, those that
 * begin after it get that time or a later one.
 */
#ifndef FLAKEY_FUSEFS_STORE_SEEN_H
#define FLAKEY_FUSEFS_STORE_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct seen {
	uint64_t ino; /* 0: none */
	uint64_t device;
	uint64_t copy_ino;
	struct timespec changed;
	unsigned int pass; /* in which it was copied */
	bool shows;
};

struct store_seen {
	struct seen *slots;
	size_t capacity; /* 0, or a power of two */
	size_t count;
};

void store_seen_free(struct store_seen *table);
/* What is known of the object that st describes, or zeros. Valid until the next
 * one is added. -ENOMEM. */
int store_seen_add(struct store_seen *table, const struct stat *st,
		   struct seen **ret_seen);
/* The same, or NULL if nothing is known of it. */
const struct seen *store_seen_find(const struct store_seen *table,
				   uint64_t device, uint64_t ino);
/* Notes what it was before it was copied; quiet is a moment as above, before
 * that. */
void store_seen_note(struct seen *seen, const struct stat *st,
		     const struct timespec *quiet, unsigned int pass);
/* Whether it is as it was when it was noted. */
bool store_seen_is_same(const struct seen *seen, const struct stat *st);
/* Whether the file system that fd is on is known to keep such times. */
bool store_seen_is_possible(int fd);
/* Whether its directories have the numbers that stat(2) gives, too. */
bool store_seen_by_entries(int fd);

#endif
