/* SPDX-License-Identifier: MIT */
/*
 * What can be refused by looking is refused before the first step. A step that
 * fails is undone with all before it by the code that ends a mount, too: it
 * takes down what it finds.
 */
#include "dmbackend/dmbackend.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/control.h"
#include "common/errmsg.h"
#include "common/event.h"
#include "common/log.h"
#include "common/mode.h"
#include "common/subprocess.h"
#include "controlfs/controlfs_mount.h"
#include "dmbackend/disk.h"
#include "dmbackend/disk_verbs.h"
#include "dmbackend/examine.h"
#include "dmbackend/mounts.h"
#include "dmbackend/power.h"
#include "dmbackend/switcher.h"
#include "dmbackend/table.h"
#include "dmbackend/teardown.h"

static int no_memory(struct errmsg *reterr_why)
{
	errmsg_set(reterr_why, "not enough memory");
	return -ENOMEM;
}

static const char *control_of(const struct dmbackend_config *config)
{
	const char *name =
		config->control ? config->control : CONTROL_DIRECTORY;

	return strcmp(name, "none") == 0 ? NULL : name;
}

static int choose_name(const struct dmbackend_config *config, const char *id,
		       char ret_name[static DEVICE_NAME_MAX],
		       struct errmsg *reterr_why)
{
	if (config->name && device_check_name(config->name, reterr_why) < 0)
		return -EINVAL;
	if (config->name)
		(void)snprintf(ret_name, DEVICE_NAME_MAX, "%s", config->name);
	else
		(void)snprintf(ret_name, DEVICE_NAME_MAX, "flakey-%s", id);
	return 0;
}

/* From the configuration to the plan; nothing is touched. */
static int plan(const struct dmbackend_config *config,
		struct dmbackend *backend, struct setup_wish *ret_wish,
		struct errmsg *reterr_why)
{
	int r;

	backend->mountpoint = realpath(config->mountpoint, NULL);
	if (!backend->mountpoint) {
		r = -errno;
		errmsg_set(reterr_why, "cannot use the mountpoint '%.200s': %s",
			   config->mountpoint, strerrordesc_np(-r));
		return r;
	}
	runtime_name(backend->mountpoint, &backend->runtime);
	r = choose_name(config, backend->runtime.id, backend->name, reterr_why);
	if (r < 0)
		return r;
	*ret_wish = (struct setup_wish){
		.source = config->source,
		.mountpoint = backend->mountpoint,
		.control = control_of(config),
		.name = backend->name,
		.fstype = config->fstype,
		.mkfs_options = config->mkfs_options,
		.mount_options = config->mount_options,
		.size_bytes = config->size_bytes,
		.format = config->format,
	};
	r = image_look(config->source, &backend->image, reterr_why);
	if (r == 0)
		r = setup_plan(ret_wish, &backend->image, &backend->setup,
			       reterr_why);
	if (r == 0)
		r = filesystem_mount_options(
			backend->setup.filesystem, config->mount_options,
			backend->mount_options, reterr_why);
	return r;
}

static struct dmbackend *backend_new(void)
{
	struct dmbackend *backend = calloc(1, sizeof(*backend));

	if (!backend)
		return NULL;
	backend->image_fd = -1;
	backend->loop_fd = -1;
	backend->signal_fd = -1;
	backend->runtime.fd = -1;
	backend->incarnation = 1;
	return backend;
}

int dmbackend_describe(const struct dmbackend_config *config,
		       enum fields_format format, struct text *text,
		       struct errmsg *reterr_why)
{
	struct dmbackend *backend = backend_new();
	struct setup_wish wish;
	int r;

	if (!backend)
		return no_memory(reterr_why);
	r = plan(config, backend, &wish, reterr_why);
	if (r == 0)
		r = setup_describe(&wish, &backend->image, &backend->setup,
				   format, text, reterr_why);
	dmbackend_free(backend);
	return r;
}

static int note_unfinished(struct dmbackend *backend, struct errmsg *reterr_why)
{
	cleanup_free char *path = NULL;

	if (backend->image.kind != IMAGE_MISSING)
		return 0;
	if (asprintf(&path, "%s%s", backend->image.path, IMAGE_UNFINISHED) <
	    0) {
		path = NULL; /* undefined after a failure */
		return no_memory(reterr_why);
	}
	return runtime_set_unfinished(&backend->runtime, path, reterr_why);
}

static int make_disk(struct dmbackend *backend, struct errmsg *reterr_why)
{
	char loop[LOOPDEV_PATH_MAX];
	int r = note_unfinished(backend, reterr_why);

	if (r == 0)
		r = image_open(&backend->image, backend->setup.size_bytes,
			       &backend->unfinished, &backend->image_fd,
			       reterr_why);
	if (r < 0)
		return r;
	if (!backend->setup.attach) {
		if (strlen(backend->image.path) >= sizeof(backend->lower)) {
			errmsg_set(reterr_why,
				   "the path '%.100s' is too long for a table",
				   backend->image.path);
			return -ENAMETOOLONG;
		}
		strcpy(backend->lower, backend->image.path);
		return 0;
	}
	r = loopdev_attach(backend->image_fd, backend->image.path,
			   &backend->loop_fd, loop, reterr_why);
	if (r == 0)
		(void)snprintf(backend->lower, sizeof(backend->lower), "%s",
			       loop);
	return r;
}

static int make_device(struct dmbackend *backend, struct errmsg *reterr_why)
{
	const struct mode allow = {.kind = MODE_ALLOW_WRITES};
	char parameters[TABLE_PARAMETERS_MAX];
	struct device_info info;
	int r;

	r = device_create(backend->name, backend->runtime.uuid, reterr_why);
	if (r < 0)
		return r;
	backend->device_made = true;
	r = table_parameters(backend->lower, &allow, parameters);
	if (r == 0)
		r = device_load(backend->name,
				backend->setup.size_bytes / SETUP_SECTOR_BYTES,
				parameters, reterr_why);
	if (r == -EINVAL)
		errmsg_set(reterr_why,
			   "this kernel has no dm-flakey: run 'modprobe "
			   "dm-flakey' on the host, or use --backend fuse");
	if (r == 0)
		r = device_resume(backend->name, reterr_why);
	if (r == 0)
		r = device_find(backend->runtime.uuid, &info, reterr_why);
	if (r == 0)
		device_path(&info, backend->node);
	return r;
}

static int format(const struct dmbackend *backend, struct errmsg *reterr_why)
{
	const struct filesystem *filesystem = backend->setup.filesystem;
	struct filesystem_command command;
	struct errmsg said = {""};
	int r;

	r = filesystem_mkfs(filesystem, backend->mkfs_options, backend->node,
			    &command, reterr_why);
	if (r < 0)
		return r;
	r = subprocess_run(command.words, &said);
	if (r == 0)
		return 0;
	if (r == -ENOENT)
		errmsg_set(reterr_why, "there is no %s: install %s",
			   filesystem->mkfs, filesystem->package);
	else
		errmsg_set(reterr_why, "%s failed on '%.200s': %s",
			   filesystem->mkfs, backend->image.path,
			   r < 0 ? strerrordesc_np(-r) : said.text);
	return r < 0 ? r : -EIO;
}

static int make_filesystem(struct dmbackend *backend, struct errmsg *reterr_why)
{
	int r = backend->setup.format ? format(backend, reterr_why) : 0;

	if (r == 0)
		r = power_mount(backend, reterr_why);
	return r;
}

static int make_control(struct dmbackend *backend, struct errmsg *reterr_why)
{
	backend->events = event_new();
	if (backend->events) {
		backend->control =
			control_new((struct backend *)backend,
				    &disk_verbs_table, backend->events);
		backend->switcher = switcher_new(backend->name, backend->lower,
						 backend->setup.size_bytes /
							 SETUP_SECTOR_BYTES,
						 backend->events);
	}
	if (!backend->control || !backend->switcher)
		return no_memory(reterr_why);
	return controlfs_mount_new(backend->control, backend->image.path,
				   backend->runtime.control,
				   &backend->control_mount, reterr_why);
}

static int set_up(struct dmbackend *backend,
		  const struct dmbackend_config *config,
		  struct errmsg *reterr_why)
{
	const char *options = config->mount_options;
	struct setup_wish wish;
	int r = plan(config, backend, &wish, reterr_why);

	if (r < 0)
		return r;
	if (wish.control && !(backend->control_name = strdup(wish.control)))
		return no_memory(reterr_why);
	if (config->mkfs_options &&
	    !(backend->mkfs_options = strdup(config->mkfs_options)))
		return no_memory(reterr_why);
	r = device_available(reterr_why);
	if (r == 0)
		examine_clean_up();
	if (r == 0)
		r = mounts_check_options(backend->setup.filesystem->name,
					 options, reterr_why);
	if (r == 0)
		r = runtime_create(&backend->runtime, backend->mountpoint,
				   reterr_why);
	if (r == 0)
		r = make_disk(backend, reterr_why);
	if (r == 0)
		r = make_device(backend, reterr_why);
	if (r == 0)
		r = make_filesystem(backend, reterr_why);
	if (r == 0)
		r = make_control(backend, reterr_why);
	return r;
}

int dmbackend_mount(const struct dmbackend_config *config,
		    struct dmbackend **ret_backend, struct errmsg *reterr_why)
{
	struct dmbackend *backend = backend_new();
	int r;

	if (!backend)
		return no_memory(reterr_why);
	r = set_up(backend, config, reterr_why);
	if (r < 0) {
		dmbackend_free(backend);
		return r;
	}
	/* The device holds the loop from here on. */
	if (backend->loop_fd >= 0)
		(void)close(steal_fd(&backend->loop_fd));
	*ret_backend = backend;
	return 0;
}

static int signal_descriptor(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL); /* arguments are right */
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

/* The last step: an image that has its name is whole. */
static int finish_image(struct dmbackend *backend, struct errmsg *reterr_why)
{
	int r;

	if (!backend->unfinished)
		return 0;
	r = image_finish(&backend->image, backend->unfinished, reterr_why);
	if (r < 0)
		return r;
	free(steal(backend->unfinished));
	return runtime_set_unfinished(&backend->runtime, NULL, reterr_why);
}

int dmbackend_start(struct dmbackend *backend, struct errmsg *reterr_why)
{
	int r;

	/* Before any thread starts, so that all inherit the mask. */
	backend->signal_fd = signal_descriptor();
	r = backend->signal_fd < 0 ? -errno : switcher_start(backend->switcher);
	if (r < 0) {
		errmsg_set(reterr_why, "cannot start to serve '%.200s': %s",
			   backend->mountpoint, strerrordesc_np(-r));
		return r;
	}
	r = controlfs_mount_start(backend->control_mount, reterr_why);
	/* Not before it answers: looking at a path asks it. */
	if (r == 0 && backend->control_name)
		r = mounts_show_control(backend->runtime.control,
					backend->mountpoint,
					backend->control_name, reterr_why);
	return r < 0 ? r : finish_image(backend, reterr_why);
}

static int take_down(struct dmbackend *backend, struct errmsg *reterr_why)
{
	const struct teardown teardown = {
		.mountpoint = backend->mountpoint,
		.control = backend->control_name,
	};
	int r = teardown_run(&teardown, &backend->runtime, reterr_why);

	if (r == 0)
		backend->device_made = false;
	return r;
}

int dmbackend_serve(struct dmbackend *backend, struct errmsg *reterr_why)
{
	struct pollfd fds[] = {
		{.fd = controlfs_mount_ended_fd(backend->control_mount),
		 .events = POLLIN},
		{.fd = backend->signal_fd, .events = POLLIN},
	};

	for (;;) {
		struct signalfd_siginfo info;
		ssize_t size;
		int r;

		if (poll(fds, 2, -1) < 0)
			continue; /* EINTR */
		if (fds[0].revents) {
			/* Whoever unmounted it has taken the rest down. */
			backend->device_made = false;
			return 0;
		}
		size = read(backend->signal_fd, &info, sizeof(info));
		(void)size; /* which one does not matter */
		r = take_down(backend, reterr_why);
		if (r == 0)
			return 0;
		log_warning("cannot end: %s", reterr_why->text);
	}
}

/* An image that was there and empty is so again. */
static void empty_again(const struct dmbackend *backend)
{
	int r;

	if (backend->image.kind != IMAGE_FILE || !backend->image.blank)
		return;
	r = ftruncate(backend->image_fd, 0);
	if (r == 0)
		r = ftruncate(backend->image_fd,
			      (off_t)backend->image.size_bytes);
	if (r < 0)
		log_warning_errno(errno, "cannot empty '%s' again",
				  backend->image.path);
}

void dmbackend_free(struct dmbackend *backend)
{
	struct errmsg why;

	if (!backend)
		return;
	if (backend->device_made && take_down(backend, &why) < 0)
		log_warning("something is left behind: %s", why.text);
	controlfs_mount_free(backend->control_mount);
	control_free(backend->control);
	switcher_free(backend->switcher);
	event_free(backend->events);
	if (backend->loop_fd >= 0)
		(void)close(backend->loop_fd); /* frees the loop */
	if (backend->unfinished)
		(void)unlink(backend->unfinished); /* ours */
	if (backend->image_fd >= 0 && !backend->mounted)
		empty_again(backend);
	if (backend->image_fd >= 0)
		(void)close(backend->image_fd); /* nothing to flush */
	if (backend->signal_fd >= 0)
		(void)close(backend->signal_fd);
	runtime_remove(&backend->runtime);
	image_done(&backend->image);
	free(backend->unfinished);
	free(backend->mountpoint);
	free(backend->control_name);
	free(backend->mkfs_options);
	free(backend);
}

/* What a killed server has left, of the mount and of the image it was making. */
static int clean_leftovers(const char *mountpoint, struct runtime *runtime,
			   bool kill, struct errmsg *reterr_why)
{
	const struct teardown teardown = {
		.mountpoint = mountpoint,
		.kill = kill,
	};
	cleanup_free char *unfinished = runtime_unfinished(runtime);
	int r = teardown_run(&teardown, runtime, reterr_why);

	if (r == 0 && unfinished)
		(void)unlink(unfinished); /* it may not have been made yet */
	return r;
}

bool dmbackend_exists(const char *mountpoint)
{
	struct runtime runtime;

	runtime_name(mountpoint, &runtime);
	return runtime_exists(&runtime);
}

int dmbackend_unmount(const char *mountpoint, const char *control, bool kill,
		      struct errmsg *reterr_why)
{
	const struct teardown teardown = {
		.mountpoint = mountpoint,
		.control = control ? control : CONTROL_DIRECTORY,
		.kill = kill,
	};
	struct runtime runtime;
	int r = device_available(reterr_why);

	if (r < 0)
		return r;
	runtime_name(mountpoint, &runtime);
	r = runtime_lock(&runtime, reterr_why);
	if (r == -EBUSY) /* its server lives, and will remove the rest */
		return teardown_run(&teardown, &runtime, reterr_why);
	if (r < 0)
		return r;
	r = clean_leftovers(mountpoint, &runtime, kill, reterr_why);
	if (r < 0)
		runtime_unlock(&runtime);
	else
		runtime_remove(&runtime);
	return r;
}

int dmbackend_prepare(const char *mountpoint, struct errmsg *reterr_why)
{
	cleanup_free char *path = realpath(mountpoint, NULL);
	struct runtime runtime;
	int r;

	/* What is wrong with it, others say better. */
	if (!path || !dmbackend_exists(path))
		return 0;
	r = device_available(reterr_why);
	if (r < 0)
		return r;
	runtime_name(path, &runtime);
	r = runtime_lock(&runtime, reterr_why);
	if (r == -ENOENT) /* it ended just now */
		return 0;
	if (r == -EBUSY)
		errmsg_set(reterr_why,
			   "'%.200s' is a flakey mount already; say 'flakey "
			   "umount %.200s' first",
			   path, path);
	if (r < 0)
		return r;
	log_info("'%s' was left by a dead flakey, taking it over", path);
	r = clean_leftovers(path, &runtime, false, reterr_why);
	if (r < 0)
		runtime_unlock(&runtime);
	else
		runtime_remove(&runtime);
	return r;
}
