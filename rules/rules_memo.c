/* SPDX-License-Identifier: MIT */
#include "rules/rules_memo.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rules_index.h"

#define SLOTS 256
#define LOCKS 16
/* What a longer path has to do with rules is found each time. */
#define PATH_BYTES_MAX 512

struct slot {
	uint64_t *bits; /* NULL: the slot is free; the path is behind them */
	uint64_t hash;
	size_t length_bytes;
};

struct rules_memo {
	size_t words;
	pthread_mutex_t locks[LOCKS]; /* each guards every LOCKSth slot */
	struct slot slots[SLOTS];
};

struct rules_memo *rules_memo_new(size_t words)
{
	struct rules_memo *memo = calloc(1, sizeof(*memo));
	if (memo == NULL)
		return NULL;
	memo->words = words;
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_init(&memo->locks[i], NULL);
	return memo;
}

void rules_memo_free(struct rules_memo *memo)
{
	if (memo == NULL)
		return;
	for (int i = 0; i < SLOTS; i++)
		free(memo->slots[i].bits);
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&memo->locks[i]);
	free(memo);
}

/* Eight bytes at a time: it is paid for by each operation. */
static uint64_t hash_of(const struct rules_path *path)
{
	uint64_t hash = path->length_bytes;
	size_t i = 0;
	for (; i + sizeof(hash) <= path->length_bytes; i += sizeof(hash)) {
		uint64_t part;
		memcpy(&part, path->bytes + i, sizeof(part));
		hash = (hash ^ part) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	for (; i < path->length_bytes; i++)
		hash = (hash ^ (unsigned char)path->bytes[i]) *
		       UINT64_C(0x100000001b3);
	return hash ^ hash >> 29;
}

static char *path_of(const struct rules_memo *memo, const struct slot *slot)
{
	return (char *)(slot->bits + memo->words);
}

bool rules_memo_find(struct rules_memo *memo, const struct rules_path *path,
		     uint64_t *found)
{
	uint64_t hash = hash_of(path);
	struct slot *slot = &memo->slots[hash % SLOTS];
	pthread_mutex_t *lock = &memo->locks[hash % SLOTS % LOCKS];
	pthread_mutex_lock(lock);
	bool known = slot->bits != NULL && slot->hash == hash &&
		     slot->length_bytes == path->length_bytes &&
		     memcmp(path_of(memo, slot), path->bytes,
			    path->length_bytes) == 0;
	for (size_t w = 0; known && w < memo->words; w++)
		found[w] |= slot->bits[w];
	pthread_mutex_unlock(lock);
	return known;
}

void rules_memo_add(struct rules_memo *memo, const struct rules_path *path,
		    const uint64_t *bits)
{
	uint64_t hash = hash_of(path);
	struct slot *slot = &memo->slots[hash % SLOTS];
	pthread_mutex_t *lock = &memo->locks[hash % SLOTS % LOCKS];
	if (path->length_bytes > PATH_BYTES_MAX)
		return;
	/* Without memory it is found anew each time. */
	uint64_t *fresh =
		malloc(memo->words * sizeof(*bits) + path->length_bytes);
	if (fresh == NULL)
		return;
	memcpy(fresh, bits, memo->words * sizeof(*bits));
	memcpy(fresh + memo->words, path->bytes, path->length_bytes);
	pthread_mutex_lock(lock);
	uint64_t *before = slot->bits;
	*slot = (struct slot){fresh, hash, path->length_bytes};
	pthread_mutex_unlock(lock);
	free(before);
}
