/* SPDX-License-Identifier: MIT */
/*
 * Random numbers are made from (seed, n) instead of being drawn from a state: so
 * nothing has to be locked, and what one transfer gets does not depend on how
 * many numbers another one took.
 */
#include "fusefs/disk_corrupt.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define BITS 8

static const char *const names[] = {
	[DISK_CORRUPT_BITFLIP] = "bitflip",
	[DISK_CORRUPT_ZERO] = "zero",
	[DISK_CORRUPT_GARBAGE] = "garbage",
};

#define COUNT (sizeof(names) / sizeof(names[0]))

const char *disk_corrupt_name(enum disk_corrupt_kind kind)
{
	return (size_t)kind < COUNT ? names[kind] : NULL;
}

int disk_corrupt_find(const char *name, enum disk_corrupt_kind *ret_kind)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strcmp(name, names[i]) == 0) {
			*ret_kind = (enum disk_corrupt_kind)i;
			return 0;
		}
	return -ENOENT;
}

/* SplitMix64 (Steele, Lea and Flood, 2014), entered at its nth step. */
uint64_t disk_corrupt_chance(uint64_t seed, uint64_t nth)
{
	uint64_t z = seed + (nth + 1) * UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool is_placed(const struct disk_corruption *how)
{
	return how->at >= 0;
}

/* Flips exactly `left` of all bits, any choice as likely as any other: each bit
 * in turn with the chance of the flips that are left among the bits that are. */
static uint8_t mask_of(const struct disk_corruption *how, uint64_t byte,
		       uint64_t bits, uint64_t *left)
{
	uint8_t mask = 0;
	for (uint64_t at = byte * BITS; at < (byte + 1) * BITS; at++)
		if (disk_corrupt_chance(how->seed, at) % (bits - at) < *left) {
			mask |= (uint8_t)(1 << at % BITS);
			(*left)--;
		}
	return mask;
}

static size_t flip(const struct disk_corruption *how, uint8_t *data,
		   size_t size, disk_damage_fn *each, void *user)
{
	uint64_t left = how->count == 0 ? 1 : how->count;
	size_t begin = 0;
	if (is_placed(how)) {
		uint64_t bytes = left / BITS + (left % BITS != 0);
		begin = (size_t)how->at;
		size -= begin;
		if (size > bytes)
			size = (size_t)bytes;
	}
	uint64_t bits = (uint64_t)size * BITS;
	/* One bit of a megabyte needs one number and not eight million. */
	uint64_t only = bits;
	if (left == 1)
		only = disk_corrupt_chance(how->seed, 0) % bits;
	if (left > bits)
		left = bits;
	size_t changed = 0;
	for (size_t i = only < bits ? (size_t)(only / BITS) : 0;
	     i < size && left > 0; i++) {
		uint8_t mask = (uint8_t)(1 << only % BITS);
		if (only < bits)
			left = 0;
		else
			mask = mask_of(how, i, bits, &left);
		if (mask == 0)
			continue;
		data[begin + i] ^= mask;
		changed++;
		const struct disk_damage damage = {begin + i, 1, mask};
		if (each != NULL)
			each(user, &damage);
	}
	return changed;
}

/* Overwrites a run of bytes. */
static size_t overwrite(const struct disk_corruption *how, uint8_t *data,
			size_t size, disk_damage_fn *each, void *user)
{
	size_t length = size;
	if (how->count > 0 && how->count < size)
		length = (size_t)how->count;
	size_t begin = disk_corrupt_chance(how->seed, 0) % (size - length + 1);
	if (is_placed(how)) {
		begin = (size_t)how->at;
		if (length > size - begin)
			length = size - begin;
	}
	size_t changed = 0;
	for (size_t i = begin; i < begin + length; i++) {
		uint8_t before = data[i];
		uint64_t chance = disk_corrupt_chance(how->seed, i + 1);
		data[i] = 0;
		if (how->kind == DISK_CORRUPT_GARBAGE)
			data[i] = (uint8_t)(before + 1 + chance % 255);
		changed += data[i] != before;
	}
	const struct disk_damage damage = {begin, length, 0};
	if (each != NULL)
		each(user, &damage);
	return changed;
}

size_t disk_corrupt(const struct disk_corruption *how, void *data, size_t size,
		    disk_damage_fn *each, void *user)
{
	if (size == 0 || (how->at >= 0 && (uint64_t)how->at >= size))
		return 0;
	return how->kind == DISK_CORRUPT_BITFLIP
		       ? flip(how, data, size, each, user)
		       : overwrite(how, data, size, each, user);
}
