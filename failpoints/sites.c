/* SPDX-License-Identifier: MIT */
/*
 * How sites come and go: with the object that they are in, or made at run time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "failpoints/failpoint.h"
#include "failpoints/point.h"
#include "failpoints/registry.h"
#include "failpoints/say.h"

/* For failpoint_site.state. A refused site is known, and no point has it. */
#define SITE_KNOWN 1U

/* A site of failpoint_define(), in one piece with its strings. */
struct made_site {
	struct failpoint_site site;
	char strings[];
};

/* What a line says of a site that is refused. */
struct refusal {
	const struct failpoint_site *site;
	int error;
	struct errmsg why;
};

static int conflict(const struct failpoint_site *site,
		    const struct failpoint_site *other, struct errmsg *why)
{
	errmsg_set(why, "is of type \"%s\", but \"%s\" at %s:%d",
		   failpoint_type_name((enum failpoint_type)site->type),
		   failpoint_type_name((enum failpoint_type)other->type),
		   other->file, other->line);
	return -EEXIST;
}

/* 0, -EINVAL, -EEXIST, -ENOMEM or -ENOSPC, with a sentence. */
static int add_locked(struct failpoint_site *site, struct errmsg *why)
{
	struct point *point;
	int r = registry_check_name(site->name, strlen(site->name), why);

	site->state |= SITE_KNOWN;
	if (r < 0)
		return r;
	r = point_get(site->name, &point);
	if (r < 0) {
		errmsg_set(why, r == -ENOSPC ? "is one too many"
					     : "found no memory");
		return r;
	}
	if (point->sites && point->sites->type != site->type)
		return conflict(site, point->sites, why);
	point_add_site(point, site);
	return 0;
}

static void remove_locked(struct failpoint_site *site)
{
	struct point *point = site->point;

	site->state &= ~SITE_KNOWN;
	if (!point)
		return;
	point_remove_site(point, site);
	point_forget_unused(point);
}

static void tell(const struct refusal *refusal)
{
	char name[FAILPOINT_NAME_MAX + 3];

	say(": %s at %s:%d %s; it will never hit",
	    say_quoted(refusal->site->name, name, sizeof(name)),
	    refusal->site->file, refusal->site->line, refusal->why.text);
}

void failpoint_register(struct failpoint_site *const *first,
			struct failpoint_site *const *end)
{
	/* Each source file of an object registers all of the object. */
	while (first < end) {
		struct refusal refusal = {.error = 0};

		registry_lock();
		for (; first < end && refusal.error == 0; first++) {
			if ((*first)->state & SITE_KNOWN)
				continue;
			refusal.site = *first;
			refusal.error = add_locked(*first, &refusal.why);
		}
		registry_unlock();
		if (refusal.error < 0)
			tell(&refusal);
	}
}

void failpoint_unregister(struct failpoint_site *const *first,
			  struct failpoint_site *const *end)
{
	registry_lock();
	for (; first < end; first++)
		if ((*first)->state & SITE_KNOWN)
			remove_locked(*first);
	registry_unlock();
}

struct failpoint_site *
failpoint_define(const char *name, enum failpoint_type type, const char *doc)
{
	struct errmsg why = {""};
	size_t name_size = strlen(name) + 1;
	size_t doc_size = strlen(doc) + 1;
	struct made_site *made =
		calloc(1, sizeof(*made) + name_size + doc_size);
	int r = -EINVAL;

	if (!made) {
		errno = ENOMEM;
		return NULL;
	}
	made->site.size = sizeof(made->site);
	made->site.type = type;
	made->site.file = "";
	made->site.name = memcpy(made->strings, name, name_size);
	made->site.doc = memcpy(made->strings + name_size, doc, doc_size);
	if ((type >= FAILPOINT_TYPE_VOID && type <= FAILPOINT_TYPE_ANY) ||
	    type == FAILPOINT_TYPE_INT32) {
		registry_lock();
		r = add_locked(&made->site, &why);
		registry_unlock();
	}
	if (r < 0) {
		free(made);
		errno = -r;
		return NULL;
	}
	return &made->site;
}

void failpoint_undefine(struct failpoint_site *site)
{
	if (!site)
		return;
	registry_lock();
	remove_locked(site);
	registry_unlock();
	free(site); /* the first member of what was allocated */
}
