/* SPDX-License-Identifier: MIT */
/*
 * What the daemon of a mount spends: its CPU time, its own memory and its disk.
 * Cost is compared as CPU time, which does not depend on who else is at work.
 */
#ifndef FLAKEY_TESTS_LIMITS_METER_H
#define FLAKEY_TESTS_LIMITS_METER_H

#include <stdbool.h>
#include <stdint.h>

/* From now on for the mount whose root this is. 0 or a negative errno. */
int meter_open(int root);

int64_t meter_cpu_ns(void);
/* Memory that is not a file's; the scratch file is one. */
int64_t meter_anonymous_bytes(void);
/* What the scratch file takes on its disk, once what a crash left is gone. */
int64_t meter_scratch_bytes(void);
/* A number of the status, by its JSON name. */
int64_t meter_status(const char *name);
/* The store's directory, from the environment. */
const char *meter_store(void);
/* A number from the environment, or its default. */
int64_t meter_setting(const char *name, int64_t otherwise);

/* Does the verb and says how long it took, in ns; or a negative errno. */
int64_t meter_verb(const char *line);

/* The same as it would have been without the others that are at work on this
 * host: divided by what they take from a loop that only computes. */
int64_t meter_fair_verb(const char *line);

int64_t meter_clock_ns(void);

/* One measurement of `count` operations. */
struct meter_lap {
	const char *what;
	int64_t cpu_ns;
	int64_t count;
};
void meter_begin(struct meter_lap *lap, const char *what);
void meter_end(struct meter_lap *lap, int64_t count);
/* Whether each operation of `large` cost about as much as one of `small`: at most
 * three times, and 3 us that the ticks of a clock may hide. Prints both. */
bool meter_is_flat(const struct meter_lap *small,
		   const struct meter_lap *large);

#endif
