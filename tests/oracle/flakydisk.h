/* SPDX-License-Identifier: MIT */
/*
 * A real disk whose writes can be dropped: an image file, a loop device on it, and
 * dm-flakey on that. Needs root, and is made for the guest: it asks the kernel
 * itself, since a process for each step would take ten times as long as the step.
 *
 * The image can be remembered and put back, so that a file system made once serves
 * any number of cases, and none sees what an earlier one has left.
 */
#ifndef FLAKEY_TESTS_ORACLE_FLAKYDISK_H
#define FLAKEY_TESTS_ORACLE_FLAKYDISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flakydisk_piece {
	int64_t offset;
	size_t length;
	char *bytes; /* owned */
};

struct flakydisk {
	int image;
	int loop;
	int control;   /* of the device mapper */
	int under_way; /* the kernel's count of what is */
	char loop_path[32];
	char path[32]; /* what to mount */
	uint64_t sectors;
	size_t piece_count;
	struct flakydisk_piece *pieces; /* what is not zero in the image */
};

/* All return 0 or a negative errno. */

/* Takes the image as it is for what restore() puts back, and makes the device. */
int flakydisk_start(struct flakydisk *disk, const char *image_path);
/* From now on writes arrive, or are dropped while the file system is told that they
 * have arrived. Nothing is flushed before. */
int flakydisk_keep_writes(struct flakydisk *disk, bool keep);
/* Waits until nothing is under way to the disk, and what its end sets going in the
 * kernel has had its turn. */
int flakydisk_settle(struct flakydisk *disk);
/* Nothing may be mounted from it. */
int flakydisk_restore(struct flakydisk *disk);
/* Takes a disk that is not wholly started, too. */
void flakydisk_stop(struct flakydisk *disk);

#endif
