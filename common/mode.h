/* SPDX-License-Identifier: MIT */
/*
 * A mode says what the simulated disk does with a commit, and with the bytes that
 * go to it and come from it. A mode is a value: parsing makes one, and what is in
 * force at a moment is a pure function of it and the time since the switch, so no
 * timer thread is needed.
 */
#ifndef FLAKEY_COMMON_MODE_H
#define FLAKEY_COMMON_MODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct errmsg;

enum mode_kind {
	MODE_ALLOW_WRITES, /* commits arrive */
	MODE_DROP_WRITES,  /* commits succeed, and nothing arrives */
	MODE_ERROR_WRITES, /* commits fail with EIO, and nothing arrives */
	/* Commits arrive with all of these. */
	MODE_ERROR_READS,	   /* what has to be read fails with EIO */
	MODE_CORRUPT_BIO_BYTE,	   /* one byte of each transfer is another */
	MODE_RANDOM_READ_CORRUPT,  /* one byte of some that are read */
	MODE_RANDOM_WRITE_CORRUPT, /* one byte of some that are written */
};

/* A chance is so many times of a thousand million. */
#define MODE_PROBABILITY_ALWAYS 1000000000
/* The longest transfer, and so the last byte of one. */
#define MODE_NTH_MAX (1 << 20)

/* The finest step of for=, up and down, as promised by the manual. */
#define MODE_RESOLUTION_MS 100
/* A year: longer is a typing error. */
#define MODE_DURATION_MAX_MS INT64_C(31536000000)
/* Room for the longest formatted mode with its NUL. */
#define MODE_TEXT_MAX 160

struct mode {
	enum mode_kind kind;
	/* Back to allow-writes after so long; 0: until the next switch. */
	int64_t for_ms;
	/* Alternate: up_ms of allow-writes, then down_ms of kind, measured
	 * from the switch. Both 0: no cycle. */
	int64_t up_ms;
	int64_t down_ms;
	/* Of corrupt-bio-byte: the nth_byte, from 1, of a transfer to (on_write)
	 * or from the disk becomes value; if bio_flags is not 0, only where the
	 * block layer of the kernel has set them. */
	uint32_t nth_byte;
	bool on_write;
	uint8_t value;
	uint32_t bio_flags;
	/* Of the random ones. seed 0: not chosen yet. */
	uint32_t probability;
	uint64_t seed;
};

/* "drop-writes", or NULL for a number that is no mode. */
const char *mode_name(enum mode_kind kind);

/* Parses a mode line: NAME [WORDS] [for=TIME] [cycle=UP,DOWN] [seed=N]. TIME is
 * a number with an optional fraction and a unit (ms, s, m, h), a bare number is
 * seconds; it must be a multiple of MODE_RESOLUTION_MS. for and cycle may be
 * combined. WORDS are NTH r|w VALUE [FLAGS] of corrupt-bio-byte and P of the
 * random ones, which also take the seed, a number from 1. Returns 0, -EINVAL, or -ENOENT for an unknown name or key; the sentence has
 * the offset. */
int mode_parse(const char *line, struct mode *ret_mode,
	       struct errmsg *reterr_why);

/* Parses one TIME as above, to milliseconds: 0 or -EINVAL. Never yields 0. */
int mode_parse_duration(const char *text, int64_t *ret_ms,
			struct errmsg *reterr_why);

/* Writes the line that mode_parse() reads back as the same mode. */
void mode_format(const struct mode *mode, char *buffer, size_t size_bytes);

/* Whether it takes a seed. */
bool mode_has_chance(enum mode_kind kind);

/* Gives a random mode without a seed one. */
void mode_choose_seed(struct mode *mode);

/* What becomes of commits: allow-writes, drop-writes or error-writes. */
enum mode_kind mode_of_commits(enum mode_kind kind);

/* What the disk does elapsed_ms after the switch to mode. */
enum mode_kind mode_at(const struct mode *mode, int64_t elapsed_ms);

#endif
