/* SPDX-License-Identifier: MIT */
#include "fusefs/attrs.h"

#include <errno.h>
#include <unistd.h>

#include "fusefs/abort.h"
#include "fusefs/inode.h"
#include "fusefs/store.h"
#include "fusefs/volume.h"
#include "fusefs/xattrs.h"

#define CAPABILITY "security.capability"

static mode_t without_set_id(mode_t mode, bool outsider)
{
	if (S_ISDIR(mode))
		return mode;
	mode &= ~(mode_t)S_ISUID;
	if (mode & S_IXGRP || outsider)
		mode &= ~(mode_t)S_ISGID;
	return mode;
}

static int record_attributes(struct volume *volume, struct inode *inode,
			     int set, const struct stat *st)
{
	struct record_attributes attributes = {
		.mode = inode->mode, .uid = inode->uid, .gid = inode->gid};
	if (set & ATTRS_MODE) {
		attributes.set |= RECORD_MODE;
		attributes.mode =
			(inode->mode & S_IFMT) | (st->st_mode & 07777);
	}
	if (set & ATTRS_UID) {
		attributes.set |= RECORD_UID;
		attributes.uid = st->st_uid;
	}
	if (set & ATTRS_GID) {
		attributes.set |= RECORD_GID;
		attributes.gid = st->st_gid;
	}
	mode_t left = without_set_id(inode->mode, set & ATTRS_OUTSIDER);
	if (set & (ATTRS_UID | ATTRS_GID) && !(set & ATTRS_MODE) &&
	    left != inode->mode) {
		attributes.set |= RECORD_MODE;
		attributes.mode = left;
	}
	if (inode_is_recorded(inode)) {
		struct record *record =
			journal_record_new(RECORD_ATTRIBUTES, inode);
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
	if (abort_check_status(volume) < 0)
		return abort_check_status(volume);
	if (!store_may_own(volume->store,
			   set & ATTRS_UID ? st->st_uid : (uid_t)-1,
			   set & ATTRS_GID ? st->st_gid : (gid_t)-1))
		return -EPERM;
	int r = journal_has_room(&volume->journal);
	if (r < 0)
		return r;
	slimlock_write(&inode->lock);
	if (set & (ATTRS_MODE | ATTRS_UID | ATTRS_GID))
		r = record_attributes(volume, inode, set, st);
	if (r == 0) {
		if (set & ATTRS_ATIME)
			inode->atime = st->st_atim;
		if (set & ATTRS_MTIME)
			inode->mtime = st->st_mtim;
		inode_touch(volume, inode, INODE_CHANGE_STATUS);
	}
	slimlock_unlock(&inode->lock);
	if (r == 0 && set & (ATTRS_UID | ATTRS_GID)) {
		attrs_learn_capability(volume, inode);
		r = attrs_clear_privileges(volume, inode, ATTRS_SET_ID_KEPT);
	}
	return r;
}

int attrs_clear_privileges(struct volume *volume, struct inode *inode,
			   enum attrs_set_id set_id)
{
	int r = 0;
	if (inode->has_capability)
		r = xattrs_remove(volume, inode, CAPABILITY);
	if (r == -ENODATA)
		r = 0;
	if (r == 0)
		inode->has_capability = false;
	if (r < 0 || set_id == ATTRS_SET_ID_KEPT)
		return r;
	slimlock_read(&inode->lock);
	bool outsider = set_id == ATTRS_SET_ID_CLEARED_FOR_OUTSIDER;
	struct stat st = {.st_mode = without_set_id(inode->mode, outsider)};
	bool change = st.st_mode != inode->mode;
	slimlock_unlock(&inode->lock);
	return change ? attrs_set(volume, inode, ATTRS_MODE, &st) : 0;
}

void attrs_learn_capability(struct volume *volume, struct inode *inode)
{
	if (inode->has_capability || inode->knows_capability)
		return;
	/* Without rights of root it could not be taken away. */
	if (geteuid() != 0)
		return;
	ssize_t n = xattrs_get(volume, inode, CAPABILITY, NULL, 0);
	if (n >= 0)
		inode->has_capability = true;
	inode->knows_capability = n >= 0 || n == -ENODATA;
}

int attrs_refresh_locked(struct volume *volume, struct inode *inode)
{
	slimlock_write(&inode->lock);
	struct stat st;
	int r = 0;
	if (inode->attributes_stale) {
		r = store_inode_stat_locked(volume, inode, &st);
		if (r == 0)
			inode_load(inode, &st);
	}
	slimlock_unlock(&inode->lock);
	return r;
}

int attrs_refresh(struct volume *volume, struct inode *inode)
{
	pthread_mutex_lock(&volume->lock);
	int r = attrs_refresh_locked(volume, inode);
	pthread_mutex_unlock(&volume->lock);
	return r;
}
