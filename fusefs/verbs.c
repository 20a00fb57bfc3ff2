/* SPDX-License-Identifier: MIT */
#include "fusefs/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/backend.h"
#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/event.h"
#include "common/plan.h"
#include "common/text.h"
#include "controlfs/controlfs.h"
#include "fusefs/commit.h"
#include "fusefs/crash.h"
#include "fusefs/data.h"
#include "fusefs/disk.h"
#include "fusefs/extents.h"
#include "fusefs/fault.h"
#include "fusefs/fault_commit.h"
#include "fusefs/holders.h"
#include "fusefs/inode.h"
#include "fusefs/journal.h"
#include "fusefs/loop.h"
#include "fusefs/ops.h"
#include "fusefs/profile.h"
#include "fusefs/risk.h"
#include "fusefs/scratch.h"
#include "fusefs/shutdown.h"
#include "fusefs/snapshot.h"
#include "fusefs/verbs_fault.h"
#include "fusefs/volume.h"
#include "rules/rules.h"
#include "rules/rules_http.h"

/* More than there are control files. */
#define CONTROL_NUMBERS 1024

static struct fusefs *fusefs_of(struct backend *backend)
{
	return (struct fusefs *)backend;
}

static int set_mode(struct backend *backend, const struct mode *mode,
		    struct errmsg *reterr_why)
{
	if (mode->bio_flags != 0) {
		errmsg_set(reterr_why,
			   "flags %u tell bios of the kernel's block layer "
			   "apart; transfers of this backend have none: use 0",
			   mode->bio_flags);
		return -EINVAL;
	}
	volume_set_mode(fusefs_of(backend)->volume, mode);
	return 0;
}

static void get_mode(struct backend *backend, struct mode *ret_mode,
		     int64_t *ret_elapsed_ms)
{
	volume_get_mode(fusefs_of(backend)->volume, ret_mode, ret_elapsed_ms);
}

/* Makes the kernel forget what it cached of the lost past. It writes dirty
 * mapped pages out first: those requests are answered, and thrown away. What it
 * does not have is no error. */
static void invalidate(struct fusefs *fusefs, struct crash_stales *stales)
{
	for (size_t i = 0; i < stales->count; i++) {
		struct crash_stale *stale = &stales->list[i];
		if (stale->name == NULL)
			continue;
		(void)fuse_lowlevel_notify_inval_entry(
			fusefs->session, stale->nodeid, stale->name,
			strlen(stale->name));
		pthread_mutex_lock(&fusefs->late_lock);
		stale->forgotten = true;
		pthread_mutex_unlock(&fusefs->late_lock);
	}
	for (size_t i = 0; i < stales->count; i++)
		if (stales->list[i].name == NULL && stales->list[i].nodeid != 0)
			(void)fuse_lowlevel_notify_inval_inode(
				fusefs->session, stales->list[i].nodeid, 0, 0);
}

/* Requests may still be under way by names that the kernel has forgotten by now.
 *
 * Until nothing was renamed meanwhile. A rename of the past holds the lock of
 * its directory, for which invalidating a name there has waited: so what comes
 * after the last round is of the present. */
static void invalidate_late(struct fusefs *fusefs)
{
	bool more = true;
	while (more) {
		loop_catch_up(fusefs->loop);
		pthread_mutex_lock(&fusefs->late_lock);
		struct crash_stales late = fusefs->late;
		fusefs->late = (struct crash_stales){0};
		more = late.count > 0;
		if (!more)
			fusefs->volume->invalidating = false;
		pthread_mutex_unlock(&fusefs->late_lock);
		invalidate(fusefs, &late);
		crash_stales_done(&late);
	}
}

/* With cache=back the kernel may have written data that it has not told us of:
 * it shall. What it cannot write it keeps, and tells the program at its sync. It
 * does not wait for our answers, so that we may not have taken all of it. */
static void fetch_written(struct fusefs *fusefs)
{
	if (fusefs->config.cache != FUSEFS_CACHE_BACK)
		return;
	fault_hold(fusefs->faults, FAULT_SLEEPERS_OF_PAGES);
	fault_rouse(fusefs->faults, FAULT_SLEEPERS_OF_PAGES);
	cleanup_fd int fd = open(fusefs->config.mountpoint,
				 O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		(void)syncfs(fd); /* as above */
	loop_catch_up(fusefs->loop);
	fault_unhold(fusefs->faults, FAULT_SLEEPERS_OF_PAGES);
}

static uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)inode_nanoseconds(now) / 1000;
}

static void set_fading(struct fusefs *fusefs, struct crash_stales *stales)
{
	pthread_mutex_lock(&fusefs->late_lock);
	fusefs->fading = stales;
	fusefs->look_count = 0;
	pthread_mutex_unlock(&fusefs->late_lock);
}

/* A plan without a seed gets a short one, which is easy to type again. */
static struct plan seeded(const struct plan *plan)
{
	struct plan with = *plan;
	uint32_t seed = (uint32_t)now_us();
	if (!plan->has_seed) {
		(void)getrandom(&seed, sizeof(seed), 0); /* the time will do */
		with.seed = seed;
		with.has_seed = true;
	}
	return with;
}

/* Whoever has the mount open, but not who asks for it. */
static int kill_holders(const struct fusefs *fusefs,
			struct backend_report *report,
			struct errmsg *reterr_why)
{
	const struct holders holders = {
		.mountpoint = fusefs->config.mountpoint,
		/* Numbers of control files count down from the top. */
		.control_ino = UINT64_MAX - CONTROL_NUMBERS,
		.spared = controlfs_writer(fusefs->controlfs),
	};
	struct text list;
	text_init(&list);
	int64_t killed = holders_kill(&holders, &list);
	if (killed < 0) {
		errmsg_set(reterr_why,
			   "cannot find who has the mount open: %s; nothing"
			   " has happened",
			   strerror((int)-killed));
		text_done(&list);
		return (int)killed;
	}
	report->killed = (uint64_t)killed;
	report->killed_list = text_result(&list) == 0 ? list.data : NULL;
	if (report->killed_list == NULL)
		text_done(&list);
	return 0;
}

static int crash(struct backend *backend, const struct plan *unseeded,
		 struct backend_report *ret_report, struct errmsg *reterr_why)
{
	struct fusefs *fusefs = fusefs_of(backend);
	struct crash_stales stales = {0};
	const struct plan seed = seeded(unseeded);
	const struct plan *plan = &seed;
	uint64_t begin = now_us();
	int killed = crash_check(fusefs->volume, plan, reterr_why);
	if (killed == 0 && plan->kill)
		killed = kill_holders(fusefs, ret_report, reterr_why);
	if (killed < 0)
		return killed;
	fault_hold(fusefs->faults, FAULT_SLEEPERS_ALL);
	if (plan->keep != PLAN_KEEP_NONE)
		fetch_written(fusefs);
	set_fading(fusefs, &stales);
	int r = crash_power(fusefs->volume, plan, &stales, ret_report,
			    reterr_why);
	/* What sleeps may have locked what the kernel is to forget. */
	if (r == 0) {
		pthread_mutex_lock(&fusefs->late_lock);
		fault_spare(fusefs->faults, &stales);
		pthread_mutex_unlock(&fusefs->late_lock);
		fault_rouse(fusefs->faults, FAULT_SLEEPERS_ALL);
		invalidate(fusefs, &stales);
		invalidate_late(fusefs);
		ret_report->elapsed_us = now_us() - begin;
		event_add(fusefs->events, "crash",
			  "\"incarnation\":%llu,\"lost_records\":%llu,"
			  "\"lost_bytes\":%llu",
			  (unsigned long long)ret_report->incarnation,
			  (unsigned long long)ret_report->lost_records,
			  (unsigned long long)ret_report->lost_bytes);
	} else if (r == -ENOMEM) {
		errmsg_set(reterr_why, "not enough memory for a crash; nothing"
				       " has happened");
	}
	set_fading(fusefs, NULL);
	crash_stales_done(&stales);
	fault_unhold(fusefs->faults, FAULT_SLEEPERS_ALL);
	return r;
}

static int snapshot(struct backend *backend, const struct plan *unseeded,
		    const char *directory, struct backend_report *ret_report,
		    struct errmsg *reterr_why)
{
	struct fusefs *fusefs = fusefs_of(backend);
	const struct plan plan = seeded(unseeded);
	if (plan.keep != PLAN_KEEP_NONE)
		fetch_written(fusefs);
	const struct snapshot take = {
		.volume = fusefs->volume,
		.plan = &plan,
		.directory = directory,
		.mount_device = fusefs->mount_device,
	};
	int r = snapshot_take(&take, ret_report, reterr_why);
	if (r == 0)
		event_add(fusefs->events, "snapshot",
			  "\"lost_records\":%llu,\"lost_bytes\":%llu,"
			  "\"frozen_us\":%llu",
			  (unsigned long long)ret_report->lost_records,
			  (unsigned long long)ret_report->lost_bytes,
			  (unsigned long long)ret_report->frozen_us);
	return r;
}

/* A verb is no request, so it takes the gate by itself. */
static int sync_all(struct backend *backend, struct errmsg *reterr_why)
{
	struct volume *volume = fusefs_of(backend)->volume;
	fetch_written(fusefs_of(backend));
	pthread_rwlock_rdlock(&volume->gate);
	struct fault_commit asked;
	int r = fault_commit_begin(&asked, volume, NULL);
	if (r == 0)
		r = fault_commit_end(&asked, commit_all(volume));
	pthread_rwlock_unlock(&volume->gate);
	shutdown_tell(fusefs_of(backend), NULL);
	if (r < 0)
		errmsg_set(reterr_why,
			   "cannot store everything: %s; what is missing stays"
			   " in the journal, sync again when the cause is gone",
			   strerror(-r));
	return r;
}

/* Takes the clean extents off a file, which then reads as the store has it. */
static uint64_t evict_inode(struct volume *volume, struct inode *inode)
{
	uint64_t bytes = 0;
	slimlock_write(&inode->lock);
	struct extent *extent = extents_at(inode->extents, 0);
	while (extent != NULL) {
		struct extent *next = extents_next(extent);
		uint64_t length = (uint64_t)extent->length_bytes;
		bool data = extent->source != EXTENT_ZERO;
		if (extent->state == EXTENT_CLEAN && inode->nlink > 0 &&
		    extents_cut(inode->extents, extent->offset_bytes,
				extent->length_bytes) == 0)
			bytes += data ? length : 0;
		extent = next;
	}
	data_trim(volume, inode);
	slimlock_unlock(&inode->lock);
	return bytes;
}

/* The nodes that the kernel may have pages of. */
static int evict_all(struct volume *volume, uint64_t **ret_nodes,
		     size_t *ret_count, uint64_t *ret_bytes)
{
	pthread_mutex_lock(&volume->lock);
	uint64_t *nodes = calloc(volume->inode_count, sizeof(*nodes));
	size_t count = 0;
	*ret_bytes = 0;
	disk_forget_locked(volume);
	for (size_t i = 0; nodes != NULL && i < volume->inode_slots; i++)
		for (struct inode *inode = volume->inodes[i]; inode != NULL;
		     inode = inode->hash_next) {
			if (!inode_is_regular(inode) || inode->dead)
				continue;
			*ret_bytes += evict_inode(volume, inode);
			if (inode->nlookup > 0)
				nodes[count++] = inode_nodeid(volume, inode);
		}
	pthread_mutex_unlock(&volume->lock);
	*ret_nodes = nodes;
	*ret_count = count;
	return nodes == NULL ? -ENOMEM : 0;
}

static int evict(struct backend *backend, uint64_t *ret_bytes,
		 struct errmsg *reterr_why)
{
	struct fusefs *fusefs = fusefs_of(backend);
	uint64_t *nodes;
	size_t count;
	pthread_rwlock_rdlock(&fusefs->volume->gate);
	int r = evict_all(fusefs->volume, &nodes, &count, ret_bytes);
	pthread_rwlock_unlock(&fusefs->volume->gate);
	if (r < 0) {
		errmsg_set(reterr_why, "not enough memory to evict");
		return r;
	}
	fault_hold(fusefs->faults, FAULT_SLEEPERS_OF_PAGES);
	fault_rouse(fusefs->faults, FAULT_SLEEPERS_OF_PAGES);
	for (size_t i = 0; i < count; i++)
		(void)fuse_lowlevel_notify_inval_inode(fusefs->session,
						       nodes[i], 0, 0);
	fault_unhold(fusefs->faults, FAULT_SLEEPERS_OF_PAGES);
	free(nodes);
	return 0;
}

static void status(struct backend *backend, struct backend_status *ret_status)
{
	struct fusefs *fusefs = fusefs_of(backend);
	struct volume *volume = fusefs->volume;
	struct risk_totals totals;
	risk_sum(volume, &totals);
	*ret_status = (struct backend_status){
		.backend = "fuse",
		.profile = profile_name(volume->profile),
		.source = fusefs->config.source,
		.mountpoint = fusefs->config.mountpoint,
		.state = volume->shut_down   ? "shut-down"
			 : volume->read_only ? "read-only"
					     : "ok",
		.pid = getpid(),
		.incarnation = volume->incarnation,
		.journal_records = totals.records - totals.dropped_records,
		.dirty_bytes = totals.dirty_bytes,
		.dirty_files = totals.files,
		.dropped_bytes = totals.dropped_bytes,
		.dropped_records = totals.dropped_records,
		.lost_commits = volume->lost_commits,
		.read_errors = volume->disk.read_errors,
		.corruptions = volume->disk.corruptions,
		.commits = volume->commits,
		.requests = volume->requests,
		.open_files = totals.open_files,
		.inodes = totals.inodes,
		.scratch_bytes = scratch_used(volume->scratch),
		.scratch_limit_bytes = scratch_limit(volume->scratch),
		.http = fusefs->http == NULL ? NULL
					     : rules_http_address(fusefs->http),
		.seed = rules_seed(fusefs->rules),
		.faults = rules_count(fusefs->rules),
	};
}

static int unsynced(struct backend *backend, backend_loss_fn *each, void *user)
{
	return risk_each(fusefs_of(backend)->volume, each, user);
}

const struct backend_ops verbs_table = {
	.seeded_modes = true,
	.set_mode = set_mode,
	.get_mode = get_mode,
	.crash = crash,
	.snapshot = snapshot,
	.sync = sync_all,
	.evict = evict,
	.status = status,
	.unsynced = unsynced,
	.fault_change = verbs_fault_change,
	.fault_each = verbs_fault_each,
	.fault_wait = verbs_fault_wait,
	.fault_cancel = verbs_fault_cancel,
	.fault_empty = verbs_fault_empty,
	.fault_refill = verbs_fault_refill,
	.fault_forget = verbs_fault_forget,
};
