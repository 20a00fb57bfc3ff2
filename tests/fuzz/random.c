/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for libFuzzer: `PROGRAM INPUTS WORDS RUNS`. Takes the lines of the
 * file INPUTS as they are, then RUNS times one of them with some random changes,
 * for which the file WORDS has words. Blind to what they reach, but seeded.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/target.h"
#include "tests/unit/fusefs/seed.h"

#define LINES_MAX 512
#define LENGTH_MAX 4096
#define CHANGES_MAX 6

struct lines {
	size_t count;
	char *line[LINES_MAX];
	size_t length[LINES_MAX];
};

/* The input that is being changed. */
struct input {
	size_t length;
	char bytes[LENGTH_MAX];
};

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

static void read_lines(const char *path, struct lines *lines)
{
	FILE *file = fopen(path, "re");
	size_t capacity = 0;
	char *line = NULL;
	ssize_t length;

	if (!file)
		die(path);
	while ((length = getline(&line, &capacity, file)) > 0 &&
	       lines->count < LINES_MAX) {
		lines->line[lines->count] = line;
		lines->length[lines->count++] =
			(size_t)length - (line[length - 1] == '\n');
		line = NULL;
		capacity = 0;
	}
	free(line);
	if (fclose(file) != 0 || lines->count == 0)
		die(path);
}

/* A word is between the quotes of a line, with \xHH for other bytes, as libFuzzer
 * wants it. */
static void take_words(struct lines *words)
{
	for (size_t i = 0; i < words->count; i++) {
		char *out = words->line[i];
		char *in = out + 1;
		char *end = out + words->length[i] - 1;

		while (in < end) {
			char digits[3] = "";

			if (in[0] == '\\' && in[1] == 'x') {
				memcpy(digits, in + 2, 2);
				*out++ = (char)strtol(digits, NULL, 16);
				in += 4;
			} else {
				*out++ = *in++;
			}
		}
		words->length[i] = (size_t)(out - words->line[i]);
	}
}

/* In a piece of memory of its own, so that a sanitizer sees its end. */
static void try_it(const char *bytes, size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);

	if (!copy)
		die("malloc");
	memcpy(copy, bytes, length);
	(void)LLVMFuzzerTestOneInput(copy, length); /* always 0 */
	free(copy);
}

/* Puts size bytes in the place of as many as old. */
static void replace(struct input *input, size_t at, size_t old,
		    const char *bytes, size_t size)
{
	if (input->length - old + size > LENGTH_MAX)
		return;
	memmove(input->bytes + at + size, input->bytes + at + old,
		input->length - at - old);
	memmove(input->bytes + at, bytes, size);
	input->length += size - old;
}

static void change(struct input *input, const struct lines *words,
		   struct seed *seed)
{
	size_t at = seed_below(seed, (uint32_t)input->length + 1);
	size_t left = input->length - at;
	size_t some = left ? seed_below(seed, (uint32_t)left + 1) % 9 : 0;
	size_t word = seed_below(seed, (uint32_t)words->count);
	char byte = (char)seed_below(seed, 256);
	char copy[16];

	switch (seed_below(seed, 5)) {
	case 0:
		replace(input, at, left > 0, &byte, 1);
		break;
	case 1:
		replace(input, at, 0, &byte, 1);
		break;
	case 2:
		replace(input, at, some, "", 0);
		break;
	case 3:
		memcpy(copy, input->bytes + at, some);
		replace(input, seed_below(seed, (uint32_t)input->length + 1), 0,
			copy, some);
		break;
	default:
		replace(input, at, some, words->line[word],
			words->length[word]);
	}
}

int main(int argc, char **argv)
{
	static struct lines lines;
	static struct lines words;
	static struct input input;
	struct seed seed;
	unsigned long runs;

	if (argc != 4) {
		fprintf(stderr, "usage: %s INPUTS WORDS RUNS\n", argv[0]);
		return 2;
	}
	read_lines(argv[1], &lines);
	read_lines(argv[2], &words);
	take_words(&words);
	runs = strtoul(argv[3], NULL, 10);
	seed_start(&seed);
	for (size_t i = 0; i < lines.count; i++)
		try_it(lines.line[i], lines.length[i]);
	for (unsigned long i = 0; i < runs; i++) {
		size_t line = seed_below(&seed, (uint32_t)lines.count);
		uint32_t changes = 1 + seed_below(&seed, CHANGES_MAX);

		input.length = lines.length[line] < LENGTH_MAX
				       ? lines.length[line]
				       : LENGTH_MAX;
		memcpy(input.bytes, lines.line[line], input.length);
		while (changes-- > 0)
			change(&input, &words, &seed);
		try_it(input.bytes, input.length);
	}
	printf("# %zu inputs, %lu random ones\n", lines.count, runs);
	for (size_t i = 0; i < lines.count; i++)
		free(lines.line[i]);
	for (size_t i = 0; i < words.count; i++)
		free(words.line[i]);
	return 0;
}
