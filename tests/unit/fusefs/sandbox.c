/* SPDX-License-Identifier: MIT */
#include "tests/unit/fusefs/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/backend.h"
#include "common/errmsg.h"
#include "common/event.h"
#include "common/plan.h"
#include "common/text.h"
#include "fusefs/commit.h"
#include "fusefs/crash.h"
#include "fusefs/data.h"
#include "fusefs/inode.h"
#include "fusefs/names.h"
#include "fusefs/volume.h"
#include "tests/litmus/treedump.h"

#define FDS_MAX 16

static void make_directories(struct sandbox *sandbox, const char *base)
{
	int r = snprintf(sandbox->directory, sizeof(sandbox->directory),
			 "%s/flakey-unit-XXXXXX", base);

	/* Room for what is appended below. */
	assert_in_range(r, 1, SANDBOX_PATH_BYTES - 16);
	assert_non_null(mkdtemp(sandbox->directory));
	snprintf(sandbox->store, sizeof(sandbox->store), "%.200s/store",
		 sandbox->directory);
	snprintf(sandbox->scratch, sizeof(sandbox->scratch), "%.200s/scratch",
		 sandbox->directory);
	assert_int_equal(mkdir(sandbox->store, 0755), 0);
	assert_int_equal(mkdir(sandbox->scratch, 0700), 0);
}

static const char *temporary(void)
{
	const char *tmp = getenv("TMPDIR");

	return tmp != NULL && *tmp != '\0' ? tmp : "/var/tmp";
}

/* The same test can be run with each. */
static const char *usual_profile(void)
{
	const char *profile = getenv("FLAKEY_TEST_PROFILE");

	return profile != NULL && *profile != '\0' ? profile : "ext4";
}

static void open_volume(struct sandbox *sandbox, uint64_t limit_bytes)
{
	const struct volume_config config = {
		.source = sandbox->store,
		.scratch_directory = sandbox->scratch,
		.profile = sandbox->profile,
		.scratch_limit_bytes = limit_bytes,
	};
	struct errmsg why = {""};

	int r = volume_open(&config, sandbox->events, &sandbox->volume, &why);
	if (r < 0)
		fail_msg("volume_open: %s: %s", strerror(-r), why.text);
}

void sandbox_open_profile(struct sandbox *sandbox, const char *profile)
{
	*sandbox = (struct sandbox){.profile = profile};
	make_directories(sandbox, temporary());
	sandbox->events = event_new();
	assert_non_null(sandbox->events);
	open_volume(sandbox, 0);
}

void sandbox_open(struct sandbox *sandbox, uint64_t limit_bytes)
{
	*sandbox = (struct sandbox){.profile = usual_profile()};
	make_directories(sandbox, temporary());
	sandbox->events = event_new();
	assert_non_null(sandbox->events);
	open_volume(sandbox, limit_bytes);
}

bool sandbox_open_tmpfs(struct sandbox *sandbox)
{
	struct statfs st;

	*sandbox = (struct sandbox){.profile = usual_profile()};
	if (statfs("/dev/shm", &st) < 0 || st.f_type != TMPFS_MAGIC ||
	    access("/dev/shm", W_OK) < 0)
		return false;
	make_directories(sandbox, "/dev/shm");
	sandbox->events = event_new();
	assert_non_null(sandbox->events);
	open_volume(sandbox, 0);
	return true;
}

void sandbox_open_quick(struct sandbox *sandbox)
{
	if (sandbox_open_tmpfs(sandbox)) {
		if (setxattr(sandbox->store, "user.k", "v", 1, 0) == 0 &&
		    removexattr(sandbox->store, "user.k") == 0)
			return;
		sandbox_close(sandbox);
	}
	sandbox_open(sandbox, 0);
}

bool sandbox_open_small(struct sandbox *sandbox, unsigned int size_kib)
{
	char options[64];

	*sandbox = (struct sandbox){.profile = usual_profile()};
	make_directories(sandbox, temporary());
	snprintf(options, sizeof(options), "mode=0755,size=%uk", size_kib);
	/* In a world of our own, so that it goes with the process. The root of
	 * a chroot may be no mount, which cannot be made private: then others
	 * see it until it is closed. */
	bool alone = unshare(CLONE_NEWNS) == 0;
	if (alone)
		(void)mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL);
	if (!alone || mount("tmpfs", sandbox->store, "tmpfs", 0, options) < 0) {
		sandbox_close(sandbox);
		return false;
	}
	sandbox->mounted = true;
	sandbox->events = event_new();
	assert_non_null(sandbox->events);
	open_volume(sandbox, 0);
	return true;
}

void sandbox_reopen(struct sandbox *sandbox)
{
	open_volume(sandbox, 0);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void sandbox_close(struct sandbox *sandbox)
{
	volume_close(sandbox->volume);
	event_free(sandbox->events);
	if (sandbox->mounted)
		assert_int_equal(umount(sandbox->store), 0);
	assert_int_equal(nftw(sandbox->directory, remove_one, FDS_MAX,
			      FTW_DEPTH | FTW_PHYS),
			 0);
	*sandbox = (struct sandbox){.profile = usual_profile()};
}

static int crash(struct sandbox *sandbox, const struct plan *plan,
		 char **ret_kept)
{
	struct crash_stales stales = {0};
	struct backend_report report = {0};
	struct errmsg why = {""};

	int r = crash_power(sandbox->volume, plan, &stales, &report, &why);
	sandbox->volume->invalidating = false;
	crash_stales_done(&stales);
	if (ret_kept != NULL) {
		*ret_kept = report.kept_list;
		report.kept_list = NULL;
	}
	backend_report_done(&report);
	return r;
}

static int crash_keeping(struct sandbox *sandbox, enum plan_keep keep)
{
	const struct plan plan = {.keep = keep};

	return crash(sandbox, &plan, NULL);
}

void sandbox_crash_planned(struct sandbox *sandbox, const struct plan *plan)
{
	assert_int_equal(crash(sandbox, plan, NULL), 0);
}

char *sandbox_crash_reported(struct sandbox *sandbox, const struct plan *plan)
{
	char *kept = NULL;

	assert_int_equal(crash(sandbox, plan, &kept), 0);
	return kept;
}

void sandbox_crash(struct sandbox *sandbox)
{
	assert_int_equal(crash_keeping(sandbox, PLAN_KEEP_NONE), 0);
}

int sandbox_crash_starved(struct sandbox *sandbox)
{
	return crash_keeping(sandbox, PLAN_KEEP_NONE);
}

int sandbox_crash_keeping(struct sandbox *sandbox)
{
	return crash_keeping(sandbox, PLAN_KEEP_ALL);
}

void sandbox_set_mode(struct sandbox *sandbox, enum mode_kind kind)
{
	const struct mode mode = {.kind = kind};

	volume_set_mode(sandbox->volume, &mode);
}

void sandbox_sync(struct sandbox *sandbox)
{
	assert_int_equal(commit_all(sandbox->volume), 0);
}

/* The directory of a path, and its last name in ret_name. */
static struct inode *parent_of(struct sandbox *sandbox, const char *path,
			       const char **ret_name)
{
	struct inode *inode = sandbox->volume->root;
	const char *slash;

	inode->nlookup++;
	while ((slash = strchr(path, '/')) != NULL) {
		char name[NAME_MAX + 1];
		struct inode *next = NULL;
		snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
		int r = names_lookup(sandbox->volume, inode, name, &next);
		if (r < 0)
			fail_msg("lookup of '%s': %s", name, strerror(-r));
		names_forget(sandbox->volume, inode, 1);
		inode = next;
		path = slash + 1;
	}
	*ret_name = path;
	return inode;
}

static void give_back(struct sandbox *sandbox, struct inode *inode)
{
	names_forget(sandbox->volume, inode, 1);
}

struct inode *sandbox_find(struct sandbox *sandbox, const char *path)
{
	const char *name;
	struct inode *inode = NULL;

	struct inode *directory = parent_of(sandbox, path, &name);
	if (strcmp(name, ".") == 0)
		return directory;
	int r = names_lookup(sandbox->volume, directory, name, &inode);
	assert_true(r == 0 || r == -ENOENT);
	give_back(sandbox, directory);
	return inode;
}

struct inode *sandbox_create(struct sandbox *sandbox, const char *path,
			     mode_t mode)
{
	const struct names_new what = {
		.mode = mode,
		.uid = geteuid(),
		.gid = getegid(),
		.target = S_ISLNK(mode) ? "target" : NULL,
	};
	const char *name;
	struct inode *inode = NULL;

	struct inode *directory = parent_of(sandbox, path, &name);
	assert_int_equal(
		names_create(sandbox->volume, directory, name, &what, &inode),
		0);
	give_back(sandbox, directory);
	return inode;
}

void sandbox_unlink(struct sandbox *sandbox, const char *path)
{
	const char *name;

	struct inode *inode = sandbox_find(sandbox, path);
	assert_non_null(inode);
	bool is_directory = inode_is_directory(inode);
	give_back(sandbox, inode);
	struct inode *directory = parent_of(sandbox, path, &name);
	assert_int_equal(
		names_unlink(sandbox->volume, directory, name, is_directory),
		0);
	give_back(sandbox, directory);
}

int sandbox_rename(struct sandbox *sandbox, const char *from, const char *to,
		   unsigned int flags)
{
	struct names_rename rename = {.flags = flags};

	rename.from_directory = parent_of(sandbox, from, &rename.from_name);
	rename.to_directory = parent_of(sandbox, to, &rename.to_name);
	int r = names_rename(sandbox->volume, &rename);
	give_back(sandbox, rename.from_directory);
	give_back(sandbox, rename.to_directory);
	return r;
}

int sandbox_write(struct sandbox *sandbox, struct inode *inode, int64_t offset,
		  size_t count, char byte)
{
	char *data = malloc(count + 1);

	assert_non_null(data);
	memset(data, byte, count);
	const struct data_write write = {
		.data = data, .size_bytes = count, .offset_bytes = offset};
	int r = data_write(sandbox->volume, inode, &write);
	free(data);
	return r;
}

struct inode *sandbox_put(struct sandbox *sandbox, const char *path,
			  size_t count, char byte)
{
	struct inode *inode = sandbox_find(sandbox, path);

	if (inode == NULL)
		inode = sandbox_create(sandbox, path, S_IFREG | 0644);
	assert_int_equal(sandbox_write(sandbox, inode, 0, count, byte), 0);
	return inode;
}

static int sync_path(struct sandbox *sandbox, const char *path, bool datasync)
{
	struct inode *inode = sandbox_find(sandbox, path);

	assert_non_null(inode);
	int r = commit_sync(sandbox->volume, inode, datasync, NULL);
	give_back(sandbox, inode);
	return r;
}

int sandbox_fsync(struct sandbox *sandbox, const char *path)
{
	return sync_path(sandbox, path, false);
}

int sandbox_fdatasync(struct sandbox *sandbox, const char *path)
{
	return sync_path(sandbox, path, true);
}

void sandbox_expect_stored(struct sandbox *sandbox, const char *tree)
{
	char *text = NULL;
	size_t size = 0;

	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	int root = open(sandbox->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	assert_int_equal(treedump_write(root, out), 0);
	close(root);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(*text == ' ' ? text + 1 : text, tree);
	free(text);
}

void sandbox_expect_live(struct sandbox *sandbox, struct inode *inode,
			 const char *runs)
{
	struct stat st;
	struct text text;

	inode_stat(inode, &st);
	size_t size = (size_t)st.st_size;
	char *data = malloc(size + 1);
	assert_non_null(data);
	assert_int_equal(data_read(sandbox->volume, inode, data, size + 1, 0),
			 size);
	text_init(&text);
	for (size_t i = 0; i < size;) {
		size_t begin = i;
		while (i < size && data[i] == data[begin])
			i++;
		text_printf(&text, "%s%c*%zu", begin > 0 ? " " : "",
			    data[begin] ? data[begin] : '0', i - begin);
	}
	assert_string_equal(text.data != NULL ? text.data : "", runs);
	text_done(&text);
	free(data);
}

void sandbox_expect_same(struct sandbox *sandbox, const char *what)
{
	int parts =
		IMAGE_CONTENT | IMAGE_TIMES | image_parts_of(sandbox->store);
	struct image live;
	struct image stored;

	image_of_volume(&live, sandbox->volume, parts);
	image_of_store(&stored, sandbox->store, parts);
	image_expect_equal(&live, &stored, what);
	image_done(&live);
	image_done(&stored);
}

bool sandbox_logged(struct sandbox *sandbox, const char *words)
{
	size_t size = (size_t)event_size(sandbox->events);
	char *log = malloc(size + 1);
	off_t begin;

	assert_non_null(log);
	size_t n = event_read(sandbox->events, 0, log, size, &begin);
	log[n] = '\0';
	bool found = strstr(log, words) != NULL;
	free(log);
	return found;
}

struct inode *sandbox_put_abcd(struct sandbox *sandbox, const char *path)
{
	struct inode *inode = sandbox_put(sandbox, path, 4096, 'a');

	for (int i = 1; i < 4; i++)
		assert_int_equal(sandbox_write(sandbox, inode, i * 4096, 4096,
					       (char)('a' + i)),
				 0);
	sandbox_sync(sandbox);
	return inode;
}

struct inode *sandbox_make_unnamed(struct sandbox *sandbox)
{
	const struct names_new what = {
		.mode = S_IFREG | 0644, .uid = geteuid(), .gid = getegid()};
	struct inode *inode = NULL;

	assert_int_equal(names_create_unnamed(sandbox->volume,
					      sandbox->volume->root, &what,
					      &inode),
			 0);
	return inode;
}

int sandbox_set_up(void **state)
{
	static struct sandbox sandbox;

	sandbox_open(&sandbox, 0);
	*state = &sandbox;
	return 0;
}

int sandbox_tear_down(void **state)
{
	sandbox_close(*state);
	return 0;
}
