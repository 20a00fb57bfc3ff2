/* SPDX-License-Identifier: MIT */
#include "tests/unit/fusefs/legal_content.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/fusefs/legal.h"

#define PAGE 4096

/* What the disk has of a file without its unsynced data. */
struct view {
	uint8_t bytes[LEGAL_BYTES];
	int size;
	int moment;
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

static void view_at(const struct legal *legal, const struct legal_object *o,
		    int moment, struct view *view)
{
	memcpy(view->bytes, o->base, LEGAL_BYTES);
	view->size = o->base_size;
	view->moment = moment;
	view->any_cut = false;
	view->low = o->base_size;
	view->next = LEGAL_BYTES;
	view->whole = o->last_op <= moment;
	for (int op = 1; op <= moment; op++) {
		if (o->cut[op] >= 0)
			cut_view(view, o->cut[op]);
	}
	/* Or nothing that concerns it. */
	if (legal->rules->any_entries)
		view->whole = true;
	for (int op = moment + 1; op <= LEGAL_OPS; op++) {
		view->any_cut |= o->cut[op] >= 0;
		if (legal->rules->any_entries && o->cut[op] >= 0)
			view->whole = false;
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
 * end of the page if the file goes on, and else to that of a piece. */
static bool ends_with_data(const struct legal *legal,
			   const struct legal_plan *plan,
			   const struct legal_object *o,
			   const struct view *view, const uint8_t *bytes,
			   int size)
{
	const struct legal_rules *r = legal->rules;
	int from = r->pages ? (size - 1) / PAGE * PAGE : size - 1;
	int unit = plan->unit < r->new_unit ? r->new_unit : plan->unit;
	bool edge = size == o->live_size ||
		    (r->pages ? size % PAGE == 0
			      : !o->dirty[size] ||
					(plan->unit != 0 && size % unit == 0));

	for (int b = from; b < size && edge; b++)
		if (o->zeroed[b] ||
		    (o->dirty[b] && is_kept(o, view, b, bytes, size) != 0))
			return true;
	return false;
}

/* The size that some write gave it within its last block, at once. */
static bool grew_to(const struct legal_object *o, int moment, int size)
{
	int last_cut = 0;

	for (int op = 1; op <= moment; op++)
		last_cut = o->cut[op] >= 0 ? op : last_cut;
	for (int op = last_cut + 1; op <= moment; op++) {
		int before = o->size_before[op];
		int edge = (before + PAGE - 1) / PAGE * PAGE;
		int end = o->written[op] < edge ? o->written[op] : edge;
		if (size == end && end > before)
			return true;
	}
	return false;
}

static const char *judge_size(const struct legal *legal,
			      const struct legal_plan *plan,
			      const struct legal_object *o,
			      const struct view *view, const uint8_t *bytes,
			      int size)
{
	const struct legal_rules *r = legal->rules;

	if (size == view->size ||
	    (r->grows_in_block && grew_to(o, view->moment, size)))
		return NULL;
	if (!view->whole)
		return "a size without all changes of the file";
	if (size < view->size || size > o->live_size)
		return "a size that the file never had";
	if (!(plan->fills && r->size_alone) &&
	    !ends_with_data(legal, plan, o, view, bytes, size))
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

/* Where the file was cut, a part of a block was zeroed, and goes by itself with its
 * page; what is between two such places is not told apart. */
static void find_cut_pages(const struct legal_object *o, int *ret_from,
			   int *ret_to)
{
	*ret_from = LEGAL_BYTES;
	*ret_to = 0;
	for (int op = 1; op <= LEGAL_OPS; op++) {
		int begin = o->cut[op] / PAGE * PAGE;
		if (o->cut[op] < 0)
			continue;
		*ret_from = begin < *ret_from ? begin : *ret_from;
		*ret_to = begin + PAGE > *ret_to ? begin + PAGE : *ret_to;
	}
}

/* Whether a piece can end between a byte and the one before it. */
static bool is_edge(const struct legal *legal, const struct legal_plan *plan,
		    const struct legal_object *o, const struct view *view,
		    int b, int size)
{
	bool fresh = !is_old(legal, o, view, b, size);
	bool murky = is_murky(legal, o, b);
	int unit = plan->unit;

	if (b == 0 || !o->dirty[b - 1] || murky != is_murky(legal, o, b - 1) ||
	    (murky && b % legal->rules->block == 0))
		return true;
	/* New bytes do not go with others if they may not be there. */
	if (is_old(legal, o, view, b - 1, size) == fresh)
		return !view->whole || (unit != 0 && b % unit == 0);
	if (fresh && !murky && unit != 0 && unit < legal->rules->new_unit)
		unit = legal->rules->new_unit;
	return unit != 0 && b % unit == 0;
}

/* What is next to each other survives in pieces that end where they may be cut. */
static const char *judge_units(const struct legal *legal,
			       const struct legal_plan *plan,
			       const struct legal_object *o,
			       const struct view *view, const uint8_t *bytes,
			       int size)
{
	int cut_from;
	int cut_to;
	int before = -1;

	find_cut_pages(o, &cut_from, &cut_to);
	/* There a change of the size writes pages by itself. */
	if (view->any_cut && legal->rules->zeroes_end)
		return NULL;
	for (int b = 0; b < o->live_size; b++) {
		int kept = is_kept(o, view, b, bytes, size);
		if (!o->dirty[b] || b == cut_to ||
		    (b >= cut_from && b < cut_to) ||
		    is_edge(legal, plan, o, view, b, size))
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

/* New places may hold anything. */
static bool is_garbage(const struct legal *legal, const struct legal_plan *plan,
		       const struct legal_object *o, const struct view *view,
		       int b)
{
	return plan->garbage && o->dirty[b] && view->whole &&
	       (is_murky(legal, o, b) ||
		!is_old(legal, o, view, b, view->size));
}

const char *legal_content_judge(const struct legal *legal,
				const struct legal_plan *plan, int object,
				int moment, const struct legal_found *found)
{
	const struct legal_object *o = &legal->objects[object];
	const uint8_t *bytes = found->bytes[object];
	int size = found->sizes[object];
	struct view view;

	view_at(legal, o, moment, &view);
	const char *why = judge_size(legal, plan, o, &view, bytes, size);
	for (int b = 0; b < size && why == NULL; b++)
		if (!is_garbage(legal, plan, o, &view, b) &&
		    !is_allowed(legal, o, &view, b, bytes[b], size))
			why = "a byte that cannot be there";
	if (why == NULL && !plan->garbage)
		why = judge_units(legal, plan, o, &view, bytes, size);
	if (why == NULL)
		why = judge_blocks(legal, o, &view, bytes, size);
	if (why == NULL)
		why = judge_order(legal, o, &view, bytes, size);
	return why;
}
