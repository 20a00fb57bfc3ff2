/* SPDX-License-Identifier: MIT */
#include "fusefs/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "fusefs/abort.h"
#include "fusefs/acl.h"
#include "fusefs/inode.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"

enum kind {
	KIND_ACCESS,
	KIND_DEFAULT,
};

/* Of a list, about as much as any inode has room for. */
#define MANY_BYTES 200

static const char *const names[] = {ACL_ACCESS_NAME, ACL_DEFAULT_NAME};

static uint8_t bit_of(enum kind kind)
{
	return (uint8_t)(1u << kind);
}

static enum kind kind_of(const char *name)
{
	return strcmp(name, ACL_DEFAULT_NAME) == 0 ? KIND_DEFAULT : KIND_ACCESS;
}

bool access_is_list(const char *name)
{
	return strcmp(name, ACL_ACCESS_NAME) == 0 ||
	       strcmp(name, ACL_DEFAULT_NAME) == 0;
}

/* Where a record has the list; it is one of those that the record sets. */
static struct acl **choose_list(struct record_attributes *attributes,
				enum kind kind)
{
	attributes->set |=
		kind == KIND_ACCESS ? RECORD_ACCESS_LIST : RECORD_DEFAULT_LIST;
	return kind == KIND_ACCESS ? &attributes->access_list
				   : &attributes->default_list;
}

/* 0 if the inode can have lists at all. */
static int check_inode(const struct volume *volume, const struct inode *inode)
{
	return volume->has_lists && !S_ISLNK(inode->type) ? 0 : -EOPNOTSUPP;
}

/* The list as it was last set, owned by the caller, or NULL: what it says about
 * the mode may be of then. */
static int live_locked(struct volume *volume, struct inode *inode,
		       enum kind kind, struct acl **ret_acl)
{
	const void *value;
	size_t size;
	cleanup_free struct acl *acl = NULL;
	*ret_acl = NULL;
	if (inode->lists_absent & bit_of(kind))
		return 0;
	if (xattrs_find(inode, names[kind], &value, &size)) {
		if (value != NULL && (acl = acl_new(value, size)) == NULL)
			return -ENOMEM;
	} else if (inode->in_store) {
		int r = store_acl_get_locked(volume, inode, names[kind], &acl);
		if (r < 0)
			return r;
	}
	if (acl == NULL)
		inode->lists_absent |= bit_of(kind);
	*ret_acl = steal(acl);
	return 0;
}

ssize_t access_get(struct volume *volume, struct inode *inode, const char *name,
		   void *value, size_t size)
{
	enum kind kind = kind_of(name);
	int r = check_inode(volume, inode);
	if (r == 0 && inode->lists_absent & bit_of(kind))
		return -ENODATA;
	cleanup_free struct acl *acl = NULL;
	if (r == 0) {
		pthread_mutex_lock(&volume->lock);
		r = live_locked(volume, inode, kind, &acl);
		pthread_mutex_unlock(&volume->lock);
	}
	if (r == 0 && acl == NULL)
		r = -ENODATA;
	if (r < 0)
		return r;
	slimlock_read(&inode->lock);
	if (kind == KIND_ACCESS)
		acl_set_mode(acl, inode->mode);
	slimlock_unlock(&inode->lock);
	if (size > 0 && size < acl->size_bytes)
		return -ERANGE;
	if (size > 0)
		memcpy(value, acl->bytes, acl->size_bytes);
	return (ssize_t)acl->size_bytes;
}

bool access_permits(struct volume *volume, struct inode *inode,
		    const struct acl_asker *asker, mode_t wanted)
{
	cleanup_free struct acl *acl = NULL;
	int r = 0;
	if (check_inode(volume, inode) == 0) {
		pthread_mutex_lock(&volume->lock);
		r = live_locked(volume, inode, KIND_ACCESS, &acl);
		pthread_mutex_unlock(&volume->lock);
	}
	slimlock_read(&inode->lock);
	mode_t mode = inode->mode;
	slimlock_unlock(&inode->lock);
	return r == 0 && acl_permits(acl, mode, asker, wanted);
}

/* What a change means, before anything is touched. */
struct change {
	enum kind kind;
	mode_t mode; /* from now on */
	bool sets_mode;
	const struct acl *acl; /* from now on; NULL: none */
	bool sets_acl;
	void *value; /* for the inode */
	struct record *record;
};

static int prepare_record(struct inode *inode, struct change *change)
{
	change->record = journal_record_new(RECORD_ATTRIBUTES, inode);
	if (change->record == NULL)
		return -ENOMEM;
	struct record_attributes *attributes = &change->record->attributes;
	attributes->mode = change->mode;
	if (change->sets_mode)
		attributes->set |= RECORD_MODE;
	if (!change->sets_acl)
		return 0;
	struct acl **list = choose_list(attributes, change->kind);
	if (change->acl == NULL)
		return 0;
	*list = acl_new(change->acl->bytes, change->acl->size_bytes);
	return *list == NULL ? -ENOMEM : 0;
}

static int prepare(struct inode *inode, struct change *change)
{
	if (change->sets_acl && change->acl != NULL) {
		change->value = malloc(change->acl->size_bytes);
		if (change->value == NULL)
			return -ENOMEM;
		memcpy(change->value, change->acl->bytes,
		       change->acl->size_bytes);
	}
	/* A file without a name gets its record with its first name. */
	int r = inode_is_recorded(inode) ? prepare_record(inode, change) : 0;
	if (r == 0 && change->sets_acl)
		r = xattrs_put(inode, names[change->kind], change->value,
			       change->acl ? change->acl->size_bytes : 0);
	return r;
}

static int carry_out(struct volume *volume, struct inode *inode,
		     struct change *change)
{
	int r = prepare(inode, change);
	if (r < 0) {
		journal_record_discard(volume, change->record);
		free(change->value);
		return r;
	}
	if (change->sets_acl && change->acl != NULL)
		inode->lists_absent &= (uint8_t)~bit_of(change->kind);
	else if (change->sets_acl)
		inode->lists_absent |= bit_of(change->kind);
	inode->mode = change->mode;
	if (change->record != NULL)
		journal_append(&volume->journal, change->record);
	if (change->sets_acl)
		inode->log_anew = true;
	inode_touch(volume, inode, INODE_CHANGE_STATUS);
	return 0;
}

/* acl NULL: removed. */
static int set_locked(struct volume *volume, struct inode *inode,
		      enum kind kind, const struct acl *acl, bool clears_set_id)
{
	cleanup_free struct acl *old = NULL;
	int r = journal_has_room(&volume->journal);
	if (r == 0)
		r = live_locked(volume, inode, kind, &old);
	if (r == 0 && acl != NULL)
		r = xattrs_try_locked(volume, inode, names[kind], acl->bytes,
				      acl->size_bytes);
	if (r < 0 || (acl == NULL && old == NULL))
		return r;
	slimlock_write(&inode->lock);
	struct change change = {.kind = kind, .mode = inode->mode, .acl = acl};
	if (acl != NULL && kind == KIND_ACCESS) {
		change.sets_mode = true;
		change.mode = (inode->mode & ~(mode_t)0777) | acl_mode(acl);
		if (clears_set_id)
			change.mode &= ~(mode_t)S_ISGID;
		/* What a mode can say is kept as a mode. */
		if (acl_is_minimal(acl))
			change.acl = NULL;
	}
	change.sets_acl = change.acl != NULL || old != NULL;
	if (kind == KIND_ACCESS && old != NULL)
		acl_set_mode(old, inode->mode);
	/* To say it once more changes no time either. */
	if (change.mode != inode->mode || !acl_equal(change.acl, old))
		r = carry_out(volume, inode, &change);
	slimlock_unlock(&inode->lock);
	return r;
}

int access_set(struct volume *volume, struct inode *inode, const char *name,
	       const void *value, size_t size, bool clears_set_id)
{
	enum kind kind = kind_of(name);
	int r = check_inode(volume, inode);
	if (r == 0)
		r = abort_check(volume);
	if (r < 0)
		return r;
	int empty = acl_check(value, size);
	if (empty < 0)
		return empty;
	if (kind == KIND_DEFAULT && !inode_is_directory(inode))
		return empty ? 0 : -EACCES;
	cleanup_free struct acl *acl = NULL;
	if (!empty && (acl = acl_new(value, size)) == NULL)
		return -ENOMEM;
	pthread_mutex_lock(&volume->lock);
	r = set_locked(volume, inode, kind, acl, clears_set_id);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

int access_remove(struct volume *volume, struct inode *inode, const char *name)
{
	return access_set(volume, inode, name, NULL, 0, false);
}

/* A new inode has the list, too. */
static int give(struct inode *inode, enum kind kind, const struct acl *acl)
{
	void *value = malloc(acl->size_bytes);
	if (value == NULL)
		return -ENOMEM;
	memcpy(value, acl->bytes, acl->size_bytes);
	int r = xattrs_put(inode, names[kind], value, acl->size_bytes);
	if (r < 0)
		free(value);
	else
		inode->lists_absent &= (uint8_t)~bit_of(kind);
	return r;
}

int access_begin_locked(struct volume *volume, struct inode *directory,
			struct inode *inode, mode_t umask)
{
	inode->lists_absent = bit_of(KIND_ACCESS) | bit_of(KIND_DEFAULT);
	if (S_ISLNK(inode->type))
		return 0;
	cleanup_free struct acl *acl = NULL;
	int r = 0;
	if (volume->has_lists)
		r = live_locked(volume, directory, KIND_DEFAULT, &acl);
	if (r < 0)
		return r;
	if (acl == NULL) {
		inode->mode &= ~(umask & 0777);
		return 0;
	}
	if (inode_is_directory(inode))
		r = give(inode, KIND_DEFAULT, acl);
	inode->mode = acl_inherit(acl, inode->mode);
	if (r == 0 && !acl_is_minimal(acl))
		r = give(inode, KIND_ACCESS, acl);
	/* A directory has it twice, which may be more than it has room for. */
	if (r == 0 && acl->size_bytes > MANY_BYTES)
		r = xattrs_try_locked(volume, inode, ACL_ACCESS_NAME,
				      acl->bytes, acl->size_bytes);
	return r;
}

int access_describe(struct inode *inode, struct record_attributes *attributes)
{
	if (inode->xattrs == NULL)
		return 0;
	for (enum kind kind = KIND_ACCESS; kind <= KIND_DEFAULT; kind++) {
		const void *value;
		size_t size;
		if (!xattrs_find(inode, names[kind], &value, &size) ||
		    value == NULL)
			continue;
		struct acl *copy = acl_new(value, size);
		if (copy == NULL)
			return -ENOMEM;
		*choose_list(attributes, kind) = copy;
		xattrs_begin(inode, names[kind]);
	}
	return 0;
}

void access_settle(struct inode *inode,
		   const struct record_attributes *attributes)
{
	if (attributes->set & RECORD_ACCESS_LIST)
		xattrs_settle(inode, ACL_ACCESS_NAME);
	if (attributes->set & RECORD_DEFAULT_LIST)
		xattrs_settle(inode, ACL_DEFAULT_NAME);
}
