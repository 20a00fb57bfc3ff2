/* SPDX-License-Identifier: MIT */
/*
 * A request of the kernel as the fault rules see it: which point it is at, what
 * it is about and who asks. Read from the bytes that came, so that it can be
 * delayed, refused or changed before libfuse or a handler has heard of it.
 */
#ifndef FLAKEY_FUSEFS_FAULT_REQUEST_H
#define FLAKEY_FUSEFS_FAULT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fusefs/dentry.h"
#include "rules/rule.h"

struct fuse_buf;
struct fusefs;

/* A name in a directory. */
struct fault_name {
	uint64_t parent; /* its node */
	char name[DENTRY_NAME_MAX + 1];
};

struct fault_request {
	struct rule_hit hit; /* its data is set by fault_request_hit() */
	struct fusefs *fusefs;
	uint64_t unique; /* the kernel's number of it */
	uint32_t opcode;
	bool written_back; /* pages, which no program waits for */
	/* What it is about: a node, or (0) a name. While the request is not
	 * answered, the kernel keeps the nodes. */
	uint64_t node;
	struct fault_name name;
	struct fault_name to;
};

/* False if it is at no point: not about files, or about the control files, or
 * needed to get to them. */
bool fault_request_read(struct fusefs *fusefs, const struct fuse_buf *buffer,
			struct fault_request *ret_request);

/* For rules_decide(): borrowed from the request, whose address is in it. */
const struct rule_hit *fault_request_hit(struct fault_request *request);

/* Whether it is an fsync of any kind. */
bool fault_request_syncs(const struct fault_request *request);

/* How many bytes a read or write has; 0 for others. */
size_t fault_request_bytes(const struct fault_request *request);

/* Makes a read or write one of fewer bytes, in the buffer too. All of its data is
 * in the buffer. */
void fault_request_shorten(struct fault_request *request,
			   struct fuse_buf *buffer, size_t size_bytes);

/* The data of a write, in the buffer. */
void *fault_request_data(struct fuse_buf *buffer);

/* The request that an INTERRUPT is about; 0 for any other request. */
uint64_t fault_request_interrupted(const struct fuse_buf *buffer);

#endif
