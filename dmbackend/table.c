/* SPDX-License-Identifier: MIT */
/*
 * The interval is always "up" (UP 1, DOWN 0) or always "down" (UP 0, DOWN 1);
 * "0 0" is refused. The count of features is always written: without it some
 * kernels never fail anything.
 */
#include "dmbackend/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define TABLE_FEATURE_MAX 96

static const struct {
	const char *feature;
	const char *since;
} features[] = {
	[MODE_ALLOW_WRITES] = {NULL, NULL},
	[MODE_DROP_WRITES] = {"drop_writes", "3.1"},
	[MODE_ERROR_WRITES] = {"error_writes", "4.10"},
	[MODE_ERROR_READS] = {"error_reads", "6.4"},
	[MODE_CORRUPT_BIO_BYTE] = {"corrupt_bio_byte", "3.1"},
	[MODE_RANDOM_READ_CORRUPT] = {"random_read_corrupt", "6.5"},
	[MODE_RANDOM_WRITE_CORRUPT] = {"random_write_corrupt", "6.5"},
};

const char *table_feature(const struct mode *mode)
{
	return features[mode->kind].feature;
}

const char *table_since(const struct mode *mode)
{
	return features[mode->kind].since;
}

/* Writes it with its arguments, and returns how many words that are. */
static int format_feature(const struct mode *mode,
			  char ret_feature[static TABLE_FEATURE_MAX])
{
	const char *name = table_feature(mode);

	switch (mode->kind) {
	case MODE_ALLOW_WRITES:
		return 0;
	case MODE_CORRUPT_BIO_BYTE:
		(void)snprintf(ret_feature, TABLE_FEATURE_MAX,
			       "%s %" PRIu32 " %c %u %" PRIu32, name,
			       mode->nth_byte, mode->on_write ? 'w' : 'r',
			       mode->value, mode->bio_flags);
		return 5;
	case MODE_RANDOM_READ_CORRUPT:
	case MODE_RANDOM_WRITE_CORRUPT:
		(void)snprintf(ret_feature, TABLE_FEATURE_MAX, "%s %" PRIu32,
			       name, mode->probability);
		return 2;
	default:
		(void)snprintf(ret_feature, TABLE_FEATURE_MAX, "%s", name);
		return 1;
	}
}

int table_parameters(const char *device, const struct mode *mode,
		     char ret_parameters[static TABLE_PARAMETERS_MAX])
{
	char feature[TABLE_FEATURE_MAX];
	int words = format_feature(mode, feature);
	int n;

	if (words > 0)
		n = snprintf(ret_parameters, TABLE_PARAMETERS_MAX,
			     "%s 0 0 1 %d %s", device, words, feature);
	else
		n = snprintf(ret_parameters, TABLE_PARAMETERS_MAX, "%s 0 1 0 0",
			     device);
	return n < TABLE_PARAMETERS_MAX ? 0 : -ENAMETOOLONG;
}
