/* SPDX-License-Identifier: MIT */
#include "tests/unit/failpoints/pointtable.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/errmsg.h"
#include "failpoints/terms_multi.h"

static struct pointtable_row *find(struct pointtable *table, const char *name,
				   size_t length)
{
	for (size_t i = 0; i < table->count; i++) {
		struct pointtable_row *row = &table->rows[i];

		if (strlen(row->point.name) == length &&
		    memcmp(row->point.name, name, length) == 0)
			return row;
	}
	return NULL;
}

static int next_result(struct pointtable *table)
{
	int r = table->next;

	table->next = 0;
	return r;
}

static int visit(void *data, const char *name, http_host_visitor *visitor,
		 void *context)
{
	struct pointtable *table = data;
	int r = next_result(table);

	if (r < 0)
		return r;
	for (size_t i = 0; i < table->count; i++)
		if (!name || strcmp(table->rows[i].point.name, name) == 0) {
			visitor(context, &table->rows[i].point);
			r = 1;
		}
	return !name || r ? 0 : -ENOENT;
}

static int check(struct pointtable *table, const char *name, size_t name_bytes,
		 const char *terms, size_t length, struct errmsg *reterr_why)
{
	const struct pointtable_row *row = find(table, name, name_bytes);

	if (!row || row->point.pending) {
		errmsg_set(reterr_why, "no point '%.*s'", (int)name_bytes,
			   name);
		return -ENOENT;
	}
	if (length == 0 || length >= POINTTABLE_TERMS_MAX ||
	    strncmp(terms, "bad", length < 3 ? length : 3) == 0) {
		errmsg_set(reterr_why, "offset 0: these are no terms");
		return -EINVAL;
	}
	return 0;
}

static void set(struct pointtable *table, const char *name, size_t name_bytes,
		const char *terms, size_t length)
{
	struct pointtable_row *row = find(table, name, name_bytes);

	memcpy(row->terms, terms, length);
	row->terms[length] = '\0';
	row->point.terms = row->terms;
	row->point.fired = 0;
	row->point.hits = 0;
}

static int enable(void *data, const char *name, const char *terms,
		  size_t length_bytes, struct errmsg *reterr_why)
{
	struct pointtable *table = data;
	int r = next_result(table);

	if (r == 0)
		r = check(table, name, strlen(name), terms, length_bytes,
			  reterr_why);
	if (r == 0)
		set(table, name, strlen(name), terms, length_bytes);
	return r;
}

static int enable_each(struct pointtable *table, const char *list,
		       size_t length_bytes, bool really,
		       struct errmsg *reterr_why)
{
	struct terms_multi_entry entry;
	size_t cursor = 0;
	int r;

	while (terms_multi_next(list, length_bytes, &cursor, &entry, NULL) >
	       0) {
		r = check(table, entry.name, entry.name_length_bytes,
			  entry.terms, entry.terms_length_bytes, reterr_why);
		if (r < 0)
			return r;
		if (really)
			set(table, entry.name, entry.name_length_bytes,
			    entry.terms, entry.terms_length_bytes);
	}
	return 0;
}

static int enable_all(void *data, const char *list, size_t length_bytes,
		      struct errmsg *reterr_why)
{
	struct pointtable *table = data;
	int r = next_result(table);

	if (r == 0)
		r = enable_each(table, list, length_bytes, false, reterr_why);
	if (r == 0)
		r = enable_each(table, list, length_bytes, true, reterr_why);
	return r;
}

static int disable(void *data, const char *name)
{
	struct pointtable *table = data;
	struct pointtable_row *row = find(table, name, strlen(name));

	if (!row)
		return -ENOENT;
	if (!row->point.terms)
		return -EALREADY;
	row->point.terms = NULL;
	return 0;
}

static void disable_all(void *data)
{
	struct pointtable *table = data;

	for (size_t i = 0; i < table->count; i++)
		table->rows[i].point.terms = NULL;
}

static void hold_deaths(void *data)
{
	struct pointtable *table = data;

	table->held++;
	if (table->held > table->held_max)
		table->held_max = table->held;
}

static void release_deaths(void *data)
{
	struct pointtable *table = data;

	table->held--;
}

void pointtable_init(struct pointtable *table, struct pointtable_row *rows,
		     size_t count)
{
	*table = (struct pointtable){
		.rows = rows,
		.count = count,
		.host =
			{
				.visit = visit,
				.enable = enable,
				.enable_all = enable_all,
				.disable = disable,
				.disable_all = disable_all,
				.hold_deaths = hold_deaths,
				.release_deaths = release_deaths,
				.data = table,
			},
	};
	for (size_t i = 0; i < count; i++)
		if (rows[i].terms[0])
			rows[i].point.terms = rows[i].terms;
}
