/* SPDX-License-Identifier: MIT */
#include "tools/mount_options.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/mode.h"
#include "common/nearest.h"

enum option {
	OPTION_ALLOW_OTHER,
	OPTION_BACKEND,
	OPTION_CACHE,
	OPTION_COMMIT_INTERVAL,
	OPTION_CONTROL,
	OPTION_DEBUG,
	OPTION_FOREGROUND,
	OPTION_HTTP,
	OPTION_PROFILE,
	OPTION_SCRATCH,
	OPTION_SCRATCH_LIMIT,
	OPTION_SEED,
	OPTION_STORE_SYNC,
	OPTION_WRITEBACK_AFTER,
	OPTION_COUNT,
};

static const struct {
	const char *name;
	bool has_value;
} known[OPTION_COUNT] = {
	[OPTION_ALLOW_OTHER] = {"allow-other", false},
	[OPTION_BACKEND] = {"backend", true},
	[OPTION_CACHE] = {"cache", true},
	[OPTION_COMMIT_INTERVAL] = {"commit-interval", true},
	[OPTION_CONTROL] = {"control", true},
	[OPTION_DEBUG] = {"debug", false},
	[OPTION_FOREGROUND] = {"foreground", false},
	[OPTION_HTTP] = {"http", true},
	[OPTION_PROFILE] = {"profile", true},
	[OPTION_SCRATCH] = {"scratch", true},
	[OPTION_SCRATCH_LIMIT] = {"scratch-limit", true},
	[OPTION_SEED] = {"seed", true},
	[OPTION_STORE_SYNC] = {"store-sync", false},
	[OPTION_WRITEBACK_AFTER] = {"writeback-after", true},
};

/* Of mount(8) and mount.fuse3(8): they ask for what we do anyway (a mount is
 * always nosuid,nodev, and permissions are checked), concern the tools around
 * us, or are hints. "rw,dev,suid" come with every call of mount.fuse3. */
static const char *const ignored[] = {
	"_netdev",
	"async",
	"atime",
	"auto",
	"default_permissions",
	"defaults",
	"dev",
	"diratime",
	"exec",
	"group",
	"lazytime",
	"loud",
	"noatime",
	"noauto",
	"nodev",
	"nodiratime",
	"nofail",
	"nolazytime",
	"norelatime",
	"nostrictatime",
	"nosuid",
	"nouser",
	"owner",
	"relatime",
	"rw",
	"silent",
	"strictatime",
	"suid",
	"user",
	"users",
};

static const char *const ignored_prefixes[] = {
	"comment=", "fsname=", "subtype=", "user=", "x-", "X-",
};

static const struct {
	const char *name;
	const char *why;
} refused[] = {
	{"noexec", "programs can be run from a flakey mount; after 'user' in "
		   "fstab, add 'exec'"},
	{"remount", "a flakey mount cannot be changed; unmount it first"},
	{"ro", "a flakey mount is for writing; leave it out"},
	{"sync", "write through O_SYNC descriptors, or use 'flakey sync'"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int parse_cache(const char *value, enum fusefs_cache *ret_cache,
		       struct errmsg *reterr_why)
{
	static const char *const names[] = {
		[FUSEFS_CACHE_THROUGH] = "through",
		[FUSEFS_CACHE_BACK] = "back",
		[FUSEFS_CACHE_NONE] = "none",
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		if (strcmp(value, names[i]) == 0) {
			*ret_cache = (enum fusefs_cache)i;
			return 0;
		}
	}
	errmsg_set(reterr_why,
		   "there is no cache '%s': use through, back or none", value);
	return -EINVAL;
}

/* "64M" */
int mount_options_size(const char *value, uint64_t *ret_bytes,
		       struct errmsg *reterr_why)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	unsigned int shift = 0;
	unsigned long long number;

	errno = 0;
	number = strtoull(value, &end, 10);
	if (*end) {
		unit = strchr(units, *end);
		shift = unit ? (unsigned int)(unit - units + 1) * 10 : 0;
	}
	if (value[0] < '0' || value[0] > '9' || errno != 0 || number == 0 ||
	    (*end && (shift == 0 || end[1])) || number > UINT64_MAX >> shift) {
		errmsg_set(reterr_why,
			   "'%s' is no size: write a number of bytes, or one "
			   "with K, M, G or T",
			   value);
		return -EINVAL;
	}
	*ret_bytes = (uint64_t)number << shift;
	return 0;
}

static int parse_seed(const char *value, uint64_t *ret_seed,
		      struct errmsg *reterr_why)
{
	char *end;

	errno = 0;
	*ret_seed = strtoull(value, &end, 10);
	if (value[0] >= '0' && value[0] <= '9' && !*end && errno == 0 &&
	    *ret_seed > 0)
		return 0;
	errmsg_set(reterr_why, "'%s' is no seed: write a whole number above 0",
		   value);
	return -EINVAL;
}

static int set_backend(const char *value, struct errmsg *reterr_why)
{
	if (strcmp(value, "fuse") == 0)
		return 0;
	errmsg_set(reterr_why, "there is no backend '%s': use fuse or dm",
		   value);
	return -EINVAL;
}

int mount_options_control(const char *value, struct errmsg *reterr_why)
{
	if (value[0] == '\0' || strchr(value, '/') || strcmp(value, ".") == 0 ||
	    strcmp(value, "..") == 0 || strlen(value) > 255) {
		errmsg_set(reterr_why,
			   "'%s' is no name for the control directory: use one "
			   "without '/', or none",
			   value);
		return -EINVAL;
	}
	return 0;
}

static int set_known(struct mount_options *options, enum option option,
		     const char *value, struct errmsg *reterr_why)
{
	struct fusefs_config *config = &options->config;

	switch (option) {
	case OPTION_ALLOW_OTHER:
		config->allow_other = true;
		break;
	case OPTION_BACKEND:
		return set_backend(value, reterr_why);
	case OPTION_CACHE:
		return parse_cache(value, &config->cache, reterr_why);
	case OPTION_COMMIT_INTERVAL:
		return mode_parse_duration(value, &config->commit_interval_ms,
					   reterr_why);
	case OPTION_CONTROL:
		config->control = value;
		return mount_options_control(value, reterr_why);
	case OPTION_DEBUG:
		config->debug = true;
		break;
	case OPTION_FOREGROUND:
		options->foreground = true;
		break;
	case OPTION_HTTP:
		config->http = value;
		break;
	case OPTION_PROFILE:
		config->profile = value;
		break;
	case OPTION_SCRATCH:
		config->scratch = value;
		break;
	case OPTION_SCRATCH_LIMIT:
		return mount_options_size(value, &config->scratch_limit_bytes,
					  reterr_why);
	case OPTION_SEED:
		return parse_seed(value, &config->seed, reterr_why);
	case OPTION_STORE_SYNC:
		config->store_sync = true;
		break;
	case OPTION_WRITEBACK_AFTER:
		return mode_parse_duration(value, &config->writeback_after_ms,
					   reterr_why);
	case OPTION_COUNT:
		break;
	}
	return 0;
}

/* mount(8) is used to '_', the command line to '-'. */
static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !(*a == '_' && *b == '-'))
			return false;
	return *a == *b;
}

/* What only the other backend has. A test that runs on both, by $FLAKEY_BACKEND, says
 * it on this one, too: the file system is whose rules decide, and the rest changes
 * nothing that a test could look at. */
static int set_of_dm(struct mount_options *options, const char *name,
		     const char *value, struct errmsg *reterr_why)
{
	static const char *const names[] = {
		"format", "mkfs-options", "name", "size", "fstype",
	};
	const char *backend = getenv("FLAKEY_BACKEND");
	bool swapped = backend && strcmp(backend, "fuse") == 0;
	size_t i = 0;

	while (i < COUNT(names) && !same_name(name, names[i]))
		i++;
	if (i == COUNT(names))
		return -ENOENT;
	if (!swapped) {
		errmsg_set(reterr_why,
			   "--%s is for the dm backend: leave it out, or use "
			   "--backend dm",
			   names[i]);
		return -EINVAL;
	}
	if (strcmp(names[i], "fstype") == 0 && !options->config.profile)
		options->config.profile = value;
	return 0;
}

int mount_options_set(struct mount_options *options, const char *name,
		      const char *value, struct errmsg *reterr_why)
{
	int r = set_of_dm(options, name, value, reterr_why);
	char hint[NEAREST_HINT_MAX];
	struct nearest nearest;

	if (r != -ENOENT)
		return r;
	nearest_init(&nearest, name);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		nearest_offer(&nearest, known[i].name);
		if (!same_name(name, known[i].name))
			continue;
		if (known[i].has_value == (value && *value))
			return set_known(options, (enum option)i, value,
					 reterr_why);
		errmsg_set(reterr_why, "mount option '%s' %s", name,
			   known[i].has_value ? "needs a value"
					      : "takes no value");
		return -EINVAL;
	}
	errmsg_set(reterr_why, "unknown mount option '%s'%s", name,
		   nearest_hint(&nearest, hint));
	return -ENOENT;
}

static bool is_ignored(const char *word)
{
	for (size_t i = 0; i < COUNT(ignored); i++)
		if (strcmp(word, ignored[i]) == 0)
			return true;
	for (size_t i = 0; i < COUNT(ignored_prefixes); i++)
		if (strncmp(word, ignored_prefixes[i],
			    strlen(ignored_prefixes[i])) == 0)
			return true;
	return false;
}

static int set_word(struct mount_options *options, char *word,
		    struct errmsg *reterr_why)
{
	char *value;

	if (is_ignored(word))
		return 0;
	for (size_t i = 0; i < COUNT(refused); i++) {
		if (strcmp(word, refused[i].name) == 0) {
			errmsg_set(reterr_why,
				   "mount option '%s' is not possible: %s",
				   word, refused[i].why);
			return -EINVAL;
		}
	}
	value = strchr(word, '=');
	if (value)
		*value++ = '\0';
	return mount_options_set(options, word, value, reterr_why);
}

int mount_options_list(struct mount_options *options, char *list,
		       struct errmsg *reterr_why)
{
	char *word;

	while ((word = strsep(&list, ","))) {
		int r = *word ? set_word(options, word, reterr_why) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}
