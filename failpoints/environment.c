/* SPDX-License-Identifier: MIT */
/*
 * What the environment says is done when the library is loaded: before main(),
 * and before the constructors of who uses it. Names are pending then, and armed
 * as their objects come.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/errmsg.h"
#include "failpoints/failpoint.h"
#include "failpoints/registry.h"
#include "failpoints/say.h"
#include "failpoints/terms_multi.h"

#define QUOTED_BYTES 256

static void read_seed(const char *text)
{
	char quoted[QUOTED_BYTES];
	char *end;
	uint64_t seed;

	errno = 0;
	/* 010 is ten for who writes it. */
	seed = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0)
		say(": GOFAIL_SEED is %s, which is no number below 2^64; the "
		    "seed is a random one",
		    say_quoted(text, quoted, sizeof(quoted)));
	else
		registry_set_seed(seed);
}

static int arm_entry(const struct terms_multi_entry *entry,
		     struct errmsg *reterr_why)
{
	struct registry_orders orders = {NULL, 0};
	int r = registry_order_add(&orders, entry->name,
				   entry->name_length_bytes, entry->terms,
				   entry->terms_length_bytes, reterr_why);

	if (r == 0)
		r = registry_arm(&orders, false, reterr_why);
	registry_orders_done(&orders);
	return r;
}

/* In one line, whatever the entry is made of. */
static void tell(const struct terms_multi_entry *entry,
		 const struct errmsg *why)
{
	struct errmsg line;
	int length = entry->length_bytes < QUOTED_BYTES
			     ? (int)entry->length_bytes
			     : QUOTED_BYTES;

	errmsg_set(&line, "'%.*s' is left out: %s", length, entry->text,
		   why->text);
	say(": GOFAIL_FAILPOINTS: %s", line.text);
}

/* What is wrong with one entry is no reason to leave out the others. */
static void arm_all(const char *text)
{
	size_t length = strlen(text);
	size_t cursor = 0;
	struct terms_multi_entry entry;
	struct errmsg why;
	int r;

	while ((r = terms_multi_next(text, length, &cursor, &entry, &why))) {
		if (r > 0)
			r = arm_entry(&entry, &why);
		if (r < 0)
			tell(&entry, &why);
	}
}

static void serve(const char *address)
{
	if (failpoint_http_start(address) < 0) {
		say(": GOFAIL_HTTP: %s", failpoint_error());
		/* Nothing has begun that exit(3) would have to end. */
		_exit(EXIT_FAILURE);
	}
}

/* secure_getenv(3): who runs a program with more rights than its own may not be
 * able to make it fail. */
__attribute__((constructor(101))) static void read_environment(void)
{
	const char *seed = secure_getenv("GOFAIL_SEED");
	const char *failpoints = secure_getenv("GOFAIL_FAILPOINTS");
	const char *http = secure_getenv("GOFAIL_HTTP");

	/* Only without memory; then a fork is dangerous, but possible. */
	(void)pthread_atfork(registry_before_fork, registry_after_fork,
			     registry_in_child);
	if (seed && *seed)
		read_seed(seed);
	if (failpoints)
		arm_all(failpoints);
	if (http && *http)
		serve(http);
}
