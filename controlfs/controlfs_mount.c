/* SPDX-License-Identifier: MIT */
/*
 * One thread serves all requests, none of which takes long; lines have the
 * thread of controlfs.c.
 */
#include "controlfs/controlfs_mount.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/errmsg.h"
#include "controlfs/controlfs.h"

#define SUBTYPE_OPTIONS "-osubtype=flakey-dm,default_permissions,allow_other"
#define OPTIONS_MAX 8192

struct controlfs_mount {
	struct controlfs *controlfs;
	struct fuse_session *session;
	char *mountpoint;
	pthread_t thread;
	bool mounted;
	bool running;
	int ended_fd;
};

static struct controlfs *controlfs_of(fuse_req_t req)
{
	const struct controlfs_mount *mount = fuse_req_userdata(req);

	return mount->controlfs;
}

static void answer_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {0};

	if (parent == FUSE_ROOT_ID)
		entry.ino = controlfs_find(controlfs_of(req), name);
	if (entry.ino == 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	controlfs_fill(controlfs_of(req), entry.ino, &entry.attr);
	fuse_reply_entry(req, &entry);
}

static void answer_getattr(fuse_req_t req, fuse_ino_t nodeid,
			   struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	controlfs_fill(controlfs_of(req), nodeid, &st);
	fuse_reply_attr(req, &st, 0);
}

/* `echo x > control` truncates first; nothing else can be set. */
static void answer_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *attr,
			   int to_set, struct fuse_file_info *fi)
{
	(void)attr;
	if (to_set &
	    (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		fuse_reply_err(req, EPERM);
	else
		answer_getattr(req, nodeid, fi);
}

static void answer_open(fuse_req_t req, fuse_ino_t nodeid,
			struct fuse_file_info *fi)
{
	controlfs_open(controlfs_of(req), req, nodeid, fi);
}

static void answer_read(fuse_req_t req, fuse_ino_t nodeid, size_t size,
			off_t offset, struct fuse_file_info *fi)
{
	(void)nodeid;
	controlfs_read(req, fi, size, offset);
}

static void answer_write(fuse_req_t req, fuse_ino_t nodeid, const char *data,
			 size_t size, off_t offset, struct fuse_file_info *fi)
{
	(void)nodeid;
	(void)offset;
	controlfs_write(controlfs_of(req), req, fi, data, size);
}

static void answer_release(fuse_req_t req, fuse_ino_t nodeid,
			   struct fuse_file_info *fi)
{
	(void)nodeid;
	controlfs_release(fi);
	fuse_reply_err(req, 0);
}

static void answer_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size,
			   off_t offset, struct fuse_file_info *fi)
{
	(void)nodeid;
	(void)fi;
	controlfs_readdir(req, size, offset);
}

static void answer_fsync(fuse_req_t req, fuse_ino_t nodeid, int datasync,
			 struct fuse_file_info *fi)
{
	(void)nodeid;
	(void)datasync;
	(void)fi;
	fuse_reply_err(req, 0); /* a write returns when it is done */
}

static const struct fuse_lowlevel_ops answer_ops = {
	.lookup = answer_lookup,
	.getattr = answer_getattr,
	.setattr = answer_setattr,
	.open = answer_open,
	.read = answer_read,
	.write = answer_write,
	.release = answer_release,
	.readdir = answer_readdir,
	.fsync = answer_fsync,
};

/* What libfuse said last: it explains a failed mount better than errno. */
static struct errmsg libfuse_words;

__attribute__((format(printf, 2, 0))) static void
take_libfuse_words(enum fuse_log_level level, const char *format,
		   va_list arguments)
{
	char words[ERRMSG_MAX];

	(void)level;
	(void)vsnprintf(words, sizeof(words), format, arguments);
	words[strcspn(words, "\n")] = '\0';
	errmsg_set(&libfuse_words, "%s", words);
}

/* Commas and backslashes end an option's value for libfuse. */
static int add_source(char *options, const char *source)
{
	size_t used = strlen(options);

	used += (size_t)snprintf(options + used, OPTIONS_MAX - used,
				 ",fsname=");
	for (; *source; source++) {
		if (used + 3 > OPTIONS_MAX)
			return -ENAMETOOLONG;
		if (*source == ',' || *source == '\\')
			options[used++] = '\\';
		options[used++] = *source;
	}
	options[used] = '\0';
	return 0;
}

static int make_session(struct controlfs_mount *mount, const char *source)
{
	char options[OPTIONS_MAX] = SUBTYPE_OPTIONS;
	char *arguments[] = {(char *)"flakey", options, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(2, arguments);
	int r = add_source(options, source);

	if (r < 0)
		return r;
	mount->session =
		fuse_session_new(&args, &answer_ops, sizeof(answer_ops), mount);
	fuse_opt_free_args(&args);
	if (!mount->session)
		return -EIO;
	errno = 0;
	if (fuse_session_mount(mount->session, mount->mountpoint) != 0)
		return errno > 0 ? -errno : -EIO;
	mount->mounted = true;
	return 0;
}

int controlfs_mount_new(struct control *control, const char *source,
			const char *mountpoint,
			struct controlfs_mount **ret_mount,
			struct errmsg *reterr_why)
{
	const struct controlfs_config config = {
		.control = control,
		.first_node = FUSE_ROOT_ID,
		.uid = geteuid(),
		.gid = getegid(),
	};
	struct controlfs_mount *mount = calloc(1, sizeof(*mount));
	int r = -ENOMEM;

	libfuse_words.text[0] = '\0';
	fuse_set_log_func(take_libfuse_words);
	if (mount) {
		mount->controlfs = controlfs_new(&config);
		mount->mountpoint = strdup(mountpoint);
		mount->ended_fd = eventfd(0, EFD_CLOEXEC);
		if (mount->ended_fd < 0)
			r = -errno;
		else if (mount->controlfs && mount->mountpoint)
			r = make_session(mount, source);
	}
	if (r < 0) {
		errmsg_set(reterr_why,
			   "cannot mount the control files on '%s': %s; is "
			   "/dev/fuse there ('modprobe fuse')?",
			   mountpoint,
			   libfuse_words.text[0] ? libfuse_words.text
						 : strerrordesc_np(-r));
		controlfs_mount_free(mount);
		return r;
	}
	*ret_mount = mount;
	return 0;
}

static void *serve(void *user)
{
	struct controlfs_mount *mount = user;
	struct fuse_buf buffer = {0};
	const uint64_t one = 1;
	ssize_t size;

	while (!fuse_session_exited(mount->session)) {
		int r = fuse_session_receive_buf(mount->session, &buffer);

		if (r == -EINTR || r == -EAGAIN)
			continue;
		if (r <= 0)
			break;
		fuse_session_process_buf(mount->session, &buffer);
	}
	free(buffer.mem);
	size = write(mount->ended_fd, &one, sizeof(one));
	(void)size; /* cannot fail on a fresh eventfd */
	return NULL;
}

int controlfs_mount_start(struct controlfs_mount *mount,
			  struct errmsg *reterr_why)
{
	int r = controlfs_start(mount->controlfs);

	if (r == 0) {
		r = -pthread_create(&mount->thread, NULL, serve, mount);
		mount->running = r == 0;
	}
	if (r < 0)
		errmsg_set(reterr_why, "cannot start a thread: %s",
			   strerrordesc_np(-r));
	return r;
}

int controlfs_mount_ended_fd(const struct controlfs_mount *mount)
{
	return mount->ended_fd;
}

void controlfs_mount_free(struct controlfs_mount *mount)
{
	if (!mount)
		return;
	/* What was written is done first: it may be answered. */
	if (mount->controlfs)
		controlfs_stop(mount->controlfs);
	if (mount->mounted) {
		/* Cuts off those who still have a file open. */
		(void)umount2(mount->mountpoint,
			      UMOUNT_NOFOLLOW | MNT_FORCE | MNT_DETACH);
		/* keeps going: libfuse closes the descriptor, too */
		fuse_session_exit(mount->session);
	}
	if (mount->running)
		pthread_join(mount->thread, NULL);
	if (mount->mounted)
		fuse_session_unmount(mount->session);
	if (mount->session)
		fuse_session_destroy(mount->session);
	if (mount->ended_fd >= 0)
		(void)close(mount->ended_fd); /* nothing to flush */
	controlfs_free(mount->controlfs);
	free(mount->mountpoint);
	free(mount);
}
