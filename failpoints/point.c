/* SPDX-License-Identifier: MIT */
#include "failpoints/point.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096

static struct {
	struct point *buckets[BUCKETS];
	size_t count;
} points;

static size_t bucket_of(const char *name)
{
	uint32_t hash = 2166136261U;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619U;
	return (hash ^ hash >> 16) % BUCKETS;
}

struct point *point_find(const char *name)
{
	struct point *point = points.buckets[bucket_of(name)];

	while (point && strcmp(point->name, name) != 0)
		point = point->next;
	return point;
}

int point_get(const char *name, struct point **ret_point)
{
	struct point *point = point_find(name);
	struct point **bucket = &points.buckets[bucket_of(name)];
	size_t size = strlen(name) + 1;

	if (!point) {
		if (points.count >= FAILPOINT_POINTS_MAX)
			return -ENOSPC;
		point = calloc(1, sizeof(*point) + size);
		if (!point)
			return -ENOMEM;
		memcpy(point->name, name, size);
		point->next = *bucket;
		*bucket = point;
		points.count++;
	}
	*ret_point = point;
	return 0;
}

static bool release(struct grace_item *item)
{
	struct point *point = (struct point *)(void *)item; /* first member */

	/* No new ones come; those there are were let out of the gate. */
	if (atomic_load(&point->guests) > 0)
		return false;
	free(point);
	return true;
}

void point_forget_unused(struct point *point)
{
	struct point **link = &points.buckets[bucket_of(point->name)];

	if (point->sites || atomic_load(&point->program))
		return;
	while (*link != point)
		link = &(*link)->next;
	*link = point->next;
	points.count--;
	grace_retire(&point->grace, release);
}

struct point *point_next(const struct point *point)
{
	size_t bucket = 0;

	if (point) {
		if (point->next)
			return point->next;
		bucket = bucket_of(point->name) + 1;
	}
	while (bucket < BUCKETS && !points.buckets[bucket])
		bucket++;
	return bucket < BUCKETS ? points.buckets[bucket] : NULL;
}

size_t point_count(void)
{
	return points.count;
}

static void set_armed(struct failpoint_site *site, bool armed)
{
	__atomic_store_n(&site->armed, armed, __ATOMIC_RELAXED);
}

void point_arm(struct point *point, struct program *program)
{
	struct program *old = atomic_exchange(&point->program, program);

	for (struct failpoint_site *s = point->sites; s; s = s->next)
		set_armed(s, program != NULL);
	program_retire(old);
	/* Only now: who looks at the gate after this finds the new program. */
	(void)gate_open(&point->gate); /* how many go on does not matter */
}

void point_add_site(struct point *point, struct failpoint_site *site)
{
	site->next = point->sites;
	point->sites = site;
	__atomic_store_n(&site->point, point, __ATOMIC_SEQ_CST);
	set_armed(site, atomic_load(&point->program) != NULL);
}

void point_remove_site(struct point *point, struct failpoint_site *site)
{
	struct failpoint_site **link = &point->sites;

	set_armed(site, false);
	__atomic_store_n(&site->point, NULL, __ATOMIC_SEQ_CST);
	while (*link != site)
		link = &(*link)->next;
	*link = site->next;
	site->next = NULL;
}
