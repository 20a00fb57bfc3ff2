/* SPDX-License-Identifier: MIT */
#include "fusefs/shutdown.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "fusefs/inode.h"
#include "fusefs/loop.h"
#include "fusefs/ops.h"
#include "fusefs/volume.h"

/* All that the kernel knows, for free(). NULL: out of memory. */
static uint64_t *list_nodes(struct volume *volume, size_t *ret_count)
{
	pthread_mutex_lock(&volume->lock);
	uint64_t *nodes = calloc(volume->inode_count + 1, sizeof(*nodes));
	size_t count = 0;
	for (size_t i = 0; nodes != NULL && i < volume->inode_slots; i++)
		for (const struct inode *inode = volume->inodes[i];
		     inode != NULL; inode = inode->hash_next)
			if (inode->nlookup > 0)
				nodes[count++] = inode_nodeid(volume, inode);
	pthread_mutex_unlock(&volume->lock);
	*ret_count = count;
	return nodes;
}

static void forget_all(struct fusefs *fusefs)
{
	size_t count;
	uint64_t *nodes = list_nodes(fusefs->volume, &count);
	if (nodes == NULL)
		log_warning("not enough memory to empty the kernel's caches:"
			    " some reads are still answered from them");
	for (size_t i = 0; nodes != NULL && i < count; i++)
		(void)fuse_lowlevel_notify_inval_inode(fusefs->session,
						       nodes[i], 0, 0);
	free(nodes);
}

void shutdown_tell(struct fusefs *fusefs, struct inode *inode)
{
	struct volume *volume = fusefs->volume;
	bool all = volume->shut_down_untold &&
		   atomic_exchange(&volume->shut_down_untold, false);
	bool stale = inode != NULL && atomic_load(&inode->pages_stale) &&
		     atomic_exchange(&inode->pages_stale, false);
	/* The kernel waits for requests that are under way. */
	if (all || stale)
		loop_step_aside(fusefs->loop);
	if (all)
		forget_all(fusefs);
	if (stale)
		(void)fuse_lowlevel_notify_inval_inode(
			fusefs->session, inode_nodeid(volume, inode), 0, 0);
}

/* Who walks to the control files asks for the root, and may it be entered? */
static bool leads_to_control(const struct fusefs *fusefs,
			     const struct fuse_buf *request)
{
	const struct fuse_in_header *header = request->mem;
	if (ops_is_control(header->nodeid))
		return true;
	if (header->nodeid != FUSE_ROOT_ID)
		return false;
	if (header->opcode == FUSE_GETATTR || header->opcode == FUSE_GETXATTR)
		return true;
	const char *name = (const char *)request->mem + sizeof(*header);
	return header->opcode == FUSE_LOOKUP && fusefs->control_name != NULL &&
	       strcmp(name, fusefs->control_name) == 0;
}

static bool is_refused(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_INIT:
	case FUSE_DESTROY:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
	case FUSE_NOTIFY_REPLY:
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FSYNCDIR: /* has nothing to write, and looks no further */
	case FUSE_STATFS:
		return false;
	default:
		return true;
	}
}

bool shutdown_refuses(struct fusefs *fusefs, const struct fuse_buf *request)
{
	const struct fuse_in_header *header = request->mem;
	if (!fusefs->volume->shut_down || !is_refused(header->opcode) ||
	    leads_to_control(fusefs, request))
		return false;
	const struct fuse_out_header reply = {
		.len = sizeof(reply),
		.error = -EIO,
		.unique = header->unique,
	};
	/* The kernel may have given the request up. */
	ssize_t n =
		write(fuse_session_fd(fusefs->session), &reply, sizeof(reply));
	(void)n;
	return true;
}
