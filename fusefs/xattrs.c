/* SPDX-License-Identifier: MIT */
#include "fusefs/xattrs.h"

#include <errno.h>
#include <linux/limits.h>
#include <linux/xattr.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/list.h"
#include "fusefs/abort.h"
#include "fusefs/access.h"
#include "fusefs/inode.h"
#include "fusefs/limbo.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"

/* Of all names together, as the kernel has it for listxattr(2). */
#define LIST_BYTES_MAX 65536

#define CAPABILITY "security.capability"

/* Every file system with xattrs has room for these. */
#define SURE_BYTES 512

struct entry {
	struct list link;
	char *name;
	void *value; /* NULL: removed */
	size_t size;
	uint32_t pending;
};

struct xattrs {
	struct list entries;
};

static void free_entry(struct entry *entry)
{
	list_remove(&entry->link);
	free(entry->name);
	free(entry->value);
	free(entry);
}

void xattrs_free(struct xattrs *xattrs)
{
	if (xattrs == NULL)
		return;
	list_for_each(node, following, &xattrs->entries)
		free_entry(list_entry(node, struct entry, link));
	free(xattrs);
}

static struct entry *find(const struct inode *inode, const char *name)
{
	if (inode->xattrs == NULL)
		return NULL;
	list_for_each(node, following, &inode->xattrs->entries) {
		struct entry *entry = list_entry(node, struct entry, link);
		if (strcmp(entry->name, name) == 0)
			return entry;
	}
	return NULL;
}

static struct entry *find_or_add(struct inode *inode, const char *name)
{
	struct entry *entry = find(inode, name);
	if (entry != NULL)
		return entry;
	if (inode->xattrs == NULL) {
		inode->xattrs = calloc(1, sizeof(*inode->xattrs));
		if (inode->xattrs == NULL)
			return NULL;
		list_init(&inode->xattrs->entries);
	}
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return NULL;
	entry->name = strdup(name);
	if (entry->name == NULL) {
		free(entry);
		return NULL;
	}
	list_append(&inode->xattrs->entries, &entry->link);
	return entry;
}

/* A copy that is never NULL for an existing value, empty ones included. */
static void *copy_value(const void *value, size_t size)
{
	void *copy = malloc(size + 1);
	if (copy != NULL && size > 0)
		memcpy(copy, value, size);
	return copy;
}

/* Who may do what in them the kernel has checked; here it is only whether there
 * is such a name. */
static int check_name(const char *name)
{
	static const char *const prefixes[] = {
		XATTR_USER_PREFIX, XATTR_TRUSTED_PREFIX, XATTR_SECURITY_PREFIX};
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t length = strlen(prefixes[i]);
		if (strncmp(name, prefixes[i], length) == 0)
			return name[length] == '\0' ? -EINVAL : 0;
	}
	return -EOPNOTSUPP;
}

static ssize_t get_locked(struct volume *volume, struct inode *inode,
			  const char *name, void *value, size_t size)
{
	const struct entry *entry = find(inode, name);
	if (entry == NULL) {
		if (!inode->in_store)
			return -ENODATA;
		ssize_t n = store_get_xattr_locked(volume, inode, name, value,
						   size);
		return n == -ENOENT ? -ENODATA : n;
	}
	if (entry->value == NULL)
		return -ENODATA;
	if (size == 0)
		return (ssize_t)entry->size;
	if (size < entry->size)
		return -ERANGE;
	memcpy(value, entry->value, entry->size);
	return (ssize_t)entry->size;
}

ssize_t xattrs_get(struct volume *volume, struct inode *inode, const char *name,
		   void *value, size_t size)
{
	int r = check_name(name);
	if (r < 0)
		return r;
	/* The kernel asks for it before the first write to a file. */
	if (inode->knows_capability && !inode->has_capability &&
	    strcmp(name, CAPABILITY) == 0)
		return -ENODATA;
	pthread_mutex_lock(&volume->lock);
	ssize_t n = get_locked(volume, inode, name, value, size);
	pthread_mutex_unlock(&volume->lock);
	return n;
}

static struct record *record_of(struct volume *volume, struct inode *inode,
				const struct entry *entry)
{
	struct record *record = journal_record_new(RECORD_XATTR, inode);
	if (record == NULL)
		return NULL;
	record->xattr.name = strdup(entry->name);
	record->xattr.size_bytes = entry->size;
	if (entry->value != NULL)
		record->xattr.value = copy_value(entry->value, entry->size);
	if (record->xattr.name == NULL ||
	    (entry->value != NULL && record->xattr.value == NULL)) {
		journal_record_discard(volume, record);
		return NULL;
	}
	return record;
}

/* Whether it has that very value already: then ext4 changes no time either. */
static bool has_value(struct volume *volume, struct inode *inode,
		      const char *name, const void *value, size_t size)
{
	cleanup_free void *old = malloc(size + 1);
	return old != NULL &&
	       get_locked(volume, inode, name, old, size + 1) ==
		       (ssize_t)size &&
	       memcmp(old, value, size) == 0;
}

/* value is taken over on success; NULL removes. */
static int change_locked(struct volume *volume, struct inode *inode,
			 const char *name, void *value, size_t size)
{
	int r = journal_has_room(&volume->journal);
	if (r < 0)
		return r;
	struct entry proposal = {
		.name = (char *)name, .value = value, .size = size};
	struct record *record = NULL;
	/* A file without a name gets its records with its first name. */
	if (inode_is_recorded(inode)) {
		record = record_of(volume, inode, &proposal);
		if (record == NULL)
			return -ENOMEM;
	}
	slimlock_write(&inode->lock);
	struct entry *entry = find_or_add(inode, name);
	if (entry != NULL) {
		free(entry->value);
		entry->value = value;
		entry->size = size;
		if (value != NULL && strcmp(name, CAPABILITY) == 0)
			inode->has_capability = true;
		if (record != NULL)
			journal_append(&volume->journal, record);
		inode->log_anew = true;
		/* Without a record it stays: the store never has it. */
		entry->pending++;
		inode_touch(volume, inode, INODE_CHANGE_STATUS);
	}
	slimlock_unlock(&inode->lock);
	if (entry == NULL)
		journal_record_discard(volume, record);
	return entry != NULL ? 0 : -ENOMEM;
}

static bool is_shown(const struct volume *volume, const char *name)
{
	return access_is_list(name) ? volume->has_lists : check_name(name) == 0;
}

static int append_name(char *list, size_t *used, const char *name)
{
	size_t length = strlen(name) + 1;
	if (*used + length > LIST_BYTES_MAX)
		return -E2BIG;
	memcpy(list + *used, name, length);
	*used += length;
	return 0;
}

/* Names of the store that the overlay does not override, then the overlay. */
static ssize_t list_locked(struct volume *volume, struct inode *inode,
			   char *list)
{
	cleanup_free char *stored = malloc(LIST_BYTES_MAX);
	if (stored == NULL)
		return -ENOMEM;
	ssize_t n = 0;
	if (inode->in_store)
		n = store_list_xattr_locked(volume, inode, stored,
					    LIST_BYTES_MAX);
	if (n == -EOPNOTSUPP || n == -ENOENT)
		n = 0;
	if (n < 0)
		return n;
	size_t used = 0;
	int r = 0;
	for (ssize_t at = 0; at < n && r == 0;
	     at += (ssize_t)strlen(stored + at) + 1)
		if (find(inode, stored + at) == NULL &&
		    is_shown(volume, stored + at))
			r = append_name(list, &used, stored + at);
	if (inode->xattrs == NULL || r < 0)
		return r < 0 ? r : (ssize_t)used;
	list_for_each(node, following, &inode->xattrs->entries) {
		struct entry *entry = list_entry(node, struct entry, link);
		if (entry->value != NULL && r == 0)
			r = append_name(list, &used, entry->name);
	}
	return r < 0 ? r : (ssize_t)used;
}

/* What an xattr takes in the store, about. */
static size_t room_of(const char *name, size_t size)
{
	return 16 + strlen(name) + size;
}

/* All xattrs but one, with their values; or just how much that is. */
static ssize_t try_others(struct volume *volume, struct inode *inode,
			  const char *but, int fd)
{
	cleanup_free char *list = malloc(LIST_BYTES_MAX);
	cleanup_free char *value = fd < 0 ? NULL : malloc(XATTR_SIZE_MAX);
	if (list == NULL || (fd >= 0 && value == NULL))
		return -ENOMEM;
	ssize_t n = list_locked(volume, inode, list);
	size_t total = 0;
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(list + at) + 1) {
		const char *name = list + at;
		if (strcmp(name, but) == 0)
			continue;
		ssize_t size = get_locked(volume, inode, name, value,
					  fd < 0 ? 0 : XATTR_SIZE_MAX);
		/* What cannot be read, or be set by us, is no hindrance. */
		if (size >= 0 && fd >= 0)
			(void)store_trial_set(fd, name, value, (size_t)size);
		if (size >= 0)
			total += room_of(name, (size_t)size);
	}
	return n < 0 ? n : (ssize_t)total;
}

int xattrs_try_locked(struct volume *volume, struct inode *inode,
		      const char *name, const void *value, size_t size)
{
	ssize_t others = try_others(volume, inode, name, -1);
	if (others < 0)
		return (int)others;
	bool sure = access_is_list(name) || strncmp(name, XATTR_USER_PREFIX,
						    XATTR_USER_PREFIX_LEN) == 0;
	if (sure && (size_t)others + room_of(name, size) <= SURE_BYTES)
		return 0;
	cleanup_fd int fd = store_trial_open(volume->store);
	if (fd < 0)
		return 0; /* cannot be tried there */
	others = try_others(volume, inode, name, fd);
	return others < 0 ? (int)others
			  : store_trial_set(fd, name, value, size);
}

int xattrs_set(struct volume *volume, struct inode *inode, const char *name,
	       const void *value, size_t size, int flags)
{
	int r = check_name(name);
	if (r < 0)
		return r;
	if (abort_check(volume) < 0)
		return abort_check(volume);
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	cleanup_free void *copy = copy_value(value, size);
	if (copy == NULL)
		return -ENOMEM;
	pthread_mutex_lock(&volume->lock);
	ssize_t n = store_get_xattr_locked(volume, volume->root, name, NULL, 0);
	r = n == -EOPNOTSUPP ? -EOPNOTSUPP : 0;
	if (r == 0)
		n = get_locked(volume, inode, name, NULL, 0);
	if (r == 0 && n >= 0 && flags & XATTR_CREATE)
		r = -EEXIST;
	if (r == 0 && n == -ENODATA && flags & XATTR_REPLACE)
		r = -ENODATA;
	bool same = r == 0 && n == (ssize_t)size &&
		    has_value(volume, inode, name, value, size);
	if (r == 0 && !same)
		r = xattrs_try_locked(volume, inode, name, value, size);
	if (r == 0 && !same)
		r = change_locked(volume, inode, name, copy, size);
	if (r == 0 && !same)
		copy = NULL;
	pthread_mutex_unlock(&volume->lock);
	return r;
}

int xattrs_remove(struct volume *volume, struct inode *inode, const char *name)
{
	int r = check_name(name);
	if (r < 0)
		return r;
	if (abort_check(volume) < 0)
		return abort_check(volume);
	pthread_mutex_lock(&volume->lock);
	ssize_t n = get_locked(volume, inode, name, NULL, 0);
	r = n < 0 ? (int)n : change_locked(volume, inode, name, NULL, 0);
	pthread_mutex_unlock(&volume->lock);
	return r;
}

/* In place; the new length. */
static size_t leave_out_trusted(char *list, size_t length)
{
	size_t used = 0;
	for (size_t at = 0; at < length;) {
		size_t size = strlen(list + at) + 1;
		if (strncmp(list + at, XATTR_TRUSTED_PREFIX,
			    XATTR_TRUSTED_PREFIX_LEN) != 0) {
			memmove(list + used, list + at, size);
			used += size;
		}
		at += size;
	}
	return used;
}

ssize_t xattrs_list(struct volume *volume, struct inode *inode, bool trusted,
		    char *list, size_t size)
{
	cleanup_free char *all = malloc(LIST_BYTES_MAX);
	if (all == NULL)
		return -ENOMEM;
	pthread_mutex_lock(&volume->lock);
	ssize_t n = list_locked(volume, inode, all);
	pthread_mutex_unlock(&volume->lock);
	if (n > 0 && !trusted)
		n = (ssize_t)leave_out_trusted(all, (size_t)n);
	if (n < 0 || size == 0)
		return n;
	if ((size_t)n > size)
		return -ERANGE;
	memcpy(list, all, (size_t)n);
	return n;
}

bool xattrs_find(const struct inode *inode, const char *name,
		 const void **ret_value, size_t *ret_size)
{
	const struct entry *entry = find(inode, name);
	if (entry == NULL)
		return false;
	*ret_value = entry->value;
	*ret_size = entry->size;
	return true;
}

int xattrs_put(struct inode *inode, const char *name, void *value, size_t size)
{
	struct entry *entry = find_or_add(inode, name);
	if (entry == NULL)
		return -ENOMEM;
	free(entry->value);
	entry->value = value;
	entry->size = size;
	entry->pending++;
	return 0;
}

void xattrs_begin(struct inode *inode, const char *name)
{
	struct entry *entry = find(inode, name);
	if (entry != NULL)
		entry->pending = 1;
}

static void trim(struct inode *inode)
{
	if (inode->xattrs == NULL || !list_empty(&inode->xattrs->entries))
		return;
	xattrs_free(inode->xattrs);
	inode->xattrs = NULL;
}

void xattrs_settle(struct inode *inode, const char *name)
{
	struct entry *entry = find(inode, name);
	if (entry == NULL || --entry->pending > 0)
		return;
	free_entry(entry);
	trim(inode);
}

void xattrs_pay(struct inode *inode, const char *name)
{
	struct entry *entry = find(inode, name);
	if (entry != NULL && entry->pending > 0)
		entry->pending--;
}

void xattrs_settle_paid(struct inode *inode)
{
	if (inode->xattrs == NULL)
		return;
	list_for_each(node, following, &inode->xattrs->entries) {
		struct entry *entry = list_entry(node, struct entry, link);
		if (entry->pending == 0)
			free_entry(entry);
	}
	trim(inode);
}

int xattrs_copy(struct inode *inode, struct limbo *limbo)
{
	int r = 0;
	if (inode->xattrs == NULL)
		return 0;
	list_for_each(node, following, &inode->xattrs->entries) {
		struct entry *entry = list_entry(node, struct entry, link);
		if (entry->value != NULL && !access_is_list(entry->name) &&
		    r == 0)
			r = limbo_add_xattr(limbo, entry->name, entry->value,
					    entry->size);
	}
	if (r < 0)
		return r;
	list_for_each(node, following, &inode->xattrs->entries)
		list_entry(node, struct entry, link)->pending = 0;
	return 0;
}

/* value is taken over. */
static int adopt_value(struct inode *inode, const char *name, void *value,
		       size_t size, bool limbo)
{
	slimlock_write(&inode->lock);
	struct entry *entry = find_or_add(inode, name);
	if (entry != NULL) {
		entry->value = value;
		entry->size = size;
		/* Not in limbo, no record ever settles it. */
		entry->pending = limbo ? 0 : 1;
	}
	trim(inode);
	slimlock_unlock(&inode->lock);
	return entry == NULL ? -ENOMEM : 0;
}

static int adopt_one(struct volume *volume, struct inode *inode,
		     const char *name, struct limbo *limbo)
{
	ssize_t n = store_get_xattr_locked(volume, inode, name, NULL, 0);
	if (n == -ENODATA || n == -EOPNOTSUPP)
		return 0;
	cleanup_free char *value = n < 0 ? NULL : malloc((size_t)n + 1);
	if (n >= 0 && value == NULL)
		n = -ENOMEM;
	if (n > 0)
		n = store_get_xattr_locked(volume, inode, name, value,
					   (size_t)n);
	if (n < 0)
		return (int)n;
	int r = 0;
	if (limbo != NULL && !access_is_list(name))
		r = limbo_add_xattr(limbo, name, value, (size_t)n);
	if (r < 0 || find(inode, name) != NULL)
		return r;
	r = adopt_value(inode, name, value, (size_t)n, limbo != NULL);
	if (r == 0)
		value = NULL;
	return r;
}

int xattrs_adopt_locked(struct volume *volume, struct inode *inode,
			struct limbo *limbo)
{
	cleanup_free char *stored = malloc(LIST_BYTES_MAX);
	if (stored == NULL)
		return -ENOMEM;
	ssize_t n =
		store_list_xattr_locked(volume, inode, stored, LIST_BYTES_MAX);
	if (n == -EOPNOTSUPP)
		return 0;
	int r = n < 0 ? (int)n : 0;
	for (ssize_t at = 0; at < n && r == 0;
	     at += (ssize_t)strlen(stored + at) + 1)
		if (is_shown(volume, stored + at))
			r = adopt_one(volume, inode, stored + at, limbo);
	return r;
}

int xattrs_record_all(struct volume *volume, struct inode *inode)
{
	if (inode->xattrs == NULL)
		return 0;
	list_for_each(node, following, &inode->xattrs->entries) {
		struct entry *entry = list_entry(node, struct entry, link);
		if (entry->value == NULL || access_is_list(entry->name))
			continue;
		struct record *record = record_of(volume, inode, entry);
		if (record == NULL)
			return -ENOMEM;
		entry->pending = 1; /* the first record that it gets */
		journal_append(&volume->journal, record);
	}
	return 0;
}
