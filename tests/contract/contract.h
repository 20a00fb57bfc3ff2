/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the contract share: which backend and file system this run is
 * about.
 */
#ifndef FLAKEY_TESTS_CONTRACT_CONTRACT_H
#define FLAKEY_TESTS_CONTRACT_CONTRACT_H

#include <stdbool.h>
#include <stdint.h>

struct flakey;

struct contract {
	const char *profile; /* or file system */
	bool dm;
};

/* Starts a disk, or gives up. */
struct flakey *contract_start(const struct contract *about, const char *source,
			      const char *mountpoint);
/* Waits until the mode in force is the wanted one. */
bool contract_becomes(struct flakey *disk, const char *mode_now);
int64_t contract_now_us(void);

/* Checksums of a real btrfs tell wrong bytes from right ones. */
bool contract_has_checksums(const struct contract *about);

/* differences.c: what only one of the backends can do, all of it. */
void differences_are_told(const struct contract *about, struct flakey *disk);
/* load.c: switches and crashes, idle and beside a writer that never stops. */
void load_is_borne(const struct contract *about, struct flakey *disk);
/* modes.c: the modes that read and corrupt. */
void modes_act(const struct contract *about);

#endif
