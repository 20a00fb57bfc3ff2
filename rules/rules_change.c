/* SPDX-License-Identifier: MIT */
/*
 * Changing the set: all is parsed first, then a new list is made of the old one,
 * then a table of that, and only then it takes the old one's place. What fails
 * before leaves everything as it was.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/event.h"
#include "common/nearest.h"
#include "common/text.h"
#include "failpoints/excerpt.h"
#include "rules/rule_inside.h"
#include "rules/rule_parse.h"
#include "rules/rules.h"
#include "rules/rules_inside.h"
#include "rules/rules_table.h"
#include "rules/rules_text.h"

/* The rules of a set that is being made; each with a reference. */
struct draft {
	struct rule **list;
	size_t count;
	size_t room;
};

static void draft_done(struct draft *draft)
{
	for (size_t i = 0; i < draft->count; i++)
		rule_unref(draft->list[i]);
	free(draft->list);
}

/* Takes the reference over. */
static int draft_add(struct draft *draft, struct rule *rule)
{
	if (draft->count == draft->room) {
		size_t room = draft->room ? draft->room * 2 : 16;
		struct rule **grown =
			reallocarray(draft->list, room, sizeof(*grown));
		if (grown == NULL) {
			rule_unref(rule);
			return -ENOMEM;
		}
		draft->list = grown;
		draft->room = room;
	}
	draft->list[draft->count++] = rule;
	return 0;
}

static int draft_copy(struct draft *draft, const struct rules_table *table)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < rules_table_count(table); i++) {
		struct rule *rule = rules_table_at(table, i);
		rule_ref(rule);
		r = draft_add(draft, rule);
	}
	return r;
}

/* Puts the rule where the one of its name is, or behind all. */
static int draft_put(struct draft *draft, struct rule *rule)
{
	for (size_t i = 0; i < draft->count; i++) {
		if (!rules_table_same(draft->list[i], rule_name(rule)))
			continue;
		rule_unref(draft->list[i]);
		draft->list[i] = rule;
		return 0;
	}
	return draft_add(draft, rule);
}

static struct rule_setting setting_of(const struct rules *rules)
{
	return (struct rule_setting){rules->seed, rules->check,
				     rules->check_user};
}

/* Which of several it is, and the offset in that one: whoever has written each
 * by itself does not know how they were put together. */
static void tell_which(struct errmsg *why, size_t number, size_t begin)
{
	size_t offset;
	int length = 0;
	if (why == NULL ||
	    sscanf(why->text, "offset %zu%n", &offset, &length) < 1)
		return;
	const struct errmsg told = *why;
	errmsg_set(why, "rule %zu, offset %zu%s", number,
		   offset < begin ? 0 : offset - begin, told.text + length);
}

static bool has_more(const char *text, size_t length,
		     struct rules_text_cursor cursor)
{
	struct rules_text_entry entry;
	return rules_text_next(text, length, &cursor, &entry, NULL) != 0;
}

static int draft_parse(struct draft *draft, const char *text, size_t length,
		       const struct rules *rules, struct errmsg *reterr_why)
{
	const struct rule_setting setting = setting_of(rules);
	struct rules_text_cursor cursor = {0};
	struct rules_text_entry entry;
	size_t number = 1;
	int r;
	while ((r = rules_text_next(text, length, &cursor, &entry,
				    reterr_why)) > 0) {
		struct rule *rule;
		r = rule_parse(&entry.name, &entry.terms, &setting, &rule,
			       reterr_why);
		if (r < 0)
			break;
		r = draft_put(draft, rule);
		if (r < 0)
			return r;
		number++;
	}
	if (r < 0 && (number > 1 || has_more(text, length, cursor)))
		tell_which(reterr_why, number, entry.begin);
	return r;
}

static int draft_check(const struct draft *draft, struct errmsg *reterr_why)
{
	size_t bytes = 0;
	for (size_t i = 0; i < draft->count; i++)
		bytes += strlen(rule_name(draft->list[i])) +
			 strlen(rule_terms(draft->list[i]));
	if (draft->count <= RULES_MAX && bytes <= RULES_BYTES_MAX)
		return 0;
	errmsg_set(reterr_why,
		   "a mount has at most %d rules, of %zu bytes in all; remove "
		   "some first",
		   RULES_MAX, RULES_BYTES_MAX);
	return -E2BIG;
}

/* A rule that stays is never gone, not for a moment: sleepers look without a
 * lock. Under change_lock, which guards `stays`. */
static void mark_gone(const struct rules_table *before,
		      const struct rules_table *after)
{
	for (size_t i = 0; i < rules_table_count(before); i++)
		rules_table_at(before, i)->stays = false;
	for (size_t i = 0; i < rules_table_count(after); i++) {
		rules_table_at(after, i)->stays = true;
		atomic_store(&rules_table_at(after, i)->gone, false);
	}
	for (size_t i = 0; i < rules_table_count(before); i++)
		if (!rules_table_at(before, i)->stays)
			atomic_store(&rules_table_at(before, i)->gone, true);
}

/* Takes the reference to the new table over, and returns the old one, with the
 * reference to it. Under change_lock. */
static struct rules_table *replace(struct rules *rules,
				   struct rules_table *table)
{
	struct rules_table *before = rules->table;
	mark_gone(before, table);
	pthread_mutex_lock(&rules->lock);
	rules->table = table;
	pthread_mutex_unlock(&rules->lock);
	atomic_store(&rules->armed.points, rules_table_points(table));
	rules_wake(rules);
	return before;
}

static void log_change(struct rules *rules, const char *change)
{
	event_add(rules->events, "rules", "\"change\":\"%s\",\"rules\":%zu",
		  change, rules_table_count(rules->table));
}

/* Under change_lock. Takes the draft over. */
static int put_in_force(struct rules *rules, struct draft *draft,
			const char *change, struct errmsg *reterr_why)
{
	struct rules_table *table = rules_table_new(draft->list, draft->count);
	if (table == NULL) {
		errmsg_set(reterr_why, "not enough memory for the rules");
		return -ENOMEM;
	}
	rules_table_unref(replace(rules, table));
	log_change(rules, change);
	return 0;
}

/* Of the new rules those that cannot see all they seem to. */
static void write_notes(const struct rules *rules, const struct draft *fresh,
			struct text *notes)
{
	const uint64_t reads = UINT64_C(1) << RULE_FS_READ;
	const uint64_t writes = UINT64_C(1) << RULE_FS_WRITE;
	for (size_t i = 0; i < fresh->count; i++) {
		const struct rule *rule = fresh->list[i];
		if (rules->unseen & RULES_UNSEEN_READS && rule->points & reads)
			text_printf(notes,
				    "note: %s does not see what the kernel "
				    "reads from its cache; mount with "
				    "-o cache=none to see every read\n",
				    rule_name(rule));
		if (rules->unseen & RULES_UNSEEN_WRITES &&
		    rule->points & writes)
			text_printf(notes,
				    "note: %s sees writes when the kernel "
				    "writes its cache back; mount with "
				    "-o cache=none to see each\n",
				    rule_name(rule));
	}
}

/* Puts the new rules into the set, or makes them all of it. */
static int apply(struct rules *rules, const struct draft *fresh, bool all,
		 struct errmsg *reterr_why)
{
	struct draft whole = {0};
	int r = 0;
	pthread_mutex_lock(&rules->change_lock);
	if (!all)
		r = draft_copy(&whole, rules->table);
	for (size_t i = 0; r == 0 && i < fresh->count; i++) {
		rule_ref(fresh->list[i]);
		r = draft_put(&whole, fresh->list[i]);
	}
	if (r < 0)
		errmsg_set(reterr_why, "not enough memory for the rules");
	if (r == 0)
		r = draft_check(&whole, reterr_why);
	if (r == 0)
		r = put_in_force(rules, &whole, all ? "set" : "add",
				 reterr_why);
	else
		draft_done(&whole);
	pthread_mutex_unlock(&rules->change_lock);
	return r;
}

int rules_set(struct rules *rules, const char *text, size_t length_bytes,
	      bool all, struct text *notes, struct errmsg *reterr_why)
{
	struct draft fresh = {0};
	int r = draft_parse(&fresh, text, length_bytes, rules, reterr_why);
	if (r == 0)
		r = apply(rules, &fresh, all, reterr_why);
	if (r == 0)
		write_notes(rules, &fresh, notes);
	draft_done(&fresh);
	return r;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int rules_set_one(struct rules *rules, const char *name, const char *terms,
		  size_t length_bytes, struct errmsg *reterr_why)
{
	const struct rule_setting setting = setting_of(rules);
	const struct rule_source left = {name, 0, strlen(name)};
	struct rule_source right = {terms, 0, length_bytes};
	struct draft fresh = {0};
	struct rule *rule;
	while (right.begin < right.end && is_blank(terms[right.begin]))
		right.begin++;
	while (right.end > right.begin && is_blank(terms[right.end - 1]))
		right.end--;
	int r = rule_parse(&left, &right, &setting, &rule, reterr_why);
	if (r == 0)
		r = draft_add(&fresh, rule);
	if (r == 0)
		r = apply(rules, &fresh, false, reterr_why);
	draft_done(&fresh);
	return r;
}

static int refuse_name(const struct draft *draft,
		       const struct rule_source *name,
		       struct errmsg *reterr_why)
{
	const char *bytes = name->string + name->begin;
	size_t length = name->end - name->begin;
	char word[NEAREST_WORD_MAX + 1] = "";
	char hint[NEAREST_HINT_MAX];
	char shown[EXCERPT_MAX];
	struct nearest nearest;
	if (length <= NEAREST_WORD_MAX)
		memcpy(word, bytes, length);
	nearest_init(&nearest, word);
	for (size_t i = 0; i < draft->count; i++)
		nearest_offer(&nearest, rule_name(draft->list[i]));
	nearest_hint(&nearest, hint);
	errmsg_set(reterr_why, "offset %zu: there is no rule '%s'%s",
		   name->begin, excerpt_of(bytes, length, shown),
		   hint[0] ? hint : "; list shows the rules");
	return -ENOENT;
}

static int draft_remove(struct draft *draft, const struct rule_source *name,
			struct errmsg *reterr_why)
{
	struct text normal;
	size_t place = 0;
	text_init(&normal);
	int r = rule_parse_name(name, &normal, reterr_why);
	while (r == 0 && place < draft->count &&
	       !rules_table_same(draft->list[place], normal.data))
		place++;
	text_done(&normal);
	if (r < 0)
		return r;
	if (place == draft->count)
		return refuse_name(draft, name, reterr_why);
	rule_unref(draft->list[place]);
	draft->count--;
	memmove(draft->list + place, draft->list + place + 1,
		(draft->count - place) * sizeof(struct rule *));
	return 0;
}

int rules_remove(struct rules *rules, const char *names, size_t length_bytes,
		 struct errmsg *reterr_why)
{
	struct rules_text_cursor cursor = {0};
	struct rule_source name;
	struct draft draft = {0};
	size_t removed = 0;
	pthread_mutex_lock(&rules->change_lock);
	int r = draft_copy(&draft, rules->table);
	if (r < 0)
		errmsg_set(reterr_why, "not enough memory for the rules");
	while (r == 0 &&
	       rules_text_next_name(names, length_bytes, &cursor, &name) > 0) {
		size_t begin = name.begin;
		r = draft_remove(&draft, &name, reterr_why);
		removed++;
		if (r < 0 &&
		    (removed > 1 || rules_text_next_name(names, length_bytes,
							 &cursor, &name) > 0))
			tell_which(reterr_why, removed, begin);
	}
	if (r == 0 && removed == 0) {
		errmsg_set(reterr_why,
			   "the name of a rule is missing; list shows them");
		r = -EINVAL;
	}
	if (r == 0)
		r = put_in_force(rules, &draft, "remove", reterr_why);
	else
		draft_done(&draft);
	pthread_mutex_unlock(&rules->change_lock);
	return r;
}

/* NULL if there was nothing, else the old table with the reference to it. */
static struct rules_table *clear(struct rules *rules)
{
	if (rules_table_count(rules->table) == 0)
		return NULL;
	rules_table_ref(rules->nothing);
	struct rules_table *before = replace(rules, rules->nothing);
	log_change(rules, "clear");
	return before;
}

size_t rules_clear(struct rules *rules)
{
	pthread_mutex_lock(&rules->change_lock);
	struct rules_table *before = clear(rules);
	pthread_mutex_unlock(&rules->change_lock);
	size_t count = before == NULL ? 0 : rules_table_count(before);
	rules_table_unref(before);
	return count;
}

struct rules_saved *rules_clear_saved(struct rules *rules)
{
	pthread_mutex_lock(&rules->change_lock);
	/* One pointer is all there is to save, so nothing can fail. */
	struct rules_table *before = clear(rules);
	pthread_mutex_unlock(&rules->change_lock);
	return (struct rules_saved *)before;
}

void rules_restore(struct rules *rules, struct rules_saved *saved)
{
	struct rules_table *table = (struct rules_table *)saved;
	if (table == NULL)
		return;
	pthread_mutex_lock(&rules->change_lock);
	if (rules->table == rules->nothing) {
		rules_table_unref(replace(rules, table));
		log_change(rules, "restore");
		table = NULL;
	}
	pthread_mutex_unlock(&rules->change_lock);
	rules_table_unref(table);
}

void rules_saved_free(struct rules_saved *saved)
{
	rules_table_unref((struct rules_table *)saved);
}
