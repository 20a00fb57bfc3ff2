/* SPDX-License-Identifier: MIT */
/*
 * One pass over the changes: a chain is broken by the first change of it that
 * does not survive, and what waits for a broken chain does not survive either.
 * Where there is one order, how many survive is drawn as if each was, so that
 * the share is met and its spread is that of chance.
 */
#include "fusefs/survivors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/plan.h"
#include "fusefs/profile.h"

#define SECTOR_BYTES 512
#define PAGE_BYTES 4096
/* More pieces of one file than this are not told apart: they get larger. */
#define UNITS_MAX (INT64_C(1) << 26)

/* Numbers by the method of splitmix64 (Steele, Lea and Flood, 2014). */
struct chance {
	uint64_t state;
	uint32_t ppm;
};

static uint64_t next(struct chance *chance)
{
	uint64_t z = chance->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool draw(struct chance *chance)
{
	return ((next(chance) >> 32) * PLAN_PPM_MAX) >> 32 < chance->ppm;
}

static bool flip(struct chance *chance)
{
	return next(chance) & 1;
}

/* How many of count. */
static size_t draw_count(struct chance *chance, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		kept += draw(chance);
	return kept;
}

static uint64_t hash(uint64_t seed, const char *text)
{
	struct chance chance = {.state = seed};
	for (; *text; text++)
		chance.state = next(&chance) ^ (unsigned char)*text;
	return next(&chance);
}

/* Changes */

/* A set of numbers that are not 0, by open addressing. */
struct set {
	uint64_t *slots;
	size_t mask;
};

static int set_init(struct set *set, size_t count_max)
{
	size_t size = 16;
	while (size < count_max * 2)
		size *= 2;
	set->slots = calloc(size, sizeof(*set->slots));
	set->mask = size - 1;
	return set->slots == NULL ? -ENOMEM : 0;
}

static uint64_t *set_slot(const struct set *set, uint64_t number)
{
	size_t i = (size_t)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 20);
	while (set->slots[i & set->mask] != 0 &&
	       set->slots[i & set->mask] != number)
		i++;
	return &set->slots[i & set->mask];
}

static bool set_has(const struct set *set, uint64_t number)
{
	return *set_slot(set, number) == number;
}

static void set_add(struct set *set, uint64_t number)
{
	if (number != 0)
		*set_slot(set, number) = number;
}

/* A change of several parts survives as a whole, and so does what lies between two
 * moments: the cut goes to one side of it. */
static void keep_first(struct chance *chance, struct survivors_change *changes,
		       size_t count, size_t kept)
{
	bool forward = flip(chance);
	while (kept > 0 && kept < count && changes[kept].tied)
		kept = forward ? kept + 1 : kept - 1;
	for (size_t i = 0; i < count; i++)
		changes[i].kept = i < kept;
}

static bool can_survive(const struct survivors_change *change,
			const struct set *broken, bool any_lost)
{
	if (change->waits_for_all && any_lost)
		return false;
	for (int i = 0; i < SURVIVORS_CHAINS; i++)
		if (change->waits_for[i] != 0 &&
		    set_has(broken, change->waits_for[i]))
			return false;
	return true;
}

/* The first of the parts of a change decides for all of them. */
static bool group_can_survive(const struct survivors_change *changes,
			      size_t count, size_t first,
			      const struct set *broken, bool any_lost)
{
	uint64_t group = changes[first].group;
	bool can = can_survive(&changes[first], broken, any_lost);
	for (size_t i = first + 1; group != 0 && can && i < count; i++)
		if (changes[i].group == group)
			can = can_survive(&changes[i], broken, any_lost);
	return can;
}

static void choose_each(struct chance *chance, struct set *broken,
			struct survivors_change *changes, size_t count)
{
	bool any_lost = false;
	uint64_t group = 0;
	bool group_kept = false;
	for (size_t i = 0; i < count; i++) {
		struct survivors_change *change = &changes[i];
		bool drawn = draw(chance);
		if (change->group != 0 && change->group == group) {
			change->kept = group_kept;
		} else {
			change->kept =
				drawn && group_can_survive(changes, count, i,
							   broken, any_lost);
			/* Others may be between its parts. */
			group_kept =
				change->group != 0 ? change->kept : group_kept;
			group = change->group != 0 ? change->group : group;
		}
		any_lost |= !change->kept;
		for (int j = 0; !change->kept && j < SURVIVORS_CHAINS; j++)
			set_add(broken, change->belongs_to[j]);
	}
}

/* Of a file without a name nothing is left. */
static int drop_nameless(struct survivors_change *changes, size_t count)
{
	struct set named;
	if (set_init(&named, count) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (changes[i].kept)
			set_add(&named, changes[i].names);
	for (size_t i = 0; i < count; i++)
		if (changes[i].needs_name != 0 &&
		    !set_has(&named, changes[i].needs_name))
			changes[i].kept = false;
	free(named.slots);
	return 0;
}

static bool survives_in_one_piece(const struct plan *plan)
{
	struct chance chance = {.state = plan->seed, .ppm = plan->keep_ppm};
	return draw(&chance);
}

/* Those that are kept got their place, and their bytes only by chance. */
static void fill_late(const struct plan *plan,
		      const struct profile_survival *survival,
		      struct survivors_change *changes, size_t count)
{
	struct chance chance = {.state = ~plan->seed, .ppm = plan->keep_ppm};
	if (plan->fill == PLAN_FILL_OLD || !survival->late_alone)
		return;
	for (size_t i = 0; i < count; i++)
		changes[i].filled =
			changes[i].kept && changes[i].late && !draw(&chance);
}

int survivors_choose_changes(const struct plan *plan,
			     const struct profile_survival *survival,
			     struct survivors_change *changes, size_t count)
{
	struct chance chance = {.state = plan->seed, .ppm = plan->keep_ppm};
	if (survival->one_piece) {
		keep_first(&chance, changes, count,
			   survives_in_one_piece(plan) ? count : 0);
		return 0;
	}
	if (survival->ordered || plan->order == PLAN_ORDER_PREFIX) {
		keep_first(&chance, changes, count, draw_count(&chance, count));
		fill_late(plan, survival, changes, count);
		return survival->ordered ? 0 : drop_nameless(changes, count);
	}
	struct set broken;
	if (set_init(&broken, count * SURVIVORS_CHAINS) < 0)
		return -ENOMEM;
	choose_each(&chance, &broken, changes, count);
	free(broken.slots);
	return drop_nameless(changes, count);
}

/* Data */

/* A piece that survives by itself. */
struct unit {
	int64_t from;
	int64_t to;
	bool fresh;
	bool in_new_block;
	bool forced;
	bool kept;
	bool filled;
};

struct units {
	struct unit *list;
	size_t count;
	int64_t old_bytes; /* they end at multiples of it; 0: nowhere */
	int64_t new_bytes;
};

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t unit_end(const struct units *units,
			const struct survivors_run *run, int64_t from)
{
	int64_t bytes = run->fresh ? units->new_bytes : units->old_bytes;
	if (bytes == 0)
		return run->to;
	int64_t end = (from / bytes + 1) * bytes;
	return end < run->to ? end : run->to;
}

static size_t count_units(const struct units *units,
			  const struct survivors_file *file)
{
	size_t count = 0;
	for (size_t i = 0; i < file->run_count; i++) {
		const struct survivors_run *run = &file->runs[i];
		int64_t bytes =
			run->fresh ? units->new_bytes : units->old_bytes;
		count += bytes == 0 ? 1
				    : (size_t)((run->to - 1) / bytes -
					       run->from / bytes + 1);
	}
	return count;
}

static int cut_into_units(const struct plan *plan,
			  const struct profile_survival *survival,
			  const struct survivors_file *file,
			  struct units *ret_units)
{
	struct units units = {0};
	if (plan->torn != PLAN_TORN_NONE) {
		int64_t bytes = plan->torn == PLAN_TORN_PAGE ? PAGE_BYTES
							     : SECTOR_BYTES;
		units.old_bytes = larger(bytes, survival->old_unit_bytes);
		units.new_bytes = larger(bytes, survival->new_unit_bytes);
	}
	size_t count;
	while ((count = count_units(&units, file)) > (size_t)UNITS_MAX &&
	       units.old_bytes < INT64_MAX / 4) {
		units.old_bytes *= 2;
		units.new_bytes *= 2;
	}
	units.list = calloc(count + 1, sizeof(*units.list));
	if (units.list == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < file->run_count; i++) {
		const struct survivors_run *run = &file->runs[i];
		int64_t from = run->from;
		while (from < run->to) {
			int64_t to = unit_end(&units, run, from);
			units.list[units.count++] = (struct unit){
				.from = from,
				.to = to,
				.fresh = run->fresh,
				.in_new_block = run->fresh && !run->tail,
				.forced = run->forced};
			from = to;
		}
	}
	*ret_units = units;
	return 0;
}

static bool may_survive(const struct profile_survival *survival,
			const struct survivors_file *file, bool fresh)
{
	if (fresh ? survival->new_waits : survival->old_waits)
		return file->has_all;
	return !fresh || file->has_content;
}

static void draw_units(struct chance *chance, bool prefix,
		       const struct profile_survival *survival,
		       const struct survivors_file *file, struct units *units)
{
	size_t first = prefix ? draw_count(chance, units->count) : 0;
	bool ended = false;
	for (size_t i = 0; i < units->count; i++) {
		struct unit *unit = &units->list[i];
		bool drawn = prefix ? i < first : draw(chance);
		bool may = may_survive(survival, file, unit->fresh);
		/* A prefix ends at the first that may not. */
		ended |= prefix && !may;
		unit->kept = unit->forced || (drawn && may && !ended);
	}
}

/* What is next to each other and not cut there, though one part is overwritten and
 * the other new; and what is in one new block, which is written as a whole. */
static bool share_fate(const struct units *units, int64_t block,
		       const struct unit *before, const struct unit *unit)
{
	int64_t bytes = units->old_bytes;
	if (before->fresh && unit->fresh && block != 0 &&
	    (before->to - 1) / block == unit->from / block)
		return true;
	return before->to == unit->from &&
	       (before->fresh != unit->fresh ||
		before->in_new_block != unit->in_new_block) &&
	       (bytes == 0 || unit->from % bytes != 0);
}

/* Those from first on that share a fate end before it. */
static size_t group_end(const struct profile_survival *survival,
			const struct units *units, size_t first)
{
	size_t end = first + 1;
	while (end < units->count &&
	       share_fate(units, survival->new_unit_bytes,
			  &units->list[end - 1], &units->list[end]))
		end++;
	return end;
}

/* The first of those that share a fate decides; but it can be all that may
 * survive. */
static void join_units(const struct profile_survival *survival,
		       const struct survivors_file *file, struct units *units)
{
	struct unit *list = units->list;
	size_t end;
	if (!may_survive(survival, file, true))
		return;
	for (size_t first = 0; first < units->count; first = end) {
		bool kept = list[first].kept;
		end = group_end(survival, units, first);
		for (size_t i = first + 1; i < end; i++)
			kept |= list[i].forced;
		for (size_t i = first; i < end; i++)
			list[i].kept = kept;
	}
}

/* Either all survives that is in blocks which the file has, or no new block; and
 * with them what shares their fate. */
static void close_over(struct chance *chance,
		       const struct profile_survival *survival,
		       struct units *units)
{
	struct unit *list = units->list;
	bool any_new = false;
	bool any_lost = false;
	size_t end;
	for (size_t i = 0; i < units->count; i++) {
		any_new |= list[i].in_new_block && list[i].kept;
		any_lost |= !list[i].in_new_block && !list[i].kept;
	}
	if (!any_new || !any_lost)
		return;
	bool keep = flip(chance);
	for (size_t first = 0; first < units->count; first = end) {
		bool decides = false;
		end = group_end(survival, units, first);
		for (size_t i = first; i < end; i++)
			decides |= list[i].in_new_block != keep;
		for (size_t i = first; i < end && decides; i++)
			list[i].kept = keep || list[i].forced;
	}
}

static void fill_units(struct chance *chance, const struct plan *plan,
		       const struct profile_survival *survival,
		       const struct survivors_file *file, struct units *units)
{
	bool all_old = true;
	for (size_t i = 0; i < units->count; i++)
		all_old &= units->list[i].in_new_block || units->list[i].kept;
	if (plan->fill == PLAN_FILL_OLD || !survival->size_alone ||
	    !may_survive(survival, file, true) ||
	    (survival->new_needs_old && !all_old))
		return;
	for (size_t i = 0; i < units->count; i++) {
		struct unit *unit = &units->list[i];
		unit->filled = unit->fresh && !unit->kept && flip(chance);
	}
}

static int add_piece(struct survivors_pieces *pieces, const struct unit *unit)
{
	enum survivors_fate fate =
		unit->kept ? SURVIVORS_KEPT : SURVIVORS_FILLED;
	struct survivors_piece *last =
		pieces->count > 0 ? &pieces->list[pieces->count - 1] : NULL;
	if (last != NULL && last->to == unit->from && last->fate == fate &&
	    last->fresh == unit->fresh) {
		last->to = unit->to;
		return 0;
	}
	if (pieces->count == pieces->capacity) {
		size_t capacity = pieces->capacity ? pieces->capacity * 2 : 16;
		struct survivors_piece *list =
			reallocarray(pieces->list, capacity, sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
		pieces->list = list;
		pieces->capacity = capacity;
	}
	pieces->list[pieces->count++] = (struct survivors_piece){
		.from = unit->from,
		.to = unit->to,
		.fresh = unit->fresh,
		.fate = fate,
	};
	return 0;
}

int survivors_choose_data(const struct plan *plan,
			  const struct profile_survival *survival,
			  const struct survivors_file *file,
			  struct survivors_pieces *ret_pieces)
{
	struct chance chance = {.state = hash(plan->seed, file->path),
				.ppm = plan->keep_ppm};
	struct units units;
	*ret_pieces = (struct survivors_pieces){0};
	int r = cut_into_units(plan, survival, file, &units);
	if (r < 0)
		return r;
	bool prefix = survival->data_prefix || plan->order == PLAN_ORDER_PREFIX;
	if (survival->one_piece)
		chance.ppm = survives_in_one_piece(plan) ? PLAN_PPM_MAX : 0;
	draw_units(&chance, prefix, survival, file, &units);
	join_units(survival, file, &units);
	if (survival->new_needs_old)
		close_over(&chance, survival, &units);
	fill_units(&chance, plan, survival, file, &units);
	for (size_t i = 0; i < units.count && r == 0; i++)
		if (units.list[i].kept || units.list[i].filled)
			r = add_piece(ret_pieces, &units.list[i]);
	free(units.list);
	return r;
}

void survivors_garbage(const struct plan *plan, const char *path,
		       int64_t offset, void *buffer, size_t size)
{
	uint64_t seed = hash(plan->seed, path);
	char *to = buffer;
	for (size_t i = 0; i < size; i++) {
		int64_t at = offset + (int64_t)i;
		struct chance chance = {.state = seed ^ ((uint64_t)at / 8 *
							 UINT64_C(0x5851f42d))};
		uint64_t eight = next(&chance);
		to[i] = (char)(eight >> (8 * (at % 8)));
	}
}
