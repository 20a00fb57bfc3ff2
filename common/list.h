/* SPDX-License-Identifier: MIT */
/*
 * An intrusive, circular, doubly linked list. A head is a node that belongs to
 * no element; an element that is on no list points to itself, so that removal
 * twice is harmless.
 */
#ifndef FLAKEY_COMMON_LIST_H
#define FLAKEY_COMMON_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev;
	struct list *next;
};

#define list_entry(node, type, member)                                         \
	((type *)((char *)(node)-offsetof(type, member)))

/* Safe against removal of the current element, not of the next one. */
#define list_for_each(node, following, head)                                   \
	for (struct list *node = (head)->next, *following = (node)->next;      \
	     (node) != (head);                                                 \
	     (node) = (following), (following) = (node)->next)

static inline void list_init(struct list *node)
{
	node->prev = node;
	node->next = node;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

#endif
