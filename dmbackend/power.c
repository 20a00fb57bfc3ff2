/* SPDX-License-Identifier: MIT */
#include "dmbackend/power.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/backend.h"
#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/event.h"
#include "common/mode.h"
#include "common/plan.h"
#include "dmbackend/disk.h"
#include "dmbackend/mounts.h"
#include "dmbackend/switcher.h"

/* The kernel may let a disk go a little after the unmount. */
#define RELEASE_PATIENCE_MS 10000
#define RELEASE_PAUSE_MS 5

static int check_plan(const struct plan *plan, struct errmsg *reterr_why)
{
	if (plan->keep == PLAN_KEEP_SHARE || plan->order || plan->torn ||
	    plan->fill || plan->has_seed) {
		errmsg_set(
			reterr_why,
			"what survives on a real disk is not ours to choose: "
			"the dm backend knows keep=none and keep=all");
		return -ENOTSUP;
	}
	if (plan->digest) {
		errmsg_set(reterr_why, "the dm backend makes no digest of what "
				       "survives: leave it out");
		return -ENOTSUP;
	}
	return 0;
}

/* While anybody has the file system, in another namespace perhaps, mounting
 * would show it as it was and not as the disk has it. */
static int wait_released(struct dmbackend *backend, struct errmsg *reterr_why)
{
	struct device_info info;
	int waited_ms = 0;
	int r;

	while ((r = device_find(backend->runtime.uuid, &info, reterr_why)) ==
		       0 &&
	       info.open_count > 0) {
		if (waited_ms >= RELEASE_PATIENCE_MS) {
			errmsg_set(reterr_why,
				   "'%s' is unmounted from '%.200s' and still "
				   "in use elsewhere, by a bind mount or in "
				   "another mount namespace: end that, then "
				   "say crash again",
				   backend->node, backend->mountpoint);
			return -EBUSY;
		}
		(void)usleep(RELEASE_PAUSE_MS * 1000); /* shorter is as good */
		waited_ms += RELEASE_PAUSE_MS;
	}
	return r;
}

static int sync_all(const struct dmbackend *backend, struct errmsg *reterr_why)
{
	cleanup_fd int fd =
		open(backend->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || syncfs(fd) < 0 ? -errno : 0;

	if (r < 0)
		errmsg_set(reterr_why, "cannot sync '%.200s': %s",
			   backend->mountpoint, strerrordesc_np(-r));
	return r;
}

static int power_off(struct dmbackend *backend, const struct plan *plan,
		     struct errmsg *reterr_why)
{
	const struct mode drop = {.kind = MODE_DROP_WRITES};
	bool kill = plan->kill;
	int r = 0;

	if (!kill)
		r = mounts_check_unused(backend->mountpoint, false, reterr_why);
	if (r < 0)
		return r;
	if (plan->keep == PLAN_KEEP_ALL)
		r = sync_all(backend, reterr_why);
	if (r == 0)
		r = switcher_set(backend->switcher, &drop, reterr_why);
	if (r == 0 && kill)
		r = mounts_check_unused(backend->mountpoint, true, reterr_why);
	if (r < 0)
		return r;
	mounts_hide_control(backend->mountpoint);
	r = mounts_unmount(backend->mountpoint, kill, reterr_why);
	if (r == 0)
		backend->mounted = false;
	else if (backend->control_name)
		(void)mounts_show_control(backend->runtime.control,
					  backend->mountpoint,
					  backend->control_name, NULL);
	return r;
}

int power_mount(struct dmbackend *backend, struct errmsg *reterr_why)
{
	int r = mounts_mount(backend->node, backend->mountpoint,
			     backend->setup.filesystem->name,
			     backend->mount_options, reterr_why);

	if (r == 0)
		backend->mounted = true;
	return r;
}

static int power_on(struct dmbackend *backend, struct errmsg *reterr_why)
{
	const struct mode allow = {.kind = MODE_ALLOW_WRITES};
	int r = wait_released(backend, reterr_why);

	if (r == 0)
		r = switcher_set(backend->switcher, &allow, reterr_why);
	if (r == 0)
		r = power_mount(backend, reterr_why);
	if (r < 0)
		return r;
	backend->incarnation++;
	if (backend->control_name)
		r = mounts_show_control(backend->runtime.control,
					backend->mountpoint,
					backend->control_name, reterr_why);
	return r;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int power_crash(struct dmbackend *backend, const struct plan *plan,
		struct backend_report *ret_report, struct errmsg *reterr_why)
{
	uint64_t begin_us = now_us();
	int r = check_plan(plan, reterr_why);

	/* A crash that could not mount goes on from there the next time. */
	if (r == 0 && backend->mounted)
		r = power_off(backend, plan, reterr_why);
	if (r == 0)
		r = power_on(backend, reterr_why);
	if (r < 0)
		return r;
	*ret_report = (struct backend_report){
		.incarnation = backend->incarnation,
		.elapsed_us = now_us() - begin_us,
		.uncounted = true,
	};
	event_add(backend->events, "crash", "\"incarnation\":%llu",
		  (unsigned long long)ret_report->incarnation);
	return 0;
}
