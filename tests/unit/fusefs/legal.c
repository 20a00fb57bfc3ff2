/* SPDX-License-Identifier: MIT */
#include "tests/unit/fusefs/legal.h"

#include <string.h>

#define PAGE 4096

static const struct legal_rules rules[] = {
	{.profile = "ext4",
	 .old_first = true,
	 .size_alone = true,
	 .grows_in_block = true,
	 .pushes = true,
	 .block = 1024},
	{.profile = "ext4,block=4096",
	 .old_first = true,
	 .size_alone = true,
	 .grows_in_block = true,
	 .pushes = true,
	 .block = 4096},
	{.profile = "ext4,data=journal", .one_piece = true, .block = 1024},
	{.profile = "xfs", .pages = true, .zeroes_end = true, .block = 4096},
	{.profile = "btrfs",
	 .copies = true,
	 .beginning = true,
	 .pushes = true,
	 .block = 4096},
	{.profile = "posix",
	 .any_entries = true,
	 .size_alone = true,
	 .block = 1024},
};

const struct legal_rules *legal_rules_of(const char *profile)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strcmp(rules[i].profile, profile) == 0)
			return &rules[i];
	return NULL;
}

static void find_murky(const struct legal_rules *r, struct legal_object *o)
{
	for (int begin = 0; begin < LEGAL_BYTES; begin += r->block) {
		bool any = false;
		for (int b = begin; b < begin + r->block; b++)
			any |= o->base[b] != 0;
		/* The store knows no smaller holes than pages. */
		int edge = (o->base_size + PAGE - 1) / PAGE * PAGE;
		o->murky[begin / r->block] = !any && begin < edge;
	}
}

void legal_begin(struct legal *legal, const struct legal_found *found)
{
	const struct legal_rules *kept = legal->rules;

	memset(legal, 0, sizeof(*legal));
	legal->rules = kept;
	for (int i = 1; i < LEGAL_OBJECTS; i++) {
		struct legal_object *object = &legal->objects[i];
		object->used = found->there[i];
		object->directory = i < 4;
		memcpy(legal->base_entries[i], found->entries[i],
		       sizeof(found->entries[i]));
		memcpy(object->entries, found->entries[i],
		       sizeof(found->entries[i]));
		memcpy(object->base, found->bytes[i], LEGAL_BYTES);
		memcpy(object->live, found->bytes[i], LEGAL_BYTES);
		object->base_size = object->live_size = found->sizes[i];
		find_murky(kept, object);
		for (int j = 0; j <= LEGAL_OPS; j++)
			object->cut[j] = -1;
	}
}

int legal_op(struct legal *legal)
{
	return ++legal->ops;
}

void legal_change(struct legal *legal, int directory, int name, int meaning,
		  bool free, int removed)
{
	legal->changes[legal->change_count++] = (struct legal_change){
		legal->ops, directory, name, meaning, free, removed};
	legal->objects[directory].entries[name] = meaning;
	if (meaning != 0)
		legal->objects[meaning].last_op = legal->ops;
}

/* Whether the file can have its last block, on the disk or in memory. */
static bool may_have_end(const struct legal *legal,
			 const struct legal_object *o)
{
	int block = legal->rules->block;
	int begin = o->live_size / block * block;
	bool any = false;

	for (int b = begin; b < o->live_size; b++)
		any |= o->dirty[b] || o->zeroed[b];
	for (int op = 1; op < legal->ops && !any; op++)
		if (o->cut[op] >= 0 && o->cut[op] <= begin)
			return false;
	for (int b = begin; b < begin + block; b++)
		any |= o->base[b] != 0 || o->murky[b / block];
	return any;
}

/* xfs_file_write_checks() zeroes from the end to where the write begins, which for
 * iomap_zero_range() is nothing where there is no block. */
static void zero_end(const struct legal *legal, struct legal_object *o,
		     int offset)
{
	int block = legal->rules->block;
	int end = (o->live_size + block - 1) / block * block;

	if (!legal->rules->zeroes_end || offset <= o->live_size ||
	    end == o->live_size || !may_have_end(legal, o))
		return;
	if (end > offset)
		end = offset;
	memset(o->zeroed + o->live_size, 1, (size_t)(end - o->live_size));
}

void legal_write(struct legal *legal, int object, int offset, int length,
		 uint8_t byte)
{
	struct legal_object *o = &legal->objects[object];

	zero_end(legal, o, offset);
	o->size_before[legal->ops] = o->live_size;
	memset(o->live + offset, byte, (size_t)length);
	memset(o->dirty + offset, 1, (size_t)length);
	if (offset + length > o->live_size)
		o->live_size = offset + length;
	o->written[legal->ops] = offset + length;
	o->last_op = legal->ops;
}

void legal_truncate(struct legal *legal, int object, int size)
{
	struct legal_object *o = &legal->objects[object];

	if (size < o->live_size) {
		memset(o->live + size, 0, (size_t)(LEGAL_BYTES - size));
		memset(o->dirty + size, 0, (size_t)(LEGAL_BYTES - size));
		memset(o->zeroed + size, 0, (size_t)(LEGAL_BYTES - size));
	}
	o->live_size = size;
	o->cut[legal->ops] = size;
	o->last_op = legal->ops;
}

/* Names */

static bool names_are(const struct legal *legal,
		      int entries[LEGAL_OBJECTS][LEGAL_NAMES],
		      const struct legal_found *found)
{
	(void)legal;
	for (int d = 1; d < 4; d++) {
		bool there = d == 1;
		for (int n = 0; n < LEGAL_NAMES; n++)
			there |= entries[1][n] == d;
		if (there != found->there[d])
			return false;
		if (there && memcmp(entries[d], found->entries[d],
				    sizeof(found->entries[d])) != 0)
			return false;
	}
	return true;
}

static void begin_entries(const struct legal *legal,
			  int entries[LEGAL_OBJECTS][LEGAL_NAMES])
{
	memcpy(entries, legal->base_entries, sizeof(legal->base_entries));
}

static bool names_at(const struct legal *legal, int moment,
		     const struct legal_found *found)
{
	int entries[LEGAL_OBJECTS][LEGAL_NAMES];

	begin_entries(legal, entries);
	for (int i = 0; i < legal->change_count; i++)
		if (legal->changes[i].op <= moment)
			entries[legal->changes[i].directory]
			       [legal->changes[i].name] =
				       legal->changes[i].meaning;
	return names_are(legal, entries, found);
}

static bool same_name(const struct legal_change *a,
		      const struct legal_change *b)
{
	return a->directory == b->directory && a->name == b->name;
}

/* Every earlier change of the same name is there, the other half of what is one
 * change, and what was in a directory that goes. */
static bool is_closed(const struct legal *legal, unsigned int set)
{
	for (int i = 0; i < legal->change_count; i++) {
		const struct legal_change *change = &legal->changes[i];
		for (int j = 0; j < legal->change_count; j++) {
			const struct legal_change *other = &legal->changes[j];
			bool has = set >> j & 1;
			if (set >> i & 1 && !has &&
			    ((j < i && same_name(change, other)) ||
			     (j < i && change->removed != 0 &&
			      other->directory == change->removed) ||
			     (other->op == change->op && !change->free)))
				return false;
		}
	}
	return true;
}

static bool names_of_any(const struct legal *legal,
			 const struct legal_found *found)
{
	int entries[LEGAL_OBJECTS][LEGAL_NAMES];

	for (unsigned int set = 0; set < 1u << legal->change_count; set++) {
		if (!is_closed(legal, set))
			continue;
		begin_entries(legal, entries);
		for (int i = 0; i < legal->change_count; i++)
			if (set >> i & 1)
				entries[legal->changes[i].directory]
				       [legal->changes[i].name] =
					       legal->changes[i].meaning;
		if (names_are(legal, entries, found))
			return true;
	}
	return false;
}

/* Content, where changes have one order */

/* What the disk has of a file without its unsynced data. */
struct view {
	uint8_t bytes[LEGAL_BYTES];
	int size;
	bool any_cut; /* ever */
	int low;      /* the shortest that it has been */
	int next;     /* and will be */
	bool whole;   /* nothing of the file is newer */
};

static void cut_view(struct view *view, int size)
{
	if (size < view->size)
		memset(view->bytes + size, 0, (size_t)(LEGAL_BYTES - size));
	view->size = size;
	view->any_cut = true;
	if (size < view->low)
		view->low = size;
}

static void view_at(const struct legal_object *o, int moment, struct view *view)
{
	memcpy(view->bytes, o->base, LEGAL_BYTES);
	view->size = o->base_size;
	view->any_cut = false;
	view->low = o->base_size;
	view->next = LEGAL_BYTES;
	view->whole = o->last_op <= moment;
	for (int op = 1; op <= moment; op++) {
		if (o->cut[op] >= 0)
			cut_view(view, o->cut[op]);
	}
	for (int op = moment + 1; op <= LEGAL_OPS; op++) {
		view->any_cut |= o->cut[op] >= 0;
		if (o->cut[op] >= 0 && o->cut[op] < view->next)
			view->next = o->cut[op];
	}
}

/* The file has the place, and no change gives or takes it. */
static bool is_old(const struct legal *legal, const struct legal_object *o,
		   const struct view *view, int b, int size)
{
	int begin = b / legal->rules->block * legal->rules->block;
	int end = begin + legal->rules->block;

	(void)o;
	return !legal->rules->copies && begin < view->low && b < size &&
	       view->next >= (end < view->size ? end : view->size);
}

/* It may have been a hole: then what is written there is new. Or it may be taken
 * for space that the file has, since the store has it in one page with that. */
static bool is_murky(const struct legal *legal, const struct legal_object *o,
		     int b)
{
	return b < LEGAL_BYTES && o->murky[b / legal->rules->block];
}

/* 1: the byte is the unsynced one, 0: it is not, -1: nobody can tell. */
static int is_kept(const struct legal_object *o, const struct view *view, int b,
		   const uint8_t *bytes, int size)
{
	uint8_t gone = b < view->size ? view->bytes[b] : 0;

	if (!o->dirty[b] || (b < size && o->live[b] == gone))
		return -1;
	return b < size && bytes[b] == o->live[b];
}

/* Data that survives takes the size along; where a file grows by pages, to the
 * end of the page. */
static bool ends_with_data(const struct legal_rules *r,
			   const struct legal_object *o,
			   const struct view *view, const uint8_t *bytes,
			   int size)
{
	bool pages = r->pages && size % PAGE == 0;

	for (int b = pages ? size - PAGE : size - 1; b < size; b++)
		if (o->zeroed[b] ||
		    (o->dirty[b] && is_kept(o, view, b, bytes, size) != 0))
			return true;
	return false;
}

static const char *judge_size(const struct legal *legal,
			      const struct legal_object *o,
			      const struct view *view, int moment,
			      const uint8_t *bytes, int size)
{
	const struct legal_rules *r = legal->rules;
	int last_cut = 0;

	if (size == view->size)
		return NULL;
	for (int op = 1; op <= moment; op++)
		last_cut = o->cut[op] >= 0 ? op : last_cut;
	for (int op = last_cut + 1; r->grows_in_block && op <= moment; op++) {
		int before = o->size_before[op];
		int edge = (before + PAGE - 1) / PAGE * PAGE;
		int end = o->written[op] < edge ? o->written[op] : edge;
		if (size == end && end > before)
			return NULL;
	}
	if (!view->whole)
		return "a size without all changes of the file";
	if (size < view->size || size > o->live_size)
		return "a size that the file never had";
	if (!r->size_alone && !ends_with_data(r, o, view, bytes, size))
		return "a size beyond the data";
	return NULL;
}

static bool is_allowed(const struct legal *legal, const struct legal_object *o,
		       const struct view *view, int b, uint8_t value, int size)
{
	uint8_t gone = b < view->size ? view->bytes[b] : 0;

	if (value == gone)
		return true;
	if (o->dirty[b] && value == o->live[b] &&
	    (view->whole || is_old(legal, o, view, b, size) ||
	     (is_murky(legal, o, b) && b < size)))
		return true;
	return false;
}

/* Runs of one kind survive in pieces that end where they may be cut. */
static const char *judge_units(const struct legal *legal,
			       const struct legal_plan *plan,
			       const struct legal_object *o,
			       const struct view *view, const uint8_t *bytes,
			       int size)
{
	int unit = plan->unit;
	int before = -1;

	/* Where a part of a block was zeroed, that block goes by itself. */
	if (view->any_cut)
		return NULL;
	for (int b = 0; b < o->live_size; b++) {
		bool fresh = !is_old(legal, o, view, b, size);
		int at = unit;
		if (fresh && at != 0 && at < legal->rules->block)
			at = legal->rules->block;
		int kept = is_kept(o, view, b, bytes, size);
		bool edge =
			b == 0 || !o->dirty[b - 1] ||
			is_old(legal, o, view, b - 1, size) == fresh ||
			is_murky(legal, o, b) != is_murky(legal, o, b - 1) ||
			(at != 0 && b % at == 0);
		edge |= b % legal->rules->block == 0 && is_murky(legal, o, b);
		if (edge || !o->dirty[b])
			before = -1;
		if (kept < 0)
			continue;
		if (before >= 0 && kept != before)
			return "a piece is torn where none may be";
		before = kept;
	}
	return NULL;
}

/* A new block is written as a whole, whatever is between its bytes. Smaller ones
 * than pages are not known well enough. */
static const char *judge_blocks(const struct legal *legal,
				const struct legal_object *o,
				const struct view *view, const uint8_t *bytes,
				int size)
{
	int block = legal->rules->block;
	int before = -1;

	for (int b = 0; b < o->live_size && block == PAGE; b++) {
		int kept = is_kept(o, view, b, bytes, size);
		if (b % block == 0)
			before = -1;
		if (kept < 0 || is_murky(legal, o, b) ||
		    is_old(legal, o, view, b, size))
			continue;
		if (before >= 0 && kept != before)
			return "a part of a new block";
		before = kept;
	}
	return NULL;
}

static const char *judge_order(const struct legal *legal,
			       const struct legal_object *o,
			       const struct view *view, const uint8_t *bytes,
			       int size)
{
	bool old_lost = false;
	bool new_kept = false;
	bool lost = false;

	for (int b = 0; b < o->live_size; b++) {
		int kept = is_kept(o, view, b, bytes, size);
		bool old = is_old(legal, o, view, b, size);
		bool murky = is_murky(legal, o, b);
		old_lost |= kept == 0 && old && !murky;
		new_kept |= kept == 1 && !old && !murky;
		if (kept == 1 && lost && legal->rules->beginning)
			return "data without what is before it";
		lost |= kept == 0;
	}
	if (old_lost && new_kept && legal->rules->old_first)
		return "new blocks without what was overwritten";
	return NULL;
}

static const char *judge_view(const struct legal *legal,
			      const struct legal_plan *plan, int object,
			      const struct view *view, int moment,
			      const struct legal_found *found)
{
	const struct legal_object *o = &legal->objects[object];
	const uint8_t *bytes = found->bytes[object];
	int size = found->sizes[object];

	const char *why = judge_size(legal, o, view, moment, bytes, size);
	for (int b = 0; b < size && why == NULL; b++)
		if (!is_allowed(legal, o, view, b, bytes[b], size))
			why = "a byte that cannot be there";
	if (why == NULL)
		why = judge_units(legal, plan, o, view, bytes, size);
	if (why == NULL)
		why = judge_blocks(legal, o, view, bytes, size);
	if (why == NULL)
		why = judge_order(legal, o, view, bytes, size);
	return why;
}

static const char *judge_at(const struct legal *legal,
			    const struct legal_plan *plan, int object,
			    int moment, const struct legal_found *found)
{
	struct view view;

	view_at(&legal->objects[object], moment, &view);
	return judge_view(legal, plan, object, &view, moment, found);
}

/* Content, where nothing but itself orders it: its truncations in order, and of
 * what was written anything that is not older than the last of them. */
static const char *judge_free(const struct legal *legal,
			      const struct legal_plan *plan, int object,
			      const struct legal_found *found)
{
	const char *why = NULL;

	for (int moment = 0; moment <= legal->ops; moment++) {
		const struct legal_object *o = &legal->objects[object];
		struct view view;
		view_at(o, moment, &view);
		bool later = false;
		for (int op = moment + 1; op <= legal->ops; op++)
			later |= o->cut[op] >= 0;
		view.whole = !later;
		int size = found->sizes[object];
		why = size == view.size || (view.whole && size >= view.size &&
					    size <= o->live_size)
			      ? NULL
			      : "a size that the file never had";
		for (int b = 0; b < size && why == NULL; b++) {
			uint8_t value = found->bytes[object][b];
			bool filled = plan->garbage && o->dirty[b] &&
				      view.whole &&
				      (is_murky(legal, o, b) ||
				       !is_old(legal, o, &view, b, view.size));
			if (!filled &&
			    !is_allowed(legal, o, &view, b, value, size))
				why = "a byte that cannot be there";
		}
		if (why == NULL)
			return NULL;
	}
	return why;
}

static bool is_all(const struct legal *legal, bool live,
		   const struct legal_found *found)
{
	if (!names_at(legal, live ? legal->ops : 0, found))
		return false;
	for (int i = 4; i < LEGAL_OBJECTS; i++) {
		const struct legal_object *o = &legal->objects[i];
		int size = live ? o->live_size : o->base_size;
		if (found->there[i] &&
		    (found->sizes[i] != size ||
		     memcmp(found->bytes[i], live ? o->live : o->base,
			    (size_t)size) != 0))
			return false;
	}
	return true;
}

const char *legal_judge(const struct legal *legal,
			const struct legal_plan *plan,
			const struct legal_found *found, int *ret_moment)
{
	const char *why = "names that there never were together";

	if (legal->rules->one_piece) {
		if (is_all(legal, true, found))
			*ret_moment = legal->ops;
		else if (is_all(legal, false, found))
			*ret_moment = 0;
		else
			return "neither all nor nothing";
		return NULL;
	}
	if (legal->rules->any_entries) {
		if (!names_of_any(legal, found))
			return why;
		why = NULL;
		for (int i = 4; i < LEGAL_OBJECTS && why == NULL; i++)
			if (found->there[i])
				why = judge_free(legal, plan, i, found);
		return why;
	}
	for (int moment = legal->ops; moment >= 0; moment--) {
		if (!names_at(legal, moment, found))
			continue;
		const char *wrong = NULL;
		for (int i = 4; i < LEGAL_OBJECTS && wrong == NULL; i++)
			if (found->there[i])
				wrong = judge_at(legal, plan, i, moment, found);
		if (wrong == NULL || *ret_moment < 0)
			*ret_moment = moment;
		if (wrong == NULL)
			return NULL;
		if (*ret_moment == moment)
			why = wrong;
	}
	return why;
}
