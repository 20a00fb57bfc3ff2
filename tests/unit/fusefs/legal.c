/* SPDX-License-Identifier: MIT */
#include "tests/unit/fusefs/legal.h"

#include <string.h>

#include "tests/unit/fusefs/legal_content.h"

#define PAGE 4096

static const struct legal_rules rules[] = {
	{.profile = "ext4",
	 .old_first = true,
	 .size_alone = true,
	 .grows_in_block = true,
	 .pushes = true,
	 .pages = true,
	 .block = 1024,
	 .new_unit = 1024},
	{.profile = "ext4,block=4096",
	 .old_first = true,
	 .size_alone = true,
	 .grows_in_block = true,
	 .pushes = true,
	 .pages = true,
	 .block = 4096,
	 .new_unit = 4096},
	{.profile = "ext4,data=journal", .one_piece = true, .block = 1024},
	{.profile = "ext4,block=4096,data=journal",
	 .one_piece = true,
	 .block = 4096},
	{.profile = "xfs",
	 .pages = true,
	 .zeroes_end = true,
	 .block = 4096,
	 .new_unit = 4096},
	{.profile = "btrfs",
	 .copies = true,
	 .beginning = true,
	 .pushes = true,
	 .block = 4096,
	 .new_unit = 4096},
	{.profile = "posix",
	 .any_entries = true,
	 .size_alone = true,
	 .block = 1024,
	 .new_unit = 512},
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
		object->base_sticky = object->sticky = found->sticky[i];
		object->base_mark = object->mark = found->marks[i];
		find_murky(kept, object);
		for (int j = 0; j <= LEGAL_OPS; j++)
			object->cut[j] = -1;
	}
}

int legal_op(struct legal *legal)
{
	return ++legal->ops;
}

struct legal_change *legal_change(struct legal *legal, int directory, int name,
				  int meaning)
{
	struct legal_change *change = &legal->changes[legal->change_count++];

	*change = (struct legal_change){.op = legal->ops,
					.directory = directory,
					.name = name,
					.meaning = meaning};
	legal->objects[directory].entries[name] = meaning;
	if (meaning != 0)
		legal->objects[meaning].last_op = legal->ops;
	return change;
}

void legal_mark(struct legal *legal, int object, int mark)
{
	struct legal_object *o = &legal->objects[object];

	o->marked[legal->ops] = mark;
	o->flipped[legal->ops] = mark == 0;
	o->sticky ^= mark == 0;
	if (mark != 0)
		o->mark = mark;
	o->last_op = legal->ops;
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

typedef int entries_t[LEGAL_OBJECTS][LEGAL_NAMES];

static bool names_are(entries_t entries, const struct legal_found *found)
{
	bool there[4] = {[1] = true};

	for (int round = 0; round < 2; round++)
		for (int d = 1; d < 4; d++)
			for (int n = 0; n < LEGAL_NAMES && there[d]; n++)
				if (entries[d][n] < 4)
					there[entries[d][n]] = true;
	for (int d = 1; d < 4; d++) {
		if (there[d] != found->there[d])
			return false;
		if (there[d] && memcmp(entries[d], found->entries[d],
				       sizeof(found->entries[d])) != 0)
			return false;
	}
	return true;
}

static bool names_of(const struct legal *legal, unsigned int set,
		     const struct legal_found *found)
{
	entries_t entries;

	memcpy(entries, legal->base_entries, sizeof(entries));
	for (int i = 0; i < legal->change_count; i++) {
		const struct legal_change *change = &legal->changes[i];
		if (set >> i & 1)
			entries[change->directory][change->name] =
				change->meaning;
	}
	return names_are(entries, found);
}

static unsigned int set_up_to(const struct legal *legal, int moment)
{
	unsigned int set = 0;

	for (int i = 0; i < legal->change_count; i++)
		if (legal->changes[i].op <= moment)
			set |= 1u << i;
	return set;
}

static bool names_at(const struct legal *legal, int moment,
		     const struct legal_found *found)
{
	return names_of(legal, set_up_to(legal, moment), found);
}

static bool same_name(const struct legal_change *a,
		      const struct legal_change *b)
{
	return a->directory == b->directory && a->name == b->name;
}

/* Every earlier change of the same name, the other half of what is one change, and
 * what was in a directory that goes. */
static bool needs(const struct legal *legal, int i, int j)
{
	const struct legal_change *change = &legal->changes[i];
	const struct legal_change *other = &legal->changes[j];

	if (other->op == change->op)
		return !change->free;
	if (other->op > change->op)
		return false;
	return change->after_all || same_name(change, other) ||
	       (change->removed != 0 && other->directory == change->removed);
}

/* Attributes */

static void marks_at(const struct legal_object *o, int moment, bool *ret_sticky,
		     int *ret_mark)
{
	*ret_sticky = o->base_sticky;
	*ret_mark = o->base_mark;
	for (int op = 1; op <= moment; op++) {
		*ret_sticky ^= o->flipped[op];
		if (o->marked[op] != 0)
			*ret_mark = o->marked[op];
	}
}

static bool has_marks(const struct legal *legal, int object, int moment,
		      const struct legal_found *found)
{
	bool sticky;
	int mark;

	marks_at(&legal->objects[object], moment, &sticky, &mark);
	return found->sticky[object] == sticky && found->marks[object] == mark;
}

/* All together */

static bool is_all(const struct legal *legal, bool live,
		   const struct legal_found *found)
{
	int moment = live ? legal->ops : 0;

	if (!names_at(legal, moment, found))
		return false;
	for (int i = 1; i < LEGAL_OBJECTS; i++) {
		const struct legal_object *o = &legal->objects[i];
		int size = live ? o->live_size : o->base_size;
		if (found->there[i] &&
		    (found->sizes[i] != size ||
		     !has_marks(legal, i, moment, found) ||
		     memcmp(found->bytes[i], live ? o->live : o->base,
			    (size_t)size) != 0))
			return false;
	}
	return true;
}

static const char *judge_piece(const struct legal *legal,
			       const struct legal_found *found, int *ret_moment)
{
	if (is_all(legal, true, found))
		*ret_moment = legal->ops;
	else if (is_all(legal, false, found))
		*ret_moment = 0;
	else
		return "neither all nor nothing";
	return NULL;
}

/* What is there, at a moment that there was. */
static const char *judge_moment(const struct legal *legal,
				const struct legal_plan *plan, int moment,
				const struct legal_found *found)
{
	const char *why = NULL;

	for (int i = 1; i < LEGAL_OBJECTS && why == NULL; i++) {
		if (!found->there[i])
			continue;
		if (!has_marks(legal, i, moment, found))
			why = "attributes of another moment";
		else if (i >= 4)
			why = legal_content_judge(legal, plan, i, moment,
						  found);
	}
	return why;
}

static const char *judge_ordered(const struct legal *legal,
				 const struct legal_plan *plan,
				 const struct legal_found *found,
				 int *ret_moment)
{
	const char *why = "names that there never were together";

	for (int moment = legal->ops; moment >= 0; moment--) {
		if (!names_at(legal, moment, found))
			continue;
		const char *wrong = judge_moment(legal, plan, moment, found);
		if (wrong == NULL || *ret_moment < 0)
			*ret_moment = moment;
		if (wrong == NULL)
			return NULL;
		if (*ret_moment == moment)
			why = wrong;
	}
	return why;
}

/* Of a rename between two directories, that is cut in its middle, one half. */
static const char *judge_prefix(const struct legal *legal,
				const struct legal_plan *plan,
				const struct legal_found *found)
{
	const char *why = "names that there never were together";

	for (int moment = legal->ops; moment >= 0; moment--) {
		unsigned int set = set_up_to(legal, moment);
		bool is = names_of(legal, set, found);
		for (int i = 0; i < legal->change_count; i++)
			if (legal->changes[i].op == moment &&
			    legal->changes[i].free)
				is |= names_of(legal, set & ~(1u << i), found);
		if (is)
			why = judge_moment(legal, plan, moment, found);
		if (is && why == NULL)
			break;
	}
	return why;
}

/* Content and attributes each at a moment of their own, but none before that which
 * some name needs. */
static const char *judge_free(const struct legal *legal,
			      const struct legal_plan *plan, int least,
			      const struct legal_found *found)
{
	const char *why = NULL;

	for (int i = 1; i < LEGAL_OBJECTS && why == NULL; i++) {
		if (!found->there[i])
			continue;
		why = "attributes that there never were together";
		for (int m = least; m <= legal->ops && why != NULL; m++)
			if (has_marks(legal, i, m, found))
				why = NULL;
		if (why != NULL || i < 4)
			continue;
		for (int m = least; m <= legal->ops; m++) {
			why = legal_content_judge(legal, plan, i, m, found);
			if (why == NULL)
				break;
		}
	}
	return why;
}

static const char *judge_any(const struct legal *legal,
			     const struct legal_plan *plan,
			     const struct legal_found *found)
{
	const char *why = "names that there never were together";
	unsigned int needed[LEGAL_CHANGES] = {0};
	bool tried[LEGAL_OPS + 1] = {false};

	for (int i = 0; i < legal->change_count; i++)
		for (int j = 0; j < legal->change_count; j++)
			if (needs(legal, i, j))
				needed[i] |= 1u << j;
	for (unsigned int set = 0; set < 1u << legal->change_count; set++) {
		bool closed = true;
		int least = 0;
		for (int i = 0; i < legal->change_count && closed; i++) {
			if (!(set >> i & 1))
				continue;
			closed = (needed[i] & ~set) == 0;
			if (legal->changes[i].after_all)
				least = legal->changes[i].op;
		}
		if (!closed || tried[least] || !names_of(legal, set, found))
			continue;
		tried[least] = true;
		why = judge_free(legal, plan, least, found);
		if (why == NULL)
			break;
	}
	return why;
}

const char *legal_judge(const struct legal *legal,
			const struct legal_plan *plan,
			const struct legal_found *found, int *ret_moment)
{
	if (legal->rules->one_piece)
		return judge_piece(legal, found, ret_moment);
	if (!legal->rules->any_entries)
		return judge_ordered(legal, plan, found, ret_moment);
	return plan->prefix ? judge_prefix(legal, plan, found)
			    : judge_any(legal, plan, found);
}
