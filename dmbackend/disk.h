/* SPDX-License-Identifier: MIT */
/*
 * One mount of this backend, as its files share it. Set up before there are
 * threads, and then changed by the thread of the control lines only, but for
 * what is atomic.
 */
#ifndef FLAKEY_DMBACKEND_DISK_H
#define FLAKEY_DMBACKEND_DISK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dmbackend/device.h"
#include "dmbackend/filesystem.h"
#include "dmbackend/image.h"
#include "dmbackend/loopdev.h"
#include "dmbackend/runtime.h"
#include "dmbackend/setup.h"

struct control;
struct controlfs_mount;
struct event_log;
struct switcher;

struct dmbackend {
	char *mountpoint;
	char *control_name; /* NULL: not shown */
	char name[DEVICE_NAME_MAX];
	char *mkfs_options; /* NULL: none */
	char mount_options[FILESYSTEM_OPTIONS_MAX];
	struct image image;
	struct setup setup;
	struct runtime runtime;
	char lower[DEVICE_PATH_MAX]; /* the disk under the device */
	char node[DEVICE_PATH_MAX];  /* the device */

	int image_fd;	  /* holds its lock; what snapshots copy */
	int loop_fd;	  /* until the device holds the loop */
	char *unfinished; /* of the image, until it has its name */
	bool device_made;

	struct event_log *events;
	struct control *control;
	struct controlfs_mount *control_mount;
	struct switcher *switcher;
	int signal_fd;

	_Atomic uint64_t incarnation;
	_Atomic bool mounted;
};

#endif
