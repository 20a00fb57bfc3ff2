/* SPDX-License-Identifier: MIT */
#include "tests/unit/fusefs/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "fusefs/names.h"
#include "fusefs/volume.h"

uint32_t model_below(struct model *model, uint32_t limit)
{
	return seed_below(&model->seed, limit);
}

void model_expect(const char *what, int64_t got, int64_t want)
{
	if (got != want)
		fail_msg("%s: %lld, not %lld", what, (long long)got,
			 (long long)want);
}

void model_trace(const struct model *model, const char *format, ...)
{
	va_list list;

	if (!model->trace)
		return;
	printf("# %lu: ", model->number);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	(void)fflush(stdout);
}

int model_id(const struct model *model, const struct twin_node *node)
{
	return node == NULL ? -1 : (int)(node - model->twin.nodes);
}

bool model_is_file(const struct twin_node *node)
{
	return S_ISREG(node->mode);
}

bool model_is_directory(const struct twin_node *node)
{
	return S_ISDIR(node->mode) && node->names > 0;
}

struct twin_node *model_choose(struct model *model, model_choice_fn *fits)
{
	uint32_t start = model_below(model, TWIN_NODES);

	for (uint32_t i = 0; i < TWIN_NODES; i++) {
		struct twin_node *node =
			&model->twin.nodes[(start + i) % TWIN_NODES];
		if (fits(node))
			return node;
	}
	return NULL;
}

struct inode *model_inode(struct model *model, struct twin_node *node)
{
	struct twin_node *chain[TWIN_DEPTH + 2];
	int count = 0;

	while (node->inode == NULL) {
		assert_in_range(count, 0, TWIN_DEPTH + 1);
		chain[count++] = node;
		node = twin_place_of(&model->twin, node).directory;
		assert_non_null(node);
	}
	while (count > 0) {
		struct twin_node *child = chain[--count];
		struct twin_place place = twin_place_of(&model->twin, child);
		model_expect("lookup",
			     names_lookup(model->volume, node->inode,
					  twin_names[place.name],
					  &child->inode),
			     0);
		child->lookups = 1;
		node = child;
	}
	return node->inode;
}

void model_forget(struct model *model, struct twin_node *node)
{
	if (node->lookups > 0)
		names_forget(model->volume, node->inode, node->lookups);
	node->lookups = 0;
	node->inode = NULL;
	twin_release(&model->twin, node);
}

void model_look_at_store(struct model *model)
{
	image_done(&model->stored);
	image_done(&model->names);
	image_of_store(&model->stored, model->sandbox.store, model->parts);
	image_of_store(&model->names, model->sandbox.store,
		       model->parts & ~IMAGE_CONTENT);
	model->stale = false;
}

void model_check_store(struct model *model, const char *what)
{
	int parts = model->parts;
	struct image stored;

	if (model->stale)
		parts &= ~IMAGE_CONTENT;
	image_of_store(&stored, model->sandbox.store, parts);
	image_expect_equal(&stored,
			   model->stale ? &model->names : &model->stored, what);
	image_done(&stored);
	if (model->stale)
		model_look_at_store(model);
}

void model_pushed(struct model *model)
{
	if (model->mode == MODE_ALLOW_WRITES)
		model->stale = true;
	else
		model->tainted = true; /* pages are clean that never arrived */
}
