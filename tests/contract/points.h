/* SPDX-License-Identifier: MIT */
/*
 * Test points of the contract, and what programs do on a mount.
 */
#ifndef FLAKEY_TESTS_CONTRACT_POINTS_H
#define FLAKEY_TESTS_CONTRACT_POINTS_H

#include <stdbool.h>
#include <stdint.h>

/* One point each. */
bool ok(bool good, const char *name);
void is(int got, int wanted, const char *name);
void same(uint64_t got, uint64_t wanted, const char *name);
void says(const char *sentence, const char *part, const char *name);
/* The file has that content; NULL: there is no such file. */
void holds(const char *path, const char *content, const char *name);
/* The plan; 0 if all was well. */
int points_done(void);

enum put_sync {
	NO_SYNC,
	SYNC
};
/* Makes a file; SYNC: durable with its name. */
void put(const char *path, const char *content, enum put_sync sync);
/* Writes over the begin of a file and syncs it: 0 or the negative errno. */
int overwrite(const char *path, const char *content);

#endif
