/* SPDX-License-Identifier: MIT */
#include "dmbackend/teardown.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "dmbackend/device.h"
#include "dmbackend/mounts.h"
#include "dmbackend/runtime.h"

static int unmount(const struct teardown *teardown,
		   const struct runtime *runtime, struct errmsg *reterr_why)
{
	/* Asked before anything is hidden. */
	int r = mounts_check_unused(teardown->mountpoint, teardown->kill,
				    reterr_why);

	if (r < 0)
		return r;
	mounts_hide_control(teardown->mountpoint);
	r = mounts_unmount(teardown->mountpoint, teardown->kill, reterr_why);
	if (r < 0 && teardown->control)
		(void)mounts_show_control(runtime->control,
					  teardown->mountpoint,
					  teardown->control, NULL);
	return r;
}

int teardown_run(const struct teardown *teardown, const struct runtime *runtime,
		 struct errmsg *reterr_why)
{
	struct device_info device;
	int r = device_find(runtime->uuid, &device, reterr_why);

	if (r < 0 && r != -ENXIO)
		return r;
	if (r == 0) {
		/* Nothing can be unmounted from what is held back. */
		if (device.suspended && device.live)
			(void)device_resume(device.name, NULL);
		if (mounts_is_there(teardown->mountpoint, device.name,
				    device.minor))
			r = unmount(teardown, runtime, reterr_why);
		if (r == 0)
			r = device_remove(device.name, reterr_why);
		if (r < 0)
			return r;
	}
	/* Not there, if the server has not come so far. */
	(void)umount2(runtime->control,
		      UMOUNT_NOFOLLOW | MNT_FORCE | MNT_DETACH);
	return 0;
}
