/* SPDX-License-Identifier: MIT */
#include "dmbackend/power.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/backend.h"
#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/event.h"
#include "common/mode.h"
#include "common/occupants.h"
#include "common/plan.h"
#include "common/text.h"
#include "common/tree_digest.h"
#include "dmbackend/disk.h"
#include "dmbackend/mounts.h"
#include "dmbackend/switcher.h"

/* The kernel may let a disk go a little after the unmount. */
#define RELEASE_PATIENCE_MS 10000
#define RELEASE_PAUSE_MS 5

int power_check_plan(const struct plan *plan, struct errmsg *reterr_why)
{
	const char *word = plan->keep == PLAN_KEEP_SHARE ? "a share to keep"
			   : plan->order		 ? "order="
			   : plan->torn			 ? "torn="
			   : plan->fill			 ? "fill="
			   : plan->has_seed		 ? "seed="
							 : NULL;

	if (!word)
		return 0;
	errmsg_set(reterr_why,
		   "not supported by the dm backend: %s, since what survives "
		   "is up to the disk; use keep=none or keep=all, or --backend "
		   "fuse",
		   word);
	return -ENOTSUP;
}

/* Of what programs see; without one it is 0. */
static void add_digest(const struct dmbackend *backend,
		       struct backend_report *report)
{
	/* Neither is a program's. */
	const char *const ignored[] = {
		"lost+found",
		backend->control_name,
		NULL,
	};
	const struct tree_digest_way way = {.ignored = ignored};
	cleanup_fd int fd =
		open(backend->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || tree_digest(fd, &way, &report->digest) < 0)
		event_add(backend->events, "read-error",
			  "\"reason\":\"cannot read the disk for the "
			  "digest\"");
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

static void report_killed(const struct occupants *occupants,
			  struct backend_report *report)
{
	struct text list;

	text_init(&list);
	for (size_t i = 0; i < occupants->count; i++) {
		char name[OCCUPANTS_NAME_MAX];

		occupants_read_name(occupants->pids[i], name);
		text_printf(&list, "%d %s\n", occupants->pids[i], name);
	}
	report->killed = occupants->count;
	if (occupants->count > 0 && text_result(&list) == 0)
		report->killed_list = steal(list.data);
	text_done(&list);
}

/* Who uses the mount dies with the power: while the disk is held back nobody's sync
 * returns, so nobody can tell others of one that was dropped. Looking for users could
 * wait for the disk, and is done before; who comes to use the mount after that is
 * killed a little later. */
static int cut_with_users(struct dmbackend *backend, const struct mode *mode,
			  struct backend_report *report,
			  struct errmsg *reterr_why)
{
	struct occupants occupants = {.count = 0};
	int r = occupants_find(backend->mountpoint, &occupants);

	if (r == 0) {
		report_killed(&occupants, report);
		r = switcher_hold(backend->switcher, reterr_why);
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < occupants.count; i++)
		(void)kill(occupants.pids[i], SIGKILL); /* or it has ended */
	r = switcher_release_to(backend->switcher, mode, reterr_why);
	return r < 0 ? r
		     : mounts_check_unused(backend->mountpoint, true,
					   reterr_why);
}

static int power_off(struct dmbackend *backend, const struct plan *plan,
		     struct backend_report *report, struct errmsg *reterr_why)
{
	const struct mode allow = {.kind = MODE_ALLOW_WRITES};
	const struct mode drop = {.kind = MODE_DROP_WRITES};
	bool keep = plan->keep == PLAN_KEEP_ALL;
	int r = 0;

	if (!plan->kill)
		r = mounts_check_unused(backend->mountpoint, false, reterr_why);
	else
		r = cut_with_users(backend, keep ? &allow : &drop, report,
				   reterr_why);
	if (r == 0 && keep)
		r = sync_all(backend, reterr_why);
	if (r == 0 && (keep || !plan->kill))
		r = switcher_set(backend->switcher, &drop, reterr_why);
	if (r < 0)
		return r;
	mounts_hide_control(backend->mountpoint);
	r = mounts_unmount(backend->mountpoint, plan->kill, reterr_why);
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
	int r = power_check_plan(plan, reterr_why);

	/* A crash that could not mount goes on from there the next time. */
	if (r == 0 && backend->mounted)
		r = power_off(backend, plan, ret_report, reterr_why);
	if (r == 0)
		r = power_on(backend, reterr_why);
	if (r < 0)
		return r;
	ret_report->incarnation = backend->incarnation;
	ret_report->elapsed_us = now_us() - begin_us;
	ret_report->uncounted = true;
	if (plan->digest)
		add_digest(backend, ret_report);
	event_add(backend->events, "crash", "\"incarnation\":%llu",
		  (unsigned long long)ret_report->incarnation);
	return 0;
}
