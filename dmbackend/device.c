/* SPDX-License-Identifier: MIT */
#include "dmbackend/device.h"

#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <linux/dm-ioctl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"

#define CONTROL_NODE "/dev/mapper/control"
/* udev's rules would have blkid look into the device, which is the usual cause
 * of a device that is busy when it shall go. */
#define COOKIE_FLAGS                                                           \
	(DM_UDEV_DISABLE_DM_RULES_FLAG |                                       \
	 DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG |                                \
	 DM_UDEV_DISABLE_DISK_RULES_FLAG | DM_UDEV_DISABLE_OTHER_RULES_FLAG)
/* After an unmount the last user may go a little later. */
#define REMOVE_PATIENCE_MS 10000
#define REMOVE_PAUSE_MS 20

/* Guards all of libdevmapper, and what it said last. */
static pthread_mutex_t device_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct errmsg device_words;

__attribute__((format(printf, 5, 6))) static void
take_words(int level, const char *file, int line, int error, const char *format,
	   ...)
{
	char words[ERRMSG_MAX];
	va_list arguments;

	(void)file;
	(void)line;
	(void)error;
	if ((level & 7) > 4) /* more than a warning is chatter */
		return;
	va_start(arguments, format);
	(void)vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	errmsg_set(&device_words, "%s", words);
}

static void prepare_locked(void)
{
	dm_log_with_errno_init(take_words);
	(void)dm_udev_set_sync_support(0); /* no such function failed yet */
	device_words.text[0] = '\0';
}

static bool kernel_has_it(void)
{
	FILE *misc = fopen("/proc/misc", "re");
	char line[256];
	bool found = false;

	while (misc && !found && fgets(line, sizeof(line), misc))
		found = strstr(line, " device-mapper\n") != NULL;
	if (misc)
		(void)fclose(misc); /* was only read */
	return found;
}

/* Looks before libdevmapper does, which would make a control node where there
 * is no device mapper. */
int device_available(struct errmsg *reterr_why)
{
	struct dm_ioctl version = {
		.version = {DM_VERSION_MAJOR},
		.data_size = sizeof(version),
	};
	cleanup_fd int fd = -1;

	if (geteuid() != 0) {
		errmsg_set(reterr_why,
			   "the dm backend needs root: use sudo, or "
			   "--backend fuse, which needs no privileges");
		return -EPERM;
	}
	/* Opening the node loads the module where the host lets us. */
	fd = open(CONTROL_NODE, O_RDWR | O_CLOEXEC);
	if (fd < 0 && (errno == EPERM || errno == EACCES)) {
		errmsg_set(reterr_why,
			   "'%s' may not be opened: start the container with "
			   "--privileged, or use --backend fuse",
			   CONTROL_NODE);
		return -EPERM;
	}
	if (fd >= 0 && ioctl(fd, DM_VERSION, &version) < 0 &&
	    (errno == EACCES || errno == EPERM)) {
		errmsg_set(reterr_why,
			   "the dm backend needs CAP_SYS_ADMIN, which this "
			   "container has not got: start it with --privileged, "
			   "or use --backend fuse");
		return -EPERM;
	}
	if (!kernel_has_it()) {
		errmsg_set(reterr_why,
			   "this kernel has no device mapper: run 'modprobe "
			   "dm-flakey' on the host, or use --backend fuse");
		return -ENODEV;
	}
	return 0;
}

int device_check_name(const char *name, struct errmsg *reterr_why)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789._-");

	if (name[length] == '\0' && length > 0 && length < DEVICE_NAME_MAX &&
	    strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		return 0;
	errmsg_set(reterr_why,
		   "'%.80s' cannot name a device: use at most %d letters, "
		   "digits and . _ -",
		   name, DEVICE_NAME_MAX - 1);
	return -EINVAL;
}

/* Runs a task and says what became of it. Takes the task over. */
static int run_locked(struct dm_task *task, const char *doing, const char *name,
		      struct errmsg *reterr_why)
{
	int r = 0;

	if (!task) {
		errmsg_set(reterr_why, "cannot %s '%s': out of memory", doing,
			   name);
		return -ENOMEM;
	}
	if (!dm_task_run(task)) {
		r = -dm_task_get_errno(task);
		if (r == 0)
			r = -EIO;
		errmsg_set(reterr_why, "cannot %s '%s': %s", doing, name,
			   strerrordesc_np(-r));
	}
	dm_task_destroy(task);
	/* Nodes are made and removed later without these. */
	dm_task_update_nodes();
	dm_lib_release();
	return r;
}

static struct dm_task *task_new(int type, const char *name)
{
	struct dm_task *task = dm_task_create(type);

	if (task && !dm_task_set_name(task, name)) {
		dm_task_destroy(task);
		return NULL;
	}
	return task;
}

int device_find(const char *uuid, struct device_info *ret_info,
		struct errmsg *reterr_why)
{
	struct dm_task *task;
	struct dm_info info;
	int r = 0;

	pthread_mutex_lock(&device_mutex);
	prepare_locked();
	task = dm_task_create(DM_DEVICE_INFO);
	if (!task || !dm_task_set_uuid(task, uuid) || !dm_task_run(task) ||
	    !dm_task_get_info(task, &info)) {
		r = task && dm_task_get_errno(task) ? -dm_task_get_errno(task)
						    : -EIO;
		errmsg_set(reterr_why, "cannot look for the device '%s': %s",
			   uuid, strerrordesc_np(-r));
	} else if (!info.exists) {
		r = -ENXIO;
		errmsg_set(reterr_why, "there is no device '%s'", uuid);
	} else {
		*ret_info = (struct device_info){
			.suspended = info.suspended,
			.live = info.live_table,
			.open_count = info.open_count,
			.major = info.major,
			.minor = info.minor,
		};
		(void)snprintf(ret_info->name, sizeof(ret_info->name), "%s",
			       dm_task_get_name(task));
	}
	if (task)
		dm_task_destroy(task);
	dm_lib_release();
	pthread_mutex_unlock(&device_mutex);
	return r;
}

/* A list of records, each with the distance to the next. */
static size_t
take_names(const struct dm_names *names, const char *prefix,
	   char ret_names[static DEVICE_LIST_MAX][DEVICE_NAME_MAX])
{
	size_t count = 0;

	while (names && names->dev && count < DEVICE_LIST_MAX) {
		if (strncmp(names->name, prefix, strlen(prefix)) == 0 &&
		    strlen(names->name) < DEVICE_NAME_MAX)
			strcpy(ret_names[count++], names->name);
		if (names->next == 0)
			break;
		names = (const struct dm_names *)(const void *)((const char *)
									names +
								names->next);
	}
	return count;
}

size_t device_list(const char *prefix,
		   char ret_names[static DEVICE_LIST_MAX][DEVICE_NAME_MAX])
{
	struct dm_task *task;
	size_t count = 0;

	pthread_mutex_lock(&device_mutex);
	prepare_locked();
	task = dm_task_create(DM_DEVICE_LIST);
	if (task && dm_task_run(task))
		count = take_names(dm_task_get_names(task), prefix, ret_names);
	if (task)
		dm_task_destroy(task);
	dm_lib_release();
	pthread_mutex_unlock(&device_mutex);
	return count;
}

int device_create(const char *name, const char *uuid, struct errmsg *reterr_why)
{
	struct dm_task *task;
	int r;

	pthread_mutex_lock(&device_mutex);
	prepare_locked();
	task = task_new(DM_DEVICE_CREATE, name);
	if (task && (!dm_task_set_uuid(task, uuid) ||
		     !dm_task_set_add_node(task, DM_ADD_NODE_ON_RESUME))) {
		dm_task_destroy(task);
		task = NULL;
	}
	r = run_locked(task, "create the device", name, reterr_why);
	if (r == -EBUSY)
		errmsg_set(reterr_why,
			   "a device '%s' exists already: choose another "
			   "--name, or remove it with 'dmsetup remove %s'",
			   name, name);
	pthread_mutex_unlock(&device_mutex);
	return r;
}

int device_load(const char *name, uint64_t sectors, const char *parameters,
		struct errmsg *reterr_why)
{
	struct dm_task *task;
	int r;

	pthread_mutex_lock(&device_mutex);
	prepare_locked();
	task = task_new(DM_DEVICE_RELOAD, name);
	if (task &&
	    !dm_task_add_target(task, 0, sectors, "flakey", parameters)) {
		dm_task_destroy(task);
		task = NULL;
	}
	r = run_locked(task, "load a table into", name, reterr_why);
	if (r == -EINVAL)
		errmsg_set(reterr_why,
			   "the kernel refuses the table '0 %llu flakey %s': "
			   "its log ('dmesg') says why",
			   (unsigned long long)sectors, parameters);
	pthread_mutex_unlock(&device_mutex);
	return r;
}

int device_resume(const char *name, struct errmsg *reterr_why)
{
	struct dm_task *task;
	uint32_t cookie = 0;
	int r;

	pthread_mutex_lock(&device_mutex);
	prepare_locked();
	task = task_new(DM_DEVICE_RESUME, name);
	if (task && (!dm_task_skip_lockfs(task) ||
		     !dm_task_set_add_node(task, DM_ADD_NODE_ON_RESUME) ||
		     !dm_task_set_cookie(task, &cookie, COOKIE_FLAGS))) {
		dm_task_destroy(task);
		task = NULL;
	}
	r = run_locked(task, "switch the device", name, reterr_why);
	pthread_mutex_unlock(&device_mutex);
	return r;
}

static int simple(int type, const char *doing, const char *name,
		  bool skip_lockfs, struct errmsg *reterr_why)
{
	struct dm_task *task;
	int r;

	pthread_mutex_lock(&device_mutex);
	prepare_locked();
	task = task_new(type, name);
	if (task && skip_lockfs && !dm_task_skip_lockfs(task)) {
		dm_task_destroy(task);
		task = NULL;
	}
	r = run_locked(task, doing, name, reterr_why);
	pthread_mutex_unlock(&device_mutex);
	return r;
}

int device_clear(const char *name, struct errmsg *reterr_why)
{
	return simple(DM_DEVICE_CLEAR, "clear the new table of", name, false,
		      reterr_why);
}

int device_suspend(const char *name, struct errmsg *reterr_why)
{
	return simple(DM_DEVICE_SUSPEND, "hold back the device", name, true,
		      reterr_why);
}

static int remove_once(const char *name, struct errmsg *reterr_why)
{
	struct dm_task *task;
	uint32_t cookie = 0;
	int r;

	pthread_mutex_lock(&device_mutex);
	prepare_locked();
	task = task_new(DM_DEVICE_REMOVE, name);
	if (task && !dm_task_set_cookie(task, &cookie, COOKIE_FLAGS)) {
		dm_task_destroy(task);
		task = NULL;
	}
	r = run_locked(task, "remove the device", name, reterr_why);
	pthread_mutex_unlock(&device_mutex);
	return r;
}

int device_remove(const char *name, struct errmsg *reterr_why)
{
	int waited_ms = 0;
	int r;

	while ((r = remove_once(name, reterr_why)) == -EBUSY &&
	       waited_ms < REMOVE_PATIENCE_MS) {
		(void)usleep(REMOVE_PAUSE_MS * 1000); /* shorter is as good */
		waited_ms += REMOVE_PAUSE_MS;
	}
	return r == -ENXIO ? 0 : r;
}

void device_path(const struct device_info *info,
		 char ret_path[static DEVICE_PATH_MAX])
{
	struct stat st;

	(void)snprintf(ret_path, DEVICE_PATH_MAX, "/dev/mapper/%s", info->name);
	if (stat(ret_path, &st) == 0 && S_ISBLK(st.st_mode) &&
	    st.st_rdev == makedev(info->major, info->minor))
		return;
	(void)snprintf(ret_path, DEVICE_PATH_MAX, "/dev/dm-%u", info->minor);
}
