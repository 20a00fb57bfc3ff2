/* SPDX-License-Identifier: MIT */
#include "failpoints/registry.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "common/errmsg.h"
#include "failpoints/bell.h"
#include "failpoints/grace.h"
#include "failpoints/point.h"
#include "failpoints/program.h"
#include "failpoints/say.h"

#define QUOTED_BYTES 128

static struct {
	pthread_mutex_t mutex; /* see the header; and all below */
	uint64_t seed;
	bool seed_is_set;
	bool seed_is_told;
} registry = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void registry_lock(void)
{
	(void)pthread_mutex_lock(&registry.mutex); /* cannot fail */
}

void registry_unlock(void)
{
	grace_reap();
	(void)pthread_mutex_unlock(&registry.mutex); /* cannot fail */
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

int registry_check_name(const char *name, size_t length_bytes,
			struct errmsg *reterr_why)
{
	if (length_bytes == 0 || length_bytes > FAILPOINT_NAME_MAX) {
		errmsg_set(reterr_why,
			   "a name of %zu bytes; a failpoint's has 1 to %d",
			   length_bytes, FAILPOINT_NAME_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < length_bytes; i++) {
		unsigned char byte = (unsigned char)name[i];

		if (byte < ' ' || byte == 0x7f || strchr("=;\"`", byte)) {
			errmsg_set(reterr_why,
				   "byte %zu of the name '%.*s' is none that "
				   "a failpoint's may have",
				   i, (int)length_bytes, name);
			return -EINVAL;
		}
	}
	if (is_blank(name[0]) || is_blank(name[length_bytes - 1])) {
		errmsg_set(reterr_why, "the name '%.*s' has a blank at an end",
			   (int)length_bytes, name);
		return -EINVAL;
	}
	return 0;
}

uint64_t registry_seed(void)
{
	uint64_t seed;

	registry_lock();
	if (!registry.seed_is_set) {
		/* At worst it is less random: it is printed anyway. */
		if (getrandom(&registry.seed, sizeof(registry.seed),
			      GRND_NONBLOCK) != sizeof(registry.seed))
			registry.seed =
				(uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
		registry.seed_is_set = true;
	}
	seed = registry.seed;
	registry_unlock();
	return seed;
}

void registry_set_seed(uint64_t seed)
{
	registry_lock();
	registry.seed_is_told = registry.seed_is_told && registry.seed == seed;
	registry.seed = seed;
	registry.seed_is_set = true;
	registry_unlock();
}

/* Once for each seed. */
static void tell_seed(void)
{
	bool told;
	uint64_t seed;

	registry_lock();
	told = registry.seed_is_told;
	registry.seed_is_told = true;
	seed = registry.seed;
	registry_unlock();
	if (!told)
		say(": tosses have the seed %" PRIu64 "; GOFAIL_SEED=%" PRIu64
		    " repeats them",
		    seed, seed);
}

static int add_room(struct registry_orders *orders)
{
	size_t count = orders->count;
	struct registry_order *items = orders->items;

	/* A power of 2 is full. */
	if ((count & (count - 1)) == 0)
		items = reallocarray(items, count ? 2 * count : 1,
				     sizeof(*items));
	if (!items)
		return -ENOMEM;
	orders->items = items;
	return 0;
}

int registry_order_add(struct registry_orders *orders, const char *name,
		       size_t name_length_bytes, const char *terms,
		       size_t terms_length_bytes, struct errmsg *reterr_why)
{
	struct registry_order order = {NULL, NULL};
	int r = registry_check_name(name, name_length_bytes, reterr_why);

	if (r < 0)
		return r;
	r = -ENOMEM;
	order.name = strndup(name, name_length_bytes);
	if (order.name && add_room(orders) == 0)
		r = program_new(order.name, terms, terms_length_bytes,
				registry_seed(), &order.program, reterr_why);
	if (r == -ENOMEM)
		errmsg_set(reterr_why, "out of memory");
	if (r < 0)
		free(order.name);
	else
		orders->items[orders->count++] = order;
	return r;
}

void registry_orders_done(struct registry_orders *orders)
{
	for (size_t i = 0; i < orders->count; i++) {
		free(orders->items[i].name);
		program_free(orders->items[i].program);
	}
	free(orders->items);
	orders->items = NULL;
	orders->count = 0;
}

/* Everything that can fail. */
static int prepare_locked(const struct registry_order *order, bool known,
			  struct errmsg *reterr_why)
{
	struct point *point = point_find(order->name);
	char quoted[QUOTED_BYTES];
	int r;

	if (known && (!point || !point->sites)) {
		errmsg_set(reterr_why, "failpoint does not exist: %s",
			   say_quoted(order->name, quoted, sizeof(quoted)));
		return -ENOENT;
	}
	r = program_keep_strings(order->program);
	if (r == 0)
		r = point_get(order->name, &point);
	if (r == -ENOSPC)
		errmsg_set(reterr_why,
			   "too many failpoints, or strings that they return");
	else if (r < 0)
		errmsg_set(reterr_why, "out of memory");
	return r;
}

int registry_arm(struct registry_orders *orders, bool known,
		 struct errmsg *reterr_why)
{
	bool tosses = false;
	size_t prepared = 0;
	int r = 0;

	registry_lock();
	while (r == 0 && prepared < orders->count)
		r = prepare_locked(&orders->items[prepared++], known,
				   reterr_why);
	for (size_t i = 0; i < prepared; i++) {
		struct registry_order *order = &orders->items[i];
		struct point *point = point_find(order->name);

		if (r == 0) {
			tosses |= order->program->tosses;
			point_arm(point, order->program);
			order->program = NULL;
		} else if (point) {
			point_forget_unused(point);
		}
	}
	registry_unlock();
	bell_tell_listeners();
	if (tosses)
		tell_seed();
	return r;
}

int registry_disarm(const char *name, struct errmsg *reterr_why)
{
	char quoted[QUOTED_BYTES];
	struct point *point;
	int r = 0;

	registry_lock();
	point = point_find(name);
	if (!point) {
		r = -ENOENT;
	} else if (!atomic_load(&point->program)) {
		r = -EALREADY;
	} else {
		point_arm(point, NULL);
		point_forget_unused(point);
	}
	registry_unlock();
	if (r < 0)
		errmsg_set(reterr_why, "failpoint %s: %s",
			   r == -ENOENT ? "does not exist" : "is disabled",
			   say_quoted(name, quoted, sizeof(quoted)));
	return r;
}

int registry_disarm_all(void)
{
	struct point *next;
	int count = 0;

	registry_lock();
	for (struct point *p = point_next(NULL); p; p = next) {
		next = point_next(p);
		if (!atomic_load(&p->program))
			continue;
		point_arm(p, NULL);
		point_forget_unused(p);
		count++;
	}
	registry_unlock();
	return count;
}

void registry_before_fork(void)
{
	registry_lock();
}

void registry_after_fork(void)
{
	registry_unlock();
}

void registry_in_child(void)
{
	bell_forked();
	grace_forked();
	for (struct point *p = point_next(NULL); p; p = point_next(p)) {
		gate_forked(&p->gate);
		atomic_store(&p->guests, 0);
	}
	registry_unlock();
}
