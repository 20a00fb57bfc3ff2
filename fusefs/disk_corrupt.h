/* SPDX-License-Identifier: MIT */
/*
 * Damage to bytes on their way between the volume and the store: pure, on memory
 * of the caller. Which bytes and what becomes of them follows from the seed
 * alone, and all that was touched is reported.
 */
#ifndef FLAKEY_FUSEFS_DISK_CORRUPT_H
#define FLAKEY_FUSEFS_DISK_CORRUPT_H

#include <stddef.h>
#include <stdint.h>

enum disk_corrupt_kind {
	DISK_CORRUPT_BITFLIP, /* count bits, each another one; 0 means 1 */
	DISK_CORRUPT_ZERO,    /* a run of count bytes is 0; 0 means all */
	DISK_CORRUPT_GARBAGE, /* each of such a run is another byte than before */
};

struct disk_corruption {
	enum disk_corrupt_kind kind;
	/* Of bits or bytes. More than there are: all of them. */
	uint64_t count;
	uint64_t seed;
	/* Where the run begins; the bits are then of this byte and, if they are
	 * more than 8, of those behind it; beyond the data nothing is harmed.
	 * -1: the seed chooses. */
	int64_t at;
};

/* A run of bytes that was touched. */
struct disk_damage {
	size_t offset; /* within the data */
	size_t length_bytes;
	uint8_t flipped; /* BITFLIP: the bits of this byte; else 0 */
};

/* Called with damages in the order of their offsets, never two that touch the
 * same byte. */
typedef void disk_damage_fn(void *user, const struct disk_damage *damage);

/* Harms data and tells each of every damage; each may be NULL. Returns how many
 * bytes are not what they were (zeros that become zeros are). */
size_t disk_corrupt(const struct disk_corruption *how, void *data,
		    size_t size_bytes, disk_damage_fn *each, void *user);

/* The name of a kind in rules, "bitflip", or NULL; and back: 0 or -ENOENT. */
const char *disk_corrupt_name(enum disk_corrupt_kind kind);
int disk_corrupt_find(const char *name, enum disk_corrupt_kind *ret_kind);

/* The nth number of a seed, each as likely as any other. */
uint64_t disk_corrupt_chance(uint64_t seed, uint64_t nth);

#endif
