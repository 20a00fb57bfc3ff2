/* SPDX-License-Identifier: MIT */
/*
 * deciding [--check]: what the term engine needs for one hit, in ns of processor
 * time, the best of several rounds. --check: ends with 1 if a row took more than
 * MOST_NS.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "failpoints/terms.h"

/* Of the 60 that an armed `off` may cost in all. About 12 are usual. */
#define MOST_NS 40.0
#define HITS 2000000
#define ROUNDS 7

static const char *const sources[] = {
	"off",
	"return(ENOSPC)",
	"9223372036854775807*off",
	"50%off",
	"3*off->1*return(ENOSPC)->50%sleep(10ms)",
};

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double best_ns(struct terms *terms)
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		double begun = cpu_ns();

		for (int i = 0; i < HITS; i++) {
			struct terms_decision decision;

			(void)terms_decide(terms, &decision);
		}
		begun = (cpu_ns() - begun) / HITS;
		best = begun < best ? begun : best;
	}
	return best;
}

int main(int argc, char **argv)
{
	bool check = argc > 1 && strcmp(argv[1], "--check") == 0;
	int status = 0;

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct terms *terms;
		double ns;

		if (terms_parse(sources[i], strlen(sources[i]), NULL, 1, &terms,
				NULL) < 0)
			return 2;
		ns = best_ns(terms);
		printf("%-42s %6.2f ns\n", sources[i], ns);
		if (check && ns > MOST_NS)
			status = 1;
		terms_free(terms);
	}
	return status;
}
