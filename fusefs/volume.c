/* SPDX-License-Identifier: MIT */
#include "fusefs/volume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/errmsg.h"
#include "common/event.h"
#include "fusefs/dentry.h"
#include "fusefs/inode.h"
#include "fusefs/logtree.h"
#include "fusefs/profile.h"
#include "fusefs/scratch.h"
#include "fusefs/store.h"
#include "fusefs/surface.h"

#define SLOTS_MIN 1024

static int64_t monotonic_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return inode_nanoseconds(now) / 1000000;
}

static void init_locks(struct volume *volume)
{
	/* A crash must not starve behind a stream of requests. */
	pthread_rwlockattr_t attributes;
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(
		&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&volume->gate, &attributes);
	pthread_rwlockattr_destroy(&attributes);
	pthread_mutex_init(&volume->commit_lock, NULL);
	pthread_mutex_init(&volume->lock, NULL);
	pthread_mutex_init(&volume->times_lock, NULL);
	pthread_mutex_init(&volume->mode_lock, NULL);
}

static int make_tables(struct volume *volume)
{
	volume->inode_slots = SLOTS_MIN;
	volume->dentry_slots = SLOTS_MIN;
	volume->inodes = calloc(SLOTS_MIN, sizeof(struct inode *));
	volume->dentries = calloc(SLOTS_MIN, sizeof(struct dentry *));
	if (volume->inodes == NULL || volume->dentries == NULL)
		return -ENOMEM;
	return 0;
}

static int make_root(struct volume *volume)
{
	struct stat st;
	int r = store_root_stat(volume->store, &st);
	if (r < 0)
		return r;
	volume->root = inode_of_store_locked(volume, &st);
	if (volume->root == NULL)
		return -ENOMEM;
	volume->root->nlookup = 1;
	inode_pin(volume->root);
	return 0;
}

static int open_parts(struct volume *volume, const struct volume_config *config,
		      struct errmsg *reterr_why)
{
	volume->profile = profile_find(config->profile);
	if (volume->profile == NULL) {
		errmsg_set(reterr_why,
			   "there is no profile '%s'; choose one of: %s",
			   config->profile, profile_names());
		return -EINVAL;
	}
	int r = make_tables(volume);
	if (r == 0 && profile_logs(volume->profile)) {
		volume->logtree = logtree_new();
		r = volume->logtree == NULL ? -ENOMEM : 0;
	}
	if (r == 0)
		r = store_open(config->source, config->store_sync,
			       &volume->store, reterr_why);
	if (r == 0)
		volume->has_lists = store_trial_of_lists(volume->store);
	if (r == 0)
		r = scratch_open(config->scratch_directory,
				 config->scratch_limit_bytes, &volume->scratch,
				 reterr_why);
	if (r == 0 && config->memory_chunks > 0)
		scratch_use_memory(volume->scratch, config->memory_chunks);
	if (r == 0)
		r = store_clear(volume->store, SURFACE_NAME);
	return r < 0 ? r : make_root(volume);
}

int volume_open(const struct volume_config *config, struct event_log *events,
		struct volume **ret_volume, struct errmsg *reterr_why)
{
	struct volume *volume = calloc(1, sizeof(*volume));
	if (volume == NULL)
		return -ENOMEM;
	init_locks(volume);
	journal_init(&volume->journal);
	list_init(&volume->times);
	list_init(&volume->times_dropped);
	list_init(&volume->dirty);
	list_init(&volume->ordered);
	list_init(&volume->open);
	list_init(&volume->reap);
	list_init(&volume->limbo);
	volume->events = events;
	volume->incarnation = 1;
	volume->syncs_of_all = 1;
	volume->disk.epoch = 1;
	/* PostgreSQL makes a key of shared memory from the lower half: 0 is none. */
	volume->next_number = INODE_NUMBER_BASE + 1;
	volume->mode_since_ms = monotonic_ms();
	int r = open_parts(volume, config, reterr_why);
	if (r < 0) {
		volume_close(volume);
		return r;
	}
	*ret_volume = volume;
	return 0;
}

/* Every name first: then no inode points to another any more. */
static void free_tables(struct volume *volume)
{
	for (size_t i = 0; volume->dentries && i < volume->dentry_slots; i++)
		while (volume->dentries[i] != NULL) {
			struct dentry *dentry = volume->dentries[i];
			struct inode *directory = dentry->directory;
			dentry_free_locked(volume, dentry);
			(void)directory; /* freed below, with all others */
		}
	for (size_t i = 0; volume->inodes && i < volume->inode_slots; i++)
		while (volume->inodes[i] != NULL)
			inode_destroy(volume, volume->inodes[i]);
	recall_done(&volume->recall);
	free(volume->inodes);
	free(volume->dentries);
}

static void forget_records(struct volume *volume, struct list *records)
{
	while (!list_empty(records))
		journal_settle_locked(
			volume, list_entry(records->next, struct record, link));
}

void volume_close(struct volume *volume)
{
	if (volume == NULL)
		return;
	/* Inodes must outlive the records, whatever the kernel still knew. */
	for (size_t i = 0; volume->inodes && i < volume->inode_slots; i++)
		for (struct inode *inode = volume->inodes[i]; inode != NULL;
		     inode = inode->hash_next)
			inode_pin(inode);
	if (volume->logtree != NULL)
		logtree_free(volume);
	forget_records(volume, &volume->journal.records);
	forget_records(volume, &volume->journal.dropped);
	free_tables(volume);
	scratch_close(volume->scratch);
	store_close(volume->store);
	journal_done(&volume->journal);
	pthread_rwlock_destroy(&volume->gate);
	pthread_mutex_destroy(&volume->commit_lock);
	pthread_mutex_destroy(&volume->lock);
	pthread_mutex_destroy(&volume->times_lock);
	pthread_mutex_destroy(&volume->mode_lock);
	free(volume);
}

static void log_mode(struct volume *volume, enum mode_kind kind)
{
	char line[MODE_TEXT_MAX];
	mode_format(&volume->mode, line, sizeof(line));
	if (kind != volume->mode_seen)
		event_add(volume->events, "mode",
			  "\"mode\":\"%s\",\"line\":\"%s\"", mode_name(kind),
			  line);
	volume->mode_seen = kind;
}

enum mode_kind volume_mode(struct volume *volume)
{
	pthread_mutex_lock(&volume->mode_lock);
	enum mode_kind kind =
		mode_at(&volume->mode, monotonic_ms() - volume->mode_since_ms);
	log_mode(volume, kind);
	pthread_mutex_unlock(&volume->mode_lock);
	return kind;
}

void volume_set_mode(struct volume *volume, const struct mode *mode)
{
	/* Between two commits: a commit meets one mode only. */
	pthread_mutex_lock(&volume->commit_lock);
	pthread_mutex_lock(&volume->mode_lock);
	volume->mode = *mode;
	volume->mode_since_ms = monotonic_ms();
	disk_set_mode(&volume->disk, mode);
	/* Set anew is news, with another seed or byte. */
	if (mode->kind > MODE_ERROR_WRITES)
		volume->mode_seen = MODE_ALLOW_WRITES;
	log_mode(volume, mode_at(mode, 0));
	pthread_mutex_unlock(&volume->mode_lock);
	pthread_mutex_unlock(&volume->commit_lock);
}

void volume_get_mode(struct volume *volume, struct mode *ret_mode,
		     int64_t *ret_elapsed_ms)
{
	pthread_mutex_lock(&volume->mode_lock);
	*ret_mode = volume->mode;
	*ret_elapsed_ms = monotonic_ms() - volume->mode_since_ms;
	pthread_mutex_unlock(&volume->mode_lock);
}
