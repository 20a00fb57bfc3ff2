/* SPDX-License-Identifier: MIT */
/*
 * What the disk is kept in: a file, a block device, or a file without a name.
 *
 * A file that has to be made gets its name only when all of the set-up has
 * worked; until then it is called like it with IMAGE_UNFINISHED behind.
 */
#ifndef FLAKEY_DMBACKEND_IMAGE_H
#define FLAKEY_DMBACKEND_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "dmbackend/content.h"

struct errmsg;

/* As a source: a file without a name, that ends with the mount. */
#define IMAGE_ANONYMOUS_NAME "new"
/* In a source that is a directory. */
#define IMAGE_DEFAULT_NAME "flakey.img"
#define IMAGE_UNFINISHED ".flakey-unfinished"

enum image_kind {
	IMAGE_ANONYMOUS,
	IMAGE_MISSING, /* has to be made */
	IMAGE_FILE,
	IMAGE_DEVICE,
};

/* What is there; path is absolute, and of an anonymous one the directory that
 * it will lie in. */
struct image {
	enum image_kind kind;
	char *path; /* owned */
	uint64_t size_bytes;
	bool blank; /* a file that nothing was ever written to */
	char content[CONTENT_NAME_MAX];
};

/* Looks, and touches nothing. -EBUSY: it is in use. */
int image_look(const char *source, struct image *ret_image,
	       struct errmsg *reterr_why);
void image_done(struct image *image);

/* Opens it for writing, for us alone, and makes it first if it has to be made;
 * size_bytes is for that, and for a file without content. ret_unfinished (NULL
 * if there is none; owned) is what has to be renamed in the end. */
int image_open(const struct image *image, uint64_t size_bytes,
	       char **ret_unfinished, int *ret_fd, struct errmsg *reterr_why);

/* Gives the unfinished file its name. -EEXIST: somebody else did. */
int image_finish(const struct image *image, const char *unfinished,
		 struct errmsg *reterr_why);

#endif
