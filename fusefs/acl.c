/* SPDX-License-Identifier: MIT */
#include "fusefs/acl.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES sizeof(struct posix_acl_xattr_header)
#define ENTRY_BYTES sizeof(struct posix_acl_xattr_entry)
#define PERMISSIONS 7

struct entry {
	uint16_t tag;
	uint16_t permissions;
	uint32_t id;
};

static struct entry read_entry(const unsigned char *at)
{
	struct posix_acl_xattr_entry raw;
	memcpy(&raw, at, sizeof(raw));
	return (struct entry){
		.tag = le16toh(raw.e_tag),
		.permissions = le16toh(raw.e_perm),
		.id = le32toh(raw.e_id),
	};
}

static void write_permissions(unsigned char *at, unsigned int permissions)
{
	uint16_t raw = htole16((uint16_t)permissions);
	memcpy(at + offsetof(struct posix_acl_xattr_entry, e_perm), &raw,
	       sizeof(raw));
}

static bool is_named(const struct entry *entry)
{
	return entry->tag == ACL_USER || entry->tag == ACL_GROUP;
}

/* Entries come in the order of their tags, which are bits of rising value. */
struct order {
	uint16_t last;
	bool named;
	bool mask;
};

static bool may_follow(struct order *order, const struct entry *entry)
{
	bool valid = entry->permissions <= PERMISSIONS;
	switch (entry->tag) {
	case ACL_USER_OBJ:
		valid = valid && order->last == 0;
		break;
	case ACL_USER:
		valid = valid && (order->last == ACL_USER_OBJ ||
				  order->last == ACL_USER);
		break;
	case ACL_GROUP_OBJ:
		valid = valid && (order->last == ACL_USER_OBJ ||
				  order->last == ACL_USER);
		break;
	case ACL_GROUP:
		valid = valid && (order->last == ACL_GROUP_OBJ ||
				  order->last == ACL_GROUP);
		break;
	case ACL_MASK:
		valid = valid && (order->last == ACL_GROUP_OBJ ||
				  order->last == ACL_GROUP);
		order->mask = true;
		break;
	case ACL_OTHER:
		valid = valid && (order->last == ACL_MASK ||
				  ((order->last == ACL_GROUP_OBJ ||
				    order->last == ACL_GROUP) &&
				   !order->named));
		break;
	default:
		valid = false;
		break;
	}
	if (is_named(entry)) {
		order->named = true;
		valid = valid && entry->id != (uint32_t)ACL_UNDEFINED_ID;
	}
	order->last = entry->tag;
	return valid;
}

int acl_check(const void *value, size_t size)
{
	if (size == 0)
		return 1;
	struct posix_acl_xattr_header header;
	if (size < HEADER_BYTES)
		return -EINVAL;
	memcpy(&header, value, HEADER_BYTES);
	if (le32toh(header.a_version) != POSIX_ACL_XATTR_VERSION)
		return -EOPNOTSUPP;
	if ((size - HEADER_BYTES) % ENTRY_BYTES != 0)
		return -EINVAL;
	if (size == HEADER_BYTES)
		return 1;
	const unsigned char *bytes = value;
	struct order order = {0};
	for (size_t at = HEADER_BYTES; at < size; at += ENTRY_BYTES) {
		struct entry entry = read_entry(bytes + at);
		if (!may_follow(&order, &entry))
			return -EINVAL;
	}
	return order.last == ACL_OTHER ? 0 : -EINVAL;
}

struct acl *acl_new(const void *value, size_t size)
{
	struct acl *acl = malloc(sizeof(*acl) + size);
	if (acl == NULL)
		return NULL;
	acl->size_bytes = size;
	if (size > 0)
		memcpy(acl->bytes, value, size);
	return acl;
}

bool acl_equal(const struct acl *a, const struct acl *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->size_bytes == b->size_bytes &&
	       memcmp(a->bytes, b->bytes, a->size_bytes) == 0;
}

/* The entry of that tag, NULL if there is none. */
static unsigned char *find(struct acl *acl, uint16_t tag)
{
	for (size_t at = HEADER_BYTES; at + ENTRY_BYTES <= acl->size_bytes;
	     at += ENTRY_BYTES)
		if (read_entry(acl->bytes + at).tag == tag)
			return acl->bytes + at;
	return NULL;
}

/* The entry that the group bits of the mode stand for. */
static unsigned char *find_group_class(struct acl *acl)
{
	unsigned char *mask = find(acl, ACL_MASK);
	return mask != NULL ? mask : find(acl, ACL_GROUP_OBJ);
}

bool acl_is_minimal(const struct acl *acl)
{
	return acl->size_bytes == HEADER_BYTES + 3 * ENTRY_BYTES;
}

mode_t acl_mode(const struct acl *acl)
{
	struct acl *readable = (struct acl *)acl;
	mode_t owner = read_entry(find(readable, ACL_USER_OBJ)).permissions;
	mode_t group = read_entry(find_group_class(readable)).permissions;
	mode_t others = read_entry(find(readable, ACL_OTHER)).permissions;
	return owner << 6 | group << 3 | others;
}

void acl_set_mode(struct acl *acl, mode_t mode)
{
	write_permissions(find(acl, ACL_USER_OBJ), mode >> 6 & PERMISSIONS);
	write_permissions(find_group_class(acl), mode >> 3 & PERMISSIONS);
	write_permissions(find(acl, ACL_OTHER), mode & PERMISSIONS);
}

mode_t acl_inherit(struct acl *acl, mode_t mode)
{
	mode &= ~(mode_t)0777 | acl_mode(acl);
	acl_set_mode(acl, mode);
	return mode;
}

static bool is_member(const struct acl_asker *asker, gid_t group)
{
	for (size_t i = 0; i < asker->group_count; i++)
		if (asker->groups[i] == group)
			return true;
	return false;
}

/* Any of the asker's groups grants it; not all together. */
static bool group_permits(const struct acl *acl, mode_t mask,
			  const struct acl_asker *asker, mode_t wanted,
			  bool *ret_found)
{
	*ret_found = false;
	for (size_t at = HEADER_BYTES; at + ENTRY_BYTES <= acl->size_bytes;
	     at += ENTRY_BYTES) {
		struct entry entry = read_entry(acl->bytes + at);
		bool fits =
			(entry.tag == ACL_GROUP_OBJ &&
			 is_member(asker, asker->group)) ||
			(entry.tag == ACL_GROUP && is_member(asker, entry.id));
		if (!fits)
			continue;
		*ret_found = true;
		if ((entry.permissions & mask & wanted) == wanted)
			return true;
	}
	return false;
}

static bool is_named_user(const struct acl *acl, uid_t uid,
			  mode_t *ret_permissions)
{
	for (size_t at = HEADER_BYTES; at + ENTRY_BYTES <= acl->size_bytes;
	     at += ENTRY_BYTES) {
		struct entry entry = read_entry(acl->bytes + at);
		if (entry.tag != ACL_USER || entry.id != uid)
			continue;
		*ret_permissions = entry.permissions;
		return true;
	}
	return false;
}

bool acl_permits(const struct acl *acl, mode_t mode,
		 const struct acl_asker *asker, mode_t wanted)
{
	mode_t class = mode >> 3 & PERMISSIONS;
	mode_t named;
	bool found;
	if (asker->uid == asker->owner)
		return (mode >> 6 & wanted) == wanted;
	/* As Linux has it: a mask of nothing is no list. */
	if (class == 0)
		acl = NULL;
	if (acl != NULL && is_named_user(acl, asker->uid, &named))
		return (named & class & wanted) == wanted;
	if (acl != NULL && !acl_is_minimal(acl)) {
		if (group_permits(acl, class, asker, wanted, &found))
			return true;
	} else {
		found = is_member(asker, asker->group);
		if (found)
			return (class & wanted) == wanted;
	}
	return !found && (mode & wanted) == wanted;
}

void acl_drop_unmapped(struct acl *acl)
{
	size_t to = HEADER_BYTES;
	for (size_t at = HEADER_BYTES; at + ENTRY_BYTES <= acl->size_bytes;
	     at += ENTRY_BYTES) {
		struct entry entry = read_entry(acl->bytes + at);
		if (is_named(&entry) && entry.id == (uint32_t)ACL_UNDEFINED_ID)
			continue;
		memmove(acl->bytes + to, acl->bytes + at, ENTRY_BYTES);
		to += ENTRY_BYTES;
	}
	if (acl->size_bytes > HEADER_BYTES)
		acl->size_bytes = to;
}
