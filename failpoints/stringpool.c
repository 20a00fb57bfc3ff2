/* SPDX-License-Identifier: MIT */
#include "failpoints/stringpool.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "failpoints/failpoint.h"

#define BUCKETS_MIN 64

struct kept {
	struct kept *next;
	uint32_t hash;
	char text[];
};

static struct {
	struct kept **buckets;
	size_t bucket_count; /* a power of 2 */
	size_t count;
	size_t size_bytes;
} stringpool;

static uint32_t hash_of(const char *text)
{
	uint32_t hash = 2166136261U;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619U;
	return hash;
}

static int grow(void)
{
	size_t count = stringpool.bucket_count ? 2 * stringpool.bucket_count
					       : BUCKETS_MIN;
	struct kept **buckets = calloc(count, sizeof(struct kept *));

	if (!buckets)
		return stringpool.bucket_count ? 0
					       : -ENOMEM; /* slower, but good */
	for (size_t i = 0; i < stringpool.bucket_count; i++) {
		struct kept *next;

		for (struct kept *k = stringpool.buckets[i]; k; k = next) {
			struct kept **bucket = &buckets[k->hash & (count - 1)];

			next = k->next;
			k->next = *bucket;
			*bucket = k;
		}
	}
	free(stringpool.buckets);
	stringpool.buckets = buckets;
	stringpool.bucket_count = count;
	return 0;
}

static const struct kept *find(const char *text, uint32_t hash)
{
	if (stringpool.bucket_count == 0)
		return NULL;
	for (struct kept *k =
		     stringpool.buckets[hash & (stringpool.bucket_count - 1)];
	     k; k = k->next)
		if (k->hash == hash && strcmp(k->text, text) == 0)
			return k;
	return NULL;
}

int stringpool_keep(const char *text, const char **ret_kept)
{
	uint32_t hash = hash_of(text);
	const struct kept *old = find(text, hash);
	size_t size = sizeof(struct kept) + strlen(text) + 1;
	struct kept **bucket;
	struct kept *kept;

	if (old) {
		*ret_kept = old->text;
		return 0;
	}
	if (stringpool.size_bytes + size > FAILPOINT_STRINGS_BYTES_MAX)
		return -ENOSPC;
	if (stringpool.count >= stringpool.bucket_count && grow() < 0)
		return -ENOMEM;
	kept = malloc(size);
	if (!kept)
		return -ENOMEM;
	kept->hash = hash;
	strcpy(kept->text, text);
	bucket = &stringpool.buckets[hash & (stringpool.bucket_count - 1)];
	kept->next = *bucket;
	*bucket = kept;
	stringpool.count++;
	stringpool.size_bytes += size;
	*ret_kept = kept->text;
	return 0;
}
