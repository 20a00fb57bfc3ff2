/* SPDX-License-Identifier: MIT */
#include "tools/failpoint/sources.h"

#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/log.h"

static const char *const suffixes[] = {
	".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx",
};

void sources_init(struct sources *sources)
{
	*sources = (struct sources){0};
}

void sources_done(struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		free(sources->sources[i].path);
		free(sources->sources[i].real);
	}
	free(sources->sources);
	sources_init(sources);
}

static bool is_source_name(const char *name)
{
	const char *suffix = strrchr(name, '.');

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (suffix && strcmp(suffix, suffixes[i]) == 0)
			return true;
	return false;
}

static int path_error(int error, const char *path, struct errmsg *reterr_why)
{
	errmsg_set(reterr_why, "'%s': %s", path, strerrordesc_np(error));
	return -error;
}

static int add(struct sources *sources, const char *path,
	       struct errmsg *reterr_why)
{
	size_t count = sources->count;
	cleanup_free char *copy = strdup(path);
	cleanup_free char *real = realpath(path, NULL);

	if (!real && errno != ENOMEM)
		return path_error(errno, path, reterr_why);
	/* Doubles at powers of two. */
	if (copy && real && (count & (count - 1)) == 0) {
		struct source *more = reallocarray(
			sources->sources, count ? 2 * count : 1, sizeof(*more));

		if (more)
			sources->sources = more;
		else
			free(steal(copy));
	}
	if (!copy || !real)
		return path_error(ENOMEM, path, reterr_why);
	sources->sources[count].path = steal(copy);
	sources->sources[count].real = steal(real);
	sources->count++;
	return 0;
}

/* What a link in a tree leads to is met in the tree, or it lies elsewhere, where
 * nobody has asked for changes. */
static void tell_of_link(const char *top, const char *path)
{
	cleanup_free char *real_top = realpath(top, NULL);
	cleanup_free char *real = realpath(path, NULL);
	struct stat st;
	size_t length;

	if (!real_top || !real || stat(real, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	length = strlen(real_top);
	if (strncmp(real, real_top, length) == 0 && real[length] == '/')
		return;
	log_warning("the symbolic link '%s' is left alone; name it to "
		    "follow it",
		    path);
}

static int order(const FTSENT **one, const FTSENT **other)
{
	return strcmp((*one)->fts_name, (*other)->fts_name);
}

/* Returns 0 or a negative errno. */
static int visit(struct sources *sources, const char *path, FTS *tree,
		 FTSENT *entry, struct errmsg *reterr_why)
{
	bool top = entry->fts_level == FTS_ROOTLEVEL;

	switch (entry->fts_info) {
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return path_error(entry->fts_errno, entry->fts_path,
				  reterr_why);
	case FTS_D:
		if (!top && entry->fts_name[0] == '.')
			(void)fts_set(tree, entry, FTS_SKIP); /* cannot fail */
		return 0;
	case FTS_F:
	case FTS_SL:
		break;
	default:
		return 0;
	}
	if (!top &&
	    (entry->fts_name[0] == '.' || !is_source_name(entry->fts_name)))
		return 0;
	if (entry->fts_info == FTS_F)
		return add(sources, entry->fts_path, reterr_why);
	tell_of_link(path, entry->fts_path);
	return 0;
}

static int by_real(const void *one, const void *other)
{
	const struct source *left = one;
	const struct source *right = other;
	int r = strcmp(left->real, right->real);

	return r ? r : strcmp(left->path, right->path);
}

static int by_path(const void *one, const void *other)
{
	return strcmp(((const struct source *)one)->path,
		      ((const struct source *)other)->path);
}

/* Each file once, under the first of its paths. */
static void tidy(struct sources *sources)
{
	struct source *all = sources->sources;
	size_t count = 0;

	if (sources->count == 0)
		return;
	qsort(all, sources->count, sizeof(*all), by_real);
	for (size_t i = 0; i < sources->count; i++) {
		if (count > 0 &&
		    strcmp(all[count - 1].real, all[i].real) == 0) {
			free(all[i].path);
			free(all[i].real);
		} else {
			all[count++] = all[i];
		}
	}
	sources->count = count;
	qsort(all, count, sizeof(*all), by_path);
}

/* One that is named has to be there, and to be a file or a directory. */
static int check_path(const char *path, struct errmsg *reterr_why)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return path_error(errno, path, reterr_why);
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return 0;
	errmsg_set(reterr_why, "'%s' is neither a file nor a directory", path);
	return -EINVAL;
}

static int find_in(struct sources *sources, const char *path,
		   struct errmsg *reterr_why)
{
	char *const one[] = {(char *)path, NULL};
	FTS *tree;
	FTSENT *entry;
	int r = check_path(path, reterr_why);

	if (r < 0)
		return r;
	tree = fts_open(one, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, order);
	if (!tree)
		return path_error(errno, path, reterr_why);
	for (;;) {
		errno = 0;
		entry = fts_read(tree);
		if (!entry)
			break;
		r = visit(sources, path, tree, entry, reterr_why);
		if (r < 0)
			break;
	}
	if (!entry && errno)
		r = path_error(errno, path, reterr_why);
	(void)fts_close(tree); /* nothing was written */
	return r;
}

int sources_find(struct sources *sources, char *const *paths,
		 struct errmsg *reterr_why)
{
	for (size_t i = 0; paths[i]; i++) {
		int r = find_in(sources, paths[i], reterr_why);

		if (r < 0)
			return r;
	}
	tidy(sources);
	return 0;
}
