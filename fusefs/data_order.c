/* SPDX-License-Identifier: MIT */
/* What goes out with more than was asked for. data=ordered: bytes that the next commit
 * of names writes out, where they have blocks then. */
#include "fusefs/data.h"
#include "fusefs/extents.h"
#include "fusefs/inode.h"
#include "fusefs/profile.h"
#include "fusefs/volume.h"

void data_order_bytes(struct volume *volume, struct inode *inode, int64_t from,
		      int64_t to)
{
	struct inode_written *written = inode->written;
	bool fresh = written->ordered_to == 0;
	if (fresh || from < written->ordered_from)
		written->ordered_from = from;
	if (to > written->ordered_to)
		written->ordered_to = to;
	pthread_mutex_lock(&volume->times_lock);
	if (fresh)
		list_append(&volume->ordered, &written->ordered_link);
	pthread_mutex_unlock(&volume->times_lock);
}

void data_order_direct(struct volume *volume, struct inode *inode, int64_t from,
		       int64_t to)
{
	int64_t block = profile_block_bytes(volume->profile);
	int64_t edge = (inode->size_bytes + block - 1) / block * block;

	if (from < edge)
		from = edge;
	if (from < to && profile_orders_zeroed_blocks(volume->profile))
		data_order_bytes(volume, inode, from, to);
}

void data_order(struct volume *volume, struct inode *inode, int64_t offset)
{
	int64_t block = profile_block_bytes(volume->profile);
	int64_t begin = offset / block * block;
	const struct extent *extent = extents_at(inode->extents, begin);
	bool dirty = extent != NULL && extent->state == EXTENT_DIRTY &&
		     extent->offset_bytes < begin + block;
	if (offset == begin || !profile_orders_zeroed_blocks(volume->profile) ||
	    (!dirty && !data_is_allocated(volume, inode, -1, begin)))
		return;
	data_order_bytes(volume, inode, begin, begin + block);
}

int64_t data_gap_end(struct volume *volume, struct inode *inode, int64_t offset)
{
	int64_t block = profile_block_bytes(volume->profile);
	int64_t end = inode->size_bytes;
	int64_t begin = end / block * block;
	const struct extent *extent = extents_at(inode->extents, begin);
	bool dirty = extent != NULL && extent->state == EXTENT_DIRTY &&
		     extent->offset_bytes < end;

	if (offset <= end || end == begin ||
	    !profile_writes_tail(volume->profile) ||
	    (!dirty && !data_is_allocated(volume, inode, -1, begin)))
		return end;
	return offset < begin + block ? offset : begin + block;
}
