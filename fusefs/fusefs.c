/* SPDX-License-Identifier: MIT */
#include "fusefs/fusefs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/control.h"
#include "common/errmsg.h"
#include "common/event.h"
#include "common/log.h"
#include "common/mountinfo.h"
#include "common/subprocess.h"
#include "common/text.h"
#include "controlfs/controlfs.h"
#include "fusefs/background.h"
#include "fusefs/commit.h"
#include "fusefs/fault.h"
#include "fusefs/loop.h"
#include "fusefs/ops.h"
#include "fusefs/probe.h"
#include "fusefs/verbs.h"
#include "fusefs/verbs_fault.h"
#include "fusefs/volume.h"
#include "fusefs/warden.h"
#include "fusefs/wire.h"
#include "rules/rules.h"
#include "rules/rules_http.h"

/* How long a terminated mount is served for those who still use it. */
#define BUSY_PATIENCE_MS 2000

/* So much unsynced data is not in the scratch file: 32 MiB. */
#define MEMORY_CHUNKS 32

/* What libfuse said last: it explains a failed mount better than errno. */
static struct errmsg libfuse_words;

__attribute__((format(printf, 2, 0))) static void
take_libfuse_words(enum fuse_log_level level, const char *format,
		   va_list arguments)
{
	(void)level;
	int n = vsnprintf(libfuse_words.text, sizeof(libfuse_words.text),
			  format, arguments);
	while (n > 0 && n < ERRMSG_MAX && libfuse_words.text[n - 1] == '\n')
		libfuse_words.text[--n] = '\0';
}

static char *copy(const char *string)
{
	return strdup(string != NULL ? string : "");
}

static const char *scratch_of(const struct fusefs_config *config)
{
	const char *directory = config->scratch;
	if (directory == NULL)
		directory = getenv("TMPDIR");
	return directory == NULL || *directory == '\0' ? "/var/tmp" : directory;
}

static int copy_config(struct fusefs *fusefs,
		       const struct fusefs_config *config)
{
	const char *control =
		config->control ? config->control : CONTROL_DIRECTORY;
	fusefs->config = *config;
	fusefs->config.source = realpath(config->source, NULL);
	int source = errno;
	fusefs->config.mountpoint = realpath(config->mountpoint, NULL);
	int mountpoint = errno;
	fusefs->config.profile =
		copy(config->profile ? config->profile : "ext4");
	fusefs->config.scratch = copy(scratch_of(config));
	fusefs->config.control = NULL;
	if (config->http != NULL)
		fusefs->config.http = copy(config->http);
	bool controlled = strcmp(control, "none") != 0;
	if (controlled)
		fusefs->control_name = copy(control);
	fusefs->uid = geteuid();
	fusefs->gid = getegid();
	if (fusefs->config.profile == NULL || fusefs->config.scratch == NULL ||
	    (controlled && fusefs->control_name == NULL) ||
	    (config->http != NULL && fusefs->config.http == NULL) ||
	    (fusefs->config.source == NULL && source == ENOMEM) ||
	    (fusefs->config.mountpoint == NULL && mountpoint == ENOMEM))
		return -ENOMEM;
	return 0;
}

static bool is_inside(const char *inner, const char *outer)
{
	size_t length = strlen(outer);
	if (strncmp(inner, outer, length) != 0)
		return false;
	return outer[length - 1] == '/' || inner[length] == '/' ||
	       inner[length] == '\0';
}

/* The source below the mountpoint would be hidden by the mount, and the mount
 * below the source would be asked for its own content. */
static int check_places(const struct fusefs *fusefs,
			const struct fusefs_config *asked,
			struct errmsg *reterr_why)
{
	const char *source = fusefs->config.source;
	const char *mountpoint = fusefs->config.mountpoint;
	if (source == NULL || mountpoint == NULL) {
		const char *missing =
			source == NULL ? asked->source : asked->mountpoint;
		errmsg_set(reterr_why,
			   "'%s' does not exist; create the directory first",
			   missing);
		return -ENOENT;
	}
	struct stat st;
	if (stat(mountpoint, &st) < 0 || !S_ISDIR(st.st_mode)) {
		errmsg_set(reterr_why, "the mountpoint '%s' is not a directory",
			   mountpoint);
		return -ENOTDIR;
	}
	if (is_inside(source, mountpoint) || is_inside(mountpoint, source)) {
		errmsg_set(reterr_why,
			   "the source '%s' and the mountpoint '%s' lie inside"
			   " each other; choose two separate directories",
			   source, mountpoint);
		return -EINVAL;
	}
	if (fusefs->control_name != NULL &&
	    (strchr(fusefs->control_name, '/') != NULL ||
	     strcmp(fusefs->control_name, ".") == 0 ||
	     strcmp(fusefs->control_name, "..") == 0 ||
	     *fusefs->control_name == '\0' ||
	     strlen(fusefs->control_name) > 255)) {
		errmsg_set(reterr_why,
			   "'%s' cannot name the control directory; give a"
			   " plain file name, or none",
			   fusefs->control_name);
		return -EINVAL;
	}
	return 0;
}

/* Commas and backslashes end an option's value for libfuse. */
static int append_escaped(char *to, size_t size, const char *value)
{
	size_t used = strlen(to);
	for (; *value != '\0'; value++) {
		if (used + 3 > size)
			return -ENAMETOOLONG;
		if (*value == ',' || *value == '\\')
			to[used++] = '\\';
		to[used++] = *value;
	}
	to[used] = '\0';
	return 0;
}

static int make_session(struct fusefs *fusefs, struct errmsg *reterr_why)
{
	char options[8192] = "-osubtype=flakey,default_permissions";
	if (fusefs->config.allow_other)
		strcat(options, ",allow_other");
	if (fusefs->config.debug)
		strcat(options, ",debug");
	strcat(options, ",fsname=");
	int r = append_escaped(options, sizeof(options), fusefs->config.source);
	if (r < 0)
		return r;
	char *arguments[] = {(char *)"flakey", options, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(2, arguments);
	fusefs->session =
		fuse_session_new(&args, &ops_table, sizeof(ops_table), fusefs);
	fuse_opt_free_args(&args);
	if (fusefs->session != NULL)
		return 0;
	errmsg_set(reterr_why, "libfuse refused to start: %s",
		   libfuse_words.text[0] != '\0' ? libfuse_words.text
						 : "it does not say why");
	return -EIO;
}

/* Without memory libfuse forgets the type, by which others know our mounts. */
static int check_type(const struct fusefs *fusefs)
{
	struct mountinfo mount = {0};
	int r = mountinfo_find(fusefs->config.mountpoint, &mount);
	if (r == 0 && strcmp(mount.type, MOUNTINFO_TYPE_FUSE) != 0)
		r = -ENOMEM;
	mountinfo_done(&mount);
	return r == -ENOMEM ? r : 0; /* mounted it is, seen or not */
}

/* Without a request to ourselves. */
static int note_device(struct fusefs *fusefs)
{
	struct statx st;
	if (statx(AT_FDCWD, fusefs->config.mountpoint, AT_STATX_DONT_SYNC,
		  STATX_INO, &st) < 0)
		return -errno;
	fusefs->mount_device = makedev(st.stx_dev_major, st.stx_dev_minor);
	return 0;
}

static int mount_session(struct fusefs *fusefs, struct errmsg *reterr_why)
{
	libfuse_words.text[0] = '\0';
	errno = 0;
	if (fuse_session_mount(fusefs->session, fusefs->config.mountpoint) !=
	    0) {
		int r = errno > 0 ? -errno : -EIO;
		errmsg_set(reterr_why,
			   "cannot mount on '%s': %s; check that fusermount3 is"
			   " installed and /dev/fuse may be opened",
			   fusefs->config.mountpoint,
			   libfuse_words.text[0] != '\0' ? libfuse_words.text
							 : strerror(-r));
		return r;
	}
	int r = wire_attach(fusefs->session);
	if (r == 0)
		r = check_type(fusefs);
	if (r == 0)
		r = note_device(fusefs);
	fusefs->mounted = r == 0;
	if (r < 0) {
		errmsg_set(reterr_why, "cannot serve '%s': %s",
			   fusefs->config.mountpoint, strerror(-r));
		fuse_session_unmount(fusefs->session);
	}
	return r;
}

/* What the kernel's page cache keeps from the rules. */
static unsigned int unseen(enum fusefs_cache cache)
{
	switch (cache) {
	case FUSEFS_CACHE_NONE:
		return 0;
	case FUSEFS_CACHE_BACK:
		return RULES_UNSEEN_READS | RULES_UNSEEN_WRITES;
	default:
		return RULES_UNSEEN_READS;
	}
}

/* A mount that was given none has one that can be read, and given again. */
static uint64_t choose_seed(void)
{
	uint32_t seed = 0;
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0 || seed == 0)
		seed = 1; /* as good as any other */
	return seed;
}

static int make_rules(struct fusefs *fusefs, struct errmsg *reterr_why)
{
	const char *faults = fusefs->config.faults;
	struct errmsg why = {""};
	struct text notes;
	if (fusefs->config.seed == 0)
		fusefs->config.seed = choose_seed();
	fusefs->rules = rules_new(fusefs->events, fusefs->config.seed);
	if (fusefs->rules == NULL)
		return -ENOMEM;
	rules_set_unseen(fusefs->rules, unseen(fusefs->config.cache));
	rules_set_check(fusefs->rules, verbs_fault_check, fusefs);
	if (faults == NULL)
		return 0;
	text_init(&notes);
	int r = rules_set(fusefs->rules, faults, strlen(faults), true, &notes,
			  &why);
	if (r < 0 && r != -ENOMEM)
		errmsg_set(reterr_why, "the fault rules in FLAKEY_FAULTS: %s",
			   why.text);
	text_done(&notes);
	return r;
}

static int build(struct fusefs *fusefs, struct errmsg *reterr_why)
{
	fusefs->events = event_new();
	if (fusefs->events == NULL)
		return -ENOMEM;
	const struct volume_config volume = {
		.source = fusefs->config.source,
		.scratch_directory = fusefs->config.scratch,
		.profile = fusefs->config.profile,
		.scratch_limit_bytes = fusefs->config.scratch_limit_bytes,
		.memory_chunks = MEMORY_CHUNKS,
		.store_sync = fusefs->config.store_sync,
	};
	int r = volume_open(&volume, fusefs->events, &fusefs->volume,
			    reterr_why);
	if (r < 0)
		return r;
	r = make_rules(fusefs, reterr_why);
	if (r < 0)
		return r;
	fusefs->control = control_new((struct backend *)fusefs, &verbs_table,
				      fusefs->events);
	if (fusefs->control == NULL || ops_control_new(fusefs) < 0)
		return -ENOMEM;
	fusefs->faults = fault_new(fusefs);
	if (fusefs->faults == NULL)
		return -ENOMEM;
	return make_session(fusefs, reterr_why);
}

int fusefs_mount(const struct fusefs_config *config, struct fusefs **ret_fusefs,
		 struct errmsg *reterr_why)
{
	struct fusefs *fusefs = calloc(1, sizeof(*fusefs));
	if (fusefs == NULL) {
		errmsg_set(reterr_why, "not enough memory to mount");
		return -ENOMEM;
	}
	pthread_mutex_init(&fusefs->late_lock, NULL);
	fusefs->signal_fd = -1;
	umask(0); /* the kernel has applied the program's own */
	fuse_set_log_func(take_libfuse_words);
	int r = copy_config(fusefs, config);
	if (r == 0)
		r = check_places(fusefs, config, reterr_why);
	if (r == 0)
		r = build(fusefs, reterr_why);
	if (r == 0)
		r = mount_session(fusefs, reterr_why);
	if (r < 0) {
		if (r == -ENOMEM)
			errmsg_set(reterr_why, "not enough memory to mount");
		fusefs_free(fusefs);
		return r;
	}
	if (config->debug)
		fuse_set_log_func(NULL); /* from here on to stderr */
	*ret_fusefs = fusefs;
	return 0;
}

/* Signals that end the mount come as readable bytes. */
static int signal_descriptor(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a size limit is an error of the call */
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Taken off its place by umount(8), which waits for what sleeps; or lazily, and
 * then whoever sleeps would have it for ever. */
static bool is_taken_off(const struct fusefs *fusefs)
{
	struct mountinfo mount = {0};
	int r = mountinfo_find(fusefs->config.mountpoint, &mount);
	bool gone = r == 0 && strcmp(mount.type, MOUNTINFO_TYPE_FUSE) != 0;
	mountinfo_done(&mount);
	return gone;
}

/* True if the mount is gone, false for a signal. */
static bool wait_for_end(struct fusefs *fusefs, int signal_fd)
{
	cleanup_fd int mounts =
		open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	struct pollfd fds[3] = {
		{.fd = signal_fd, .events = POLLIN},
		{.fd = loop_ended_fd(fusefs->loop), .events = POLLIN},
		{.fd = mounts, .events = POLLPRI},
	};
	while (fds[0].revents == 0 && fds[1].revents == 0) {
		int n = poll(fds, 3, -1);
		if (n > 0 && fds[2].revents != 0 && is_taken_off(fusefs)) {
			fault_stop(fusefs->faults);
			fds[2].fd = -1;
		}
	}
	return fds[1].revents != 0;
}

/* Takes the mount off its place while it is still served, so that the kernel
 * can hand over its dirty pages. Whoever still uses it keeps it alive for as
 * long as we wait, and finds it dead afterwards. */
static void detach(struct fusefs *fusefs)
{
	const char *mountpoint = fusefs->config.mountpoint;
	const char *const argv[] = {"fusermount3", "-uqz", "--", mountpoint,
				    NULL};
	struct errmsg said;
	if (umount2(mountpoint, UMOUNT_NOFOLLOW | MNT_DETACH) < 0 &&
	    subprocess_run(argv, &said) != 0)
		log_warning("cannot unmount '%s'", mountpoint);
	struct pollfd ended = {.fd = loop_ended_fd(fusefs->loop),
			       .events = POLLIN};
	while (poll(&ended, 1, BUSY_PATIENCE_MS) < 0 && errno == EINTR)
		;
}

static int commit_everything(struct fusefs *fusefs, struct errmsg *reterr_why)
{
	/* What a file system loses by unmounting once it has given up. */
	if (fusefs->volume->read_only)
		return 0;
	pthread_rwlock_rdlock(&fusefs->volume->gate);
	int r = commit_all(fusefs->volume);
	pthread_rwlock_unlock(&fusefs->volume->gate);
	if (r < 0)
		errmsg_set(reterr_why,
			   "a part of the unsynced changes could not be stored"
			   " in '%s' and is lost: %s",
			   fusefs->config.source, strerror(-r));
	return r;
}

int fusefs_start(struct fusefs *fusefs, struct errmsg *reterr_why)
{
	/* Before any thread starts, so that all inherit the mask. */
	fusefs->signal_fd = signal_descriptor();
	int r = fusefs->signal_fd < 0 ? -errno : 0;
	if (r == 0)
		fusefs->warden = warden_start(fuse_session_fd(fusefs->session));
	if (r == 0 && fusefs->config.http != NULL) {
		r = rules_http_start(fusefs->rules, fusefs->config.http,
				     &fusefs->http, reterr_why);
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = loop_new(fusefs->session, fusefs, &fusefs->loop);
	if (r == 0)
		r = controlfs_start(fusefs->controlfs);
	if (r == 0)
		r = loop_start(fusefs->loop);
	if (r < 0) {
		errmsg_set(reterr_why, "cannot start to serve '%s': %s",
			   fusefs->config.mountpoint, strerror(-r));
		return r;
	}
	probe_kernel(fusefs);
	r = background_start(fusefs, fusefs->config.commit_interval_ms,
			     fusefs->config.writeback_after_ms,
			     &fusefs->background);
	if (r < 0)
		errmsg_set(reterr_why, "cannot start to commit by itself: %s",
			   strerror(-r));
	return r;
}

static void stop(struct fusefs *fusefs)
{
	background_stop(fusefs->background);
	fusefs->background = NULL;
	/* The status says where it listens. */
	if (fusefs->controlfs != NULL)
		controlfs_stop(fusefs->controlfs);
	rules_http_stop(fusefs->http);
	fusefs->http = NULL;
	loop_stop(fusefs->loop);
	fusefs->loop = NULL;
	warden_stop(fusefs->warden);
	fusefs->warden = NULL;
	fault_free(fusefs->faults);
	fusefs->faults = NULL;
}

int fusefs_serve(struct fusefs *fusefs, struct errmsg *reterr_why)
{
	bool ended = wait_for_end(fusefs, fusefs->signal_fd);
	/* Whoever a rule has put to sleep would keep the mount. */
	fault_stop(fusefs->faults);
	if (!ended)
		detach(fusefs);
	stop(fusefs);
	/* Closes the descriptor, which nobody reads any more. */
	fuse_session_unmount(fusefs->session);
	fusefs->mounted = false;
	return commit_everything(fusefs, reterr_why);
}

void fusefs_free(struct fusefs *fusefs)
{
	if (fusefs == NULL)
		return;
	stop(fusefs);
	if (fusefs->signal_fd >= 0)
		close(fusefs->signal_fd);
	if (fusefs->mounted)
		fuse_session_unmount(fusefs->session);
	if (fusefs->session != NULL)
		fuse_session_destroy(fusefs->session);
	crash_stales_done(&fusefs->late);
	pthread_mutex_destroy(&fusefs->late_lock);
	controlfs_free(fusefs->controlfs);
	control_free(fusefs->control);
	volume_close(fusefs->volume);
	rules_free(fusefs->rules);
	event_free(fusefs->events);
	free((char *)fusefs->config.source);
	free((char *)fusefs->config.mountpoint);
	free((char *)fusefs->config.profile);
	free((char *)fusefs->config.scratch);
	free((char *)fusefs->config.http);
	free(fusefs->control_name);
	free(fusefs);
}
