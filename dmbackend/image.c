/* SPDX-License-Identifier: MIT */
#include "dmbackend/image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "dmbackend/loopdev.h"

static int explain(int r, const char *doing, const char *path,
		   struct errmsg *reterr_why)
{
	errmsg_set(reterr_why, "cannot %s '%.200s': %s", doing, path,
		   strerrordesc_np(-r));
	return r;
}

void image_done(struct image *image)
{
	free(image->path);
	*image = (struct image){0};
}

/* The absolute path of a file that need not exist. */
static int absolute(const char *path, char **ret_path,
		    struct errmsg *reterr_why)
{
	cleanup_free char *parent = NULL;
	const char *name = strrchr(path, '/');
	char *resolved = realpath(path, NULL);

	if (!resolved && errno == ENOENT) {
		cleanup_free char *above =
			name ? strndup(path, (size_t)(name - path) + 1)
			     : strdup(".");

		name = name ? name + 1 : path;
		if (above && *name)
			parent = realpath(above, NULL);
		if (!parent)
			return explain(errno ? -errno : -ENOMEM,
				       "find the folder of", path, reterr_why);
		if (asprintf(&resolved, "%s/%s",
			     strcmp(parent, "/") ? parent : "", name) < 0)
			resolved = NULL;
		errno = ENOMEM;
	}
	if (!resolved)
		return explain(-errno, "find", path, reterr_why);
	*ret_path = resolved;
	return 0;
}

static const char *scratch_directory(void)
{
	const char *directory = getenv("TMPDIR");

	return directory && directory[0] == '/' ? directory : "/var/tmp";
}

static int look_at_file(int fd, const struct stat *st, struct image *image,
			struct errmsg *reterr_why)
{
	char loop[LOOPDEV_PATH_MAX];

	image->kind = IMAGE_FILE;
	image->size_bytes = (uint64_t)st->st_size;
	if (loopdev_of_file(st, loop)) {
		errmsg_set(reterr_why,
			   "'%.200s' is in use as %s: unmount what is on it, "
			   "or detach it with 'losetup -d %s'",
			   image->path, loop, loop);
		return -EBUSY;
	}
	image->blank = st->st_size == 0 ||
		       (lseek(fd, 0, SEEK_DATA) < 0 && errno == ENXIO);
	if (image->blank)
		return 0;
	return content_probe(fd, image->path, image->content, reterr_why);
}

static int look_at_device(int fd, struct image *image,
			  struct errmsg *reterr_why)
{
	/* O_EXCL means on a block device: not while the kernel uses it. */
	cleanup_fd int exclusive =
		open(image->path, O_RDONLY | O_EXCL | O_CLOEXEC);

	image->kind = IMAGE_DEVICE;
	if (exclusive < 0 && errno == EBUSY) {
		errmsg_set(reterr_why,
			   "'%.200s' is in use: 'lsblk %.200s' says by whom",
			   image->path, image->path);
		return -EBUSY;
	}
	if (ioctl(fd, BLKGETSIZE64, &image->size_bytes) < 0)
		return explain(-errno, "measure", image->path, reterr_why);
	return content_probe(fd, image->path, image->content, reterr_why);
}

/* A folder is one with an image in it. */
static int enter_directory(struct image *image, struct stat *st,
			   struct errmsg *reterr_why)
{
	char *path;

	if (asprintf(&path, "%s/%s", image->path, IMAGE_DEFAULT_NAME) < 0) {
		errmsg_set(reterr_why, "out of memory");
		return -ENOMEM;
	}
	free(image->path);
	image->path = path;
	return stat(path, st) < 0 ? -errno : 0;
}

static int look(struct image *image, struct errmsg *reterr_why)
{
	cleanup_fd int fd = -1;
	struct stat st;
	int r = stat(image->path, &st) < 0 ? -errno : 0;

	if (r == 0 && S_ISDIR(st.st_mode))
		r = enter_directory(image, &st, reterr_why);
	if (r == -ENOENT) {
		image->kind = IMAGE_MISSING;
		return 0;
	}
	if (r < 0)
		return explain(r, "look at", image->path, reterr_why);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		errmsg_set(reterr_why,
			   "'%.200s' is neither a file nor a block device nor "
			   "a folder",
			   image->path);
		return -EINVAL;
	}
	fd = open(image->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return explain(-errno, "open", image->path, reterr_why);
	return S_ISREG(st.st_mode) ? look_at_file(fd, &st, image, reterr_why)
				   : look_at_device(fd, image, reterr_why);
}

int image_look(const char *source, struct image *ret_image,
	       struct errmsg *reterr_why)
{
	struct image image = {0};
	bool anonymous = strcmp(source, IMAGE_ANONYMOUS_NAME) == 0;
	int r = absolute(anonymous ? scratch_directory() : source, &image.path,
			 reterr_why);

	if (r == 0 && !anonymous)
		r = look(&image, reterr_why);
	if (r < 0)
		image_done(&image);
	else
		*ret_image = image;
	return r;
}

static int open_anonymous(const char *directory)
{
	char name[4096];
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	if (snprintf(name, sizeof(name), "%s/flakey-image.XXXXXX", directory) >=
	    (int)sizeof(name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(name); /* it was made a moment ago */
	return fd;
}

static int open_missing(const struct image *image, char **ret_unfinished)
{
	char *unfinished;
	int fd;

	if (asprintf(&unfinished, "%s%s", image->path, IMAGE_UNFINISHED) < 0) {
		errno = ENOMEM;
		return -1;
	}
	fd = open(unfinished, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		free(unfinished);
	else
		*ret_unfinished = unfinished;
	return fd;
}

/* A loop device keeps our open file, and with it this lock. */
static int lock(int fd, const struct image *image, struct errmsg *reterr_why)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	errmsg_set(reterr_why, "'%.200s' is in use by another flakey",
		   image->path);
	return -EBUSY;
}

static int set_size(int fd, const struct image *image, uint64_t size_bytes,
		    struct errmsg *reterr_why)
{
	/* To nothing first: one that was left unfinished has content. */
	if (ftruncate(fd, 0) == 0 && ftruncate(fd, (off_t)size_bytes) == 0)
		return 0;
	return explain(-errno, "size the image in", image->path, reterr_why);
}

int image_open(const struct image *image, uint64_t size_bytes,
	       char **ret_unfinished, int *ret_fd, struct errmsg *reterr_why)
{
	cleanup_free char *unfinished = NULL;
	cleanup_fd int fd = -1;
	int r;

	if (image->kind == IMAGE_ANONYMOUS)
		fd = open_anonymous(image->path);
	else if (image->kind == IMAGE_MISSING)
		fd = open_missing(image, &unfinished);
	else
		/* Not O_EXCL: the device mapper has to claim a device. */
		fd = open(image->path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return explain(-errno, "open the image in", image->path,
			       reterr_why);
	r = lock(fd, image, reterr_why);
	if (r == 0 && (image->kind == IMAGE_ANONYMOUS ||
		       image->kind == IMAGE_MISSING || image->size_bytes == 0))
		r = set_size(fd, image, size_bytes, reterr_why);
	if (r < 0 && r != -EBUSY && unfinished)
		(void)unlink(unfinished); /* ours, and of no use */
	if (r < 0)
		return r;
	*ret_fd = steal_fd(&fd);
	*ret_unfinished = steal(unfinished);
	return 0;
}

int image_finish(const struct image *image, const char *unfinished,
		 struct errmsg *reterr_why)
{
	if (renameat2(AT_FDCWD, unfinished, AT_FDCWD, image->path,
		      RENAME_NOREPLACE) == 0)
		return 0;
	return explain(-errno, "give the new image its name", image->path,
		       reterr_why);
}
