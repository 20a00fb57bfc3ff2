/* SPDX-License-Identifier: MIT */
#include "fusefs/attrs.h"

#include <errno.h>

#include "fusefs/inode.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"

static int record_attributes(struct volume *volume, struct inode *inode,
			     int set, const struct stat *st)
{
	struct record_attributes attributes = {
		.mode = inode->mode, .uid = inode->uid, .gid = inode->gid};
	if (set & ATTRS_MODE) {
		attributes.set |= RECORD_MODE;
		attributes.mode = (inode->mode & S_IFMT) |
				  (st->st_mode & 07777);
	}
	if (set & ATTRS_UID) {
		attributes.set |= RECORD_UID;
		attributes.uid = st->st_uid;
	}
	if (set & ATTRS_GID) {
		attributes.set |= RECORD_GID;
		attributes.gid = st->st_gid;
	}
	if (inode->nlink > 0) {
		struct record *record = journal_record_new(
			volume, RECORD_ATTRIBUTES, inode);
		if (record == NULL)
			return -ENOMEM;
		record->attributes = attributes;
		journal_append(&volume->journal, record);
	}
	inode->mode = attributes.mode;
	inode->uid = attributes.uid;
	inode->gid = attributes.gid;
	return 0;
}

int attrs_set(struct volume *volume, struct inode *inode, int set,
	      const struct stat *st)
{
	if (volume->read_only)
		return -EROFS;
	int r = journal_has_room(&volume->journal);
	if (r < 0)
		return r;
	pthread_rwlock_wrlock(&inode->lock);
	if (set & (ATTRS_MODE | ATTRS_UID | ATTRS_GID))
		r = record_attributes(volume, inode, set, st);
	if (r == 0) {
		if (set & ATTRS_ATIME)
			inode->atime = st->st_atim;
		if (set & ATTRS_MTIME)
			inode->mtime = st->st_mtim;
		inode_touch(volume, inode, INODE_CHANGE_STATUS);
	}
	pthread_rwlock_unlock(&inode->lock);
	return r;
}

int attrs_refresh(struct volume *volume, struct inode *inode)
{
	pthread_mutex_lock(&volume->lock);
	pthread_rwlock_wrlock(&inode->lock);
	struct stat st;
	int r = 0;
	if (inode->attributes_stale) {
		r = store_inode_stat_locked(volume, inode, &st);
		if (r == 0)
			inode_load(inode, &st);
	}
	pthread_rwlock_unlock(&inode->lock);
	pthread_mutex_unlock(&volume->lock);
	return r;
}
