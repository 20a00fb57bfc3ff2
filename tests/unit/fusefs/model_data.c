/* SPDX-License-Identifier: MIT */
/* Steps on data, and on what else a file has. */
#include <errno.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <cmocka.h>

#include "fusefs/attrs.h"
#include "fusefs/commit.h"
#include "fusefs/data.h"
#include "fusefs/inode.h"
#include "fusefs/profile.h"
#include "fusefs/tail.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"
#include "tests/unit/fusefs/model.h"

static bool has_attributes(const struct twin_node *node)
{
	return S_ISREG(node->mode) || model_is_directory(node);
}

void model_check_content(struct model *model, struct twin_node *node)
{
	static uint8_t back[TWIN_BYTES + 1];
	struct stat st;

	struct inode *inode = model_inode(model, node);
	inode_stat(inode, &st);
	model_expect("size", st.st_size, node->size);
	model_expect("link count", (int64_t)st.st_nlink,
		     (int64_t)twin_links(node));
	model_expect("read",
		     data_read(model->volume, inode, back, sizeof(back), 0),
		     node->size);
	for (int64_t i = 0; i < node->size; i++)
		if (back[i] != node->bytes[i])
			fail_msg("byte %lld: %d, not %d", (long long)i, back[i],
				 node->bytes[i]);
}

int64_t model_random_offset(struct model *model, const struct twin_node *node,
			    uint32_t limit)
{
	uint32_t where = model_below(model, 8);

	if (where < 2 && node->size < limit)
		return node->size;
	if (where < 4)
		return model_below(model, limit / 4096) * 4096;
	if (where < 5)
		return model_below(model, limit / 1024) * 1024;
	return model_below(model, seed_once_in(&model->seed, 3) ? limit : 3000);
}

int64_t model_random_length(struct model *model, int64_t room)
{
	static const uint32_t most[] = {10, 100, 1024, 5000, 20000};
	uint32_t limit = most[model_below(model, 5)];
	int64_t length = 1 + model_below(model, limit);

	if (seed_once_in(&model->seed, 3))
		length = (1 + model_below(model, 3)) * 4096;
	return length < room ? length : room;
}

void model_write(struct model *model, struct twin_node *node, int64_t offset,
		 int64_t length)
{
	static uint8_t data[TWIN_BYTES];
	uint8_t byte = (uint8_t)model_below(model, 256);

	for (int64_t i = 0; i < length; i++)
		data[i] = (uint8_t)(byte + i / 7);
	const struct data_write write = {
		.data = data,
		.size_bytes = (size_t)length,
		.offset_bytes = offset,
	};
	model_trace(model, "write %d %lld+%lld", model_id(model, node),
		    (long long)offset, (long long)length);
	model_expect(
		"write",
		data_write(model->volume, model_inode(model, node), &write), 0);
	twin_write(node, offset, data, (size_t)length);
	node->changed = true;
}

void model_step_write(struct model *model)
{
	struct twin_node *node = model_choose(model, model_is_file);

	if (node == NULL)
		return;
	int64_t offset = model_random_offset(model, node, TWIN_BYTES - 1);
	if (seed_once_in(&model->seed, 4))
		data_learn_blocks(model->volume, model_inode(model, node));
	model_write(model, node, offset,
		    model_random_length(model, TWIN_BYTES - offset));
	model_check_content(model, node);
}

/* The last close of a description. */
static void close_file(struct model *model, struct twin_node *node)
{
	struct inode *inode = model_inode(model, node);

	model_trace(model, "close %d", model_id(model, node));
	if (inode->truncated &&
	    profile_pushes_on_close(model->volume->profile)) {
		inode->truncated = false;
		commit_push(model->volume, inode, NULL, true);
		model_pushed(model);
	}
}

void model_step_truncate(struct model *model)
{
	struct twin_node *node = model_choose(model, model_is_file);

	if (node == NULL)
		return;
	int64_t size = seed_once_in(&model->seed, 3)
			       ? 0
			       : model_random_offset(model, node, TWIN_BYTES);
	model_trace(model, "truncate %d %lld", model_id(model, node),
		    (long long)size);
	model_expect(
		"truncate",
		tail_truncate(model->volume, model_inode(model, node), size),
		0);
	if (profile_writes_tail(model->volume->profile))
		model_pushed(model);
	twin_truncate(node, size);
	node->changed = true;
	if (seed_once_in(&model->seed, 2))
		model_write(model, node, 0, model_random_length(model, 20000));
	if (seed_once_in(&model->seed, 2))
		close_file(model, node);
	model_check_content(model, node);
}

static int allocate_in_twin(struct model *model, struct twin_node *node,
			    int mode, int64_t offset, int64_t length)
{
	int block = profile_block_bytes(model->volume->profile);
	bool keep = mode & FALLOC_FL_KEEP_SIZE;
	int64_t end = offset + length;
	bool aligned = offset % block == 0 && length % block == 0;

	if (mode & FALLOC_FL_COLLAPSE_RANGE) {
		if (!aligned || end >= node->size)
			return -EINVAL;
		twin_collapse(node, offset, length);
		return 0;
	}
	if (mode & FALLOC_FL_INSERT_RANGE) {
		if (!aligned || offset >= node->size)
			return -EINVAL;
		twin_insert(node, offset, length);
		return 0;
	}
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		twin_zero(node, offset, length);
	if (!keep && end > node->size)
		twin_truncate(node, end);
	return 0;
}

void model_step_allocate(struct model *model)
{
	static const int modes[] = {
		0,
		FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_COLLAPSE_RANGE,
		FALLOC_FL_INSERT_RANGE,
	};
	int mode = modes[model_below(model, sizeof(modes) / sizeof(modes[0]))];
	struct twin_node *node = model_choose(model, model_is_file);

	if (node == NULL)
		return;
	int64_t offset = model_random_offset(model, node, TWIN_BYTES / 2);
	int64_t length = model_random_length(model, TWIN_BYTES / 4);
	if (mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) {
		uint32_t unit = seed_once_in(&model->seed, 2) ? 4096 : 1024;
		offset = offset / unit * unit;
		length = (length + unit - 1) / unit * unit;
	}
	if (mode & FALLOC_FL_INSERT_RANGE && node->size + length > TWIN_BYTES)
		return;
	/* The store moves what it has, which is not what is shown once some of
	 * it was dropped. */
	if (mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE) &&
	    (model->tainted || model->mode != MODE_ALLOW_WRITES))
		return;
	model_trace(model, "fallocate %d mode %d %lld+%lld",
		    model_id(model, node), mode, (long long)offset,
		    (long long)length);
	/* Behind the end there is nothing to punch. */
	bool changes = !(mode & FALLOC_FL_PUNCH_HOLE) || offset < node->size;
	int r = tail_allocate(model->volume, model_inode(model, node), mode,
			      offset, length);
	model_expect("fallocate", r,
		     allocate_in_twin(model, node, mode, offset, length));
	node->changed |= r == 0 && changes;
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) ||
	    profile_writes_tail(model->volume->profile))
		model_pushed(model);
	model_check_content(model, node);
}

void model_step_read(struct model *model)
{
	struct twin_node *node = model_choose(model, model_is_file);
	uint8_t back[2000];

	if (node == NULL)
		return;
	int64_t offset = model_random_offset(model, node, TWIN_BYTES);
	int64_t length = 1 + model_below(model, sizeof(back));
	int64_t want = node->size - offset;
	if (want > length)
		want = length;
	ssize_t n = data_read(model->volume, model_inode(model, node), back,
			      (size_t)length, offset);
	model_expect("read", n, want > 0 ? want : 0);
	if (n > 0)
		assert_memory_equal(back, node->bytes + offset, (size_t)n);
}

/* What is called a hole reads as zeros, and the two modes alternate. */
void model_step_seek(struct model *model)
{
	struct twin_node *node = model_choose(model, model_is_file);

	if (node == NULL)
		return;
	struct inode *inode = model_inode(model, node);
	model_expect("seek behind the end",
		     data_seek(model->volume, inode, node->size, false),
		     -ENXIO);
	for (int64_t offset = 0; offset < node->size;) {
		int64_t data = data_seek(model->volume, inode, offset, false);
		if (data == -ENXIO)
			data = node->size;
		assert_in_range(data, offset, node->size);
		for (int64_t i = offset; i < data; i++)
			model_expect("byte of a hole", node->bytes[i], 0);
		if (data == node->size)
			break;
		offset = data_seek(model->volume, inode, data, true);
		assert_in_range(offset, data + 1, node->size);
	}
}

/* Attributes */

void model_step_xattr(struct model *model)
{
	struct twin_node *node = model_choose(model, has_attributes);
	uint32_t which = model_below(model, TWIN_XATTRS);

	if (node == NULL || !model->xattrs)
		return;
	char *held = node->xattrs[which];
	model_trace(model, "xattr %s of %d", twin_xattrs[which],
		    model_id(model, node));
	struct inode *inode = model_inode(model, node);
	if (seed_once_in(&model->seed, 4)) {
		model_trace(model, "is removed");
		model_expect(
			"removexattr",
			xattrs_remove(model->volume, inode, twin_xattrs[which]),
			*held ? 0 : -ENODATA);
		node->changed |= *held != '\0';
		*held = '\0';
		return;
	}
	static const int kinds[] = {0, 0, XATTR_CREATE, XATTR_REPLACE};
	int flags = kinds[model_below(model, 4)];
	char value[TWIN_VALUE_BYTES];
	int length = snprintf(value, sizeof(value), "%u",
			      model_below(model, 100000));
	int want = 0;
	if (flags == XATTR_CREATE && *held)
		want = -EEXIST;
	if (flags == XATTR_REPLACE && !*held)
		want = -ENODATA;
	model_expect("setxattr",
		     xattrs_set(model->volume, inode, twin_xattrs[which], value,
				(size_t)length, flags),
		     want);
	if (want == 0) {
		memcpy(held, value, sizeof(value));
		node->changed = true;
	}
	char back[TWIN_VALUE_BYTES] = "";
	ssize_t n = xattrs_get(model->volume, inode, twin_xattrs[which], back,
			       sizeof(back));
	model_expect("getxattr", n, *held ? (int64_t)strlen(held) : -ENODATA);
	assert_memory_equal(back, held, strlen(held));
}

void model_step_attributes(struct model *model)
{
	struct twin_node *node = model_choose(model, has_attributes);

	if (node == NULL || node == &model->twin.nodes[0])
		return;
	struct stat st = {.st_mode = 0700 | model_below(model, 0100),
			  .st_mtim = {.tv_sec = model_below(model, 1000000)}};
	int set = seed_once_in(&model->seed, 2) ? ATTRS_MODE : ATTRS_MTIME;
	struct inode *inode = model_inode(model, node);
	model_trace(model, "attributes %d of %d", set, model_id(model, node));
	model_expect("attributes", attrs_set(model->volume, inode, set, &st),
		     0);
	if (set == ATTRS_MODE)
		node->mode = (node->mode & S_IFMT) | st.st_mode;
	node->changed = true;
	struct stat back;
	inode_stat(inode, &back);
	model_expect("mode", back.st_mode, node->mode);
	if (set == ATTRS_MTIME)
		model_expect("mtime", back.st_mtim.tv_sec, st.st_mtim.tv_sec);
}
