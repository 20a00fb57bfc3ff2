/* SPDX-License-Identifier: MIT */
#include "common/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/control.h"
#include "common/errmsg.h"
#include "common/mountinfo.h"
#include "common/text.h"

struct client {
	struct mountinfo mount;
	char *control;
};

static int explain_path(int r, const char *path, struct errmsg *reterr_why)
{
	if (r == -EACCES)
		errmsg_set(
			reterr_why,
			"'%.200s' may not be looked at; a mount is for the user "
			"who made it, unless mounted with --allow-other",
			path);
	else if (r == -ENOTCONN || r == -ECONNABORTED)
		errmsg_set(
			reterr_why,
			"the flakey that served '%.200s' is dead; clean up with "
			"'flakey umount' or mount anew",
			path);
	else
		errmsg_set(reterr_why, "'%.200s': %s", path,
			   strerrordesc_np(-r));
	return r;
}

/* A dm mount is the kernel's own file system with our control files in it. */
static int find_control(const char *control, struct mountinfo *mount)
{
	cleanup_free char *path = NULL;
	struct mountinfo inner;
	struct statfs fs;
	int r;

	if (asprintf(&path, "%s/%s", mount->mountpoint, control) < 0) {
		path = NULL; /* undefined after a failure */
		return -ENOMEM;
	}
	r = mountinfo_find(path, &inner);
	if (r < 0)
		return r;
	if (strcmp(inner.type, MOUNTINFO_TYPE_DM) != 0 ||
	    strcmp(inner.mountpoint, path) != 0) {
		mountinfo_done(&inner);
		return -ENOTTY;
	}
	/* Its place is that of the file system around it. */
	free(inner.mountpoint);
	inner.mountpoint = steal(mount->mountpoint);
	mountinfo_done(mount);
	*mount = inner;
	return statfs(path, &fs) < 0 ? -errno : 0;
}

/* Which mount of ours it is; -ENOTTY: none. */
static int classify(const char *control, struct mountinfo *mount)
{
	char *slash;

	if (strcmp(mount->type, MOUNTINFO_TYPE_FUSE) == 0)
		return 0;
	if (strcmp(mount->type, MOUNTINFO_TYPE_DM) != 0)
		return find_control(control, mount);
	/* The path leads into the control directory. */
	slash = strrchr(mount->mountpoint, '/');
	if (slash && slash != mount->mountpoint)
		*slash = '\0';
	return 0;
}

static int find_mount(const char *path, const char *control,
		      struct mountinfo *ret_mount, struct errmsg *reterr_why)
{
	cleanup_free char *resolved = NULL;
	struct mountinfo mount;
	bool dead;
	int r;

	r = mountinfo_resolve(path, &resolved, &dead);
	if (r < 0)
		return explain_path(r, path, reterr_why);
	r = mountinfo_find(resolved, &mount);
	if (r < 0) {
		errmsg_set(reterr_why, "cannot find the mount of '%.200s': %s",
			   path, strerrordesc_np(-r));
		return r;
	}
	r = classify(control, &mount);
	if (r == 0 && dead)
		r = -ENOTCONN;
	if (r == -ENOTTY)
		errmsg_set(
			reterr_why,
			"'%.200s' is on no flakey mount; 'flakey mount' makes "
			"one",
			path);
	else if (r < 0)
		(void)explain_path(r, mount.mountpoint, reterr_why);
	if (r < 0)
		mountinfo_done(&mount);
	else
		*ret_mount = mount;
	return r;
}

int client_open(const char *path, const char *control,
		struct client **ret_client, struct errmsg *reterr_why)
{
	struct client *client = calloc(1, sizeof(*client));
	int r;

	if (client)
		client->control = strdup(control ? control : CONTROL_DIRECTORY);
	if (!client || !client->control) {
		client_close(client);
		errmsg_set(reterr_why, "out of memory");
		return -ENOMEM;
	}
	r = find_mount(path, client->control, &client->mount, reterr_why);
	if (r < 0) {
		client_close(client);
		return r;
	}
	*ret_client = client;
	return 0;
}

void client_close(struct client *client)
{
	if (!client)
		return;
	mountinfo_done(&client->mount);
	free(client->control);
	free(client);
}

const char *client_mountpoint(const struct client *client)
{
	return client->mount.mountpoint;
}

bool client_has_device(const struct client *client)
{
	return strcmp(client->mount.type, MOUNTINFO_TYPE_DM) == 0;
}

int client_file(const struct client *client, const char *name, int flags,
		struct errmsg *reterr_why)
{
	cleanup_free char *path = NULL;
	int fd;
	int r;

	if (asprintf(&path, "%s/%s/%s", client->mount.mountpoint,
		     client->control, name) < 0) {
		path = NULL; /* undefined after a failure */
		errmsg_set(reterr_why, "out of memory");
		return -ENOMEM;
	}
	fd = open(path, flags | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	r = -errno;
	if (r == -ENOENT)
		errmsg_set(reterr_why,
			   "the mount '%s' has no control directory '%s': was "
			   "it mounted with another --control name, or none?",
			   client->mount.mountpoint, client->control);
	else
		(void)explain_path(r, client->mount.mountpoint, reterr_why);
	return r;
}

/* Reads from the start to the end. */
static int read_all(int fd, struct text *text)
{
	char buffer[4096];
	off_t offset = 0;

	for (;;) {
		ssize_t size = pread(fd, buffer, sizeof(buffer), offset);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -errno;
		if (size == 0)
			return text_result(text);
		text_append(text, buffer, (size_t)size);
		offset += size;
	}
}

static void explain_refusal(int fd, int error, struct errmsg *reterr_why)
{
	struct text sentence;

	text_init(&sentence);
	if (read_all(fd, &sentence) == 0 && sentence.length_bytes > 1)
		errmsg_set(reterr_why, "%.*s", (int)sentence.length_bytes - 1,
			   sentence.data);
	else
		errmsg_set(reterr_why, "the file system refused it: %s",
			   strerrordesc_np(error));
	text_done(&sentence);
}

int client_command(const struct client *client, const char *line,
		   struct text *ret_answer, struct errmsg *reterr_why)
{
	cleanup_fd int fd = client_file(client, "control", O_RDWR, reterr_why);
	size_t length = strlen(line);
	int r = 0;

	if (fd < 0)
		return fd;
	/* Never again after EINTR: a second crash is another crash. */
	errno = EIO; /* of a short write, which sets none */
	if (write(fd, line, length) != (ssize_t)length) {
		r = -errno;
		explain_refusal(fd, -r, reterr_why);
		return r;
	}
	if (ret_answer)
		r = read_all(fd, ret_answer);
	if (r < 0)
		errmsg_set(reterr_why,
			   "it is done, but its answer could not "
			   "be read: %s",
			   strerrordesc_np(-r));
	return r;
}
