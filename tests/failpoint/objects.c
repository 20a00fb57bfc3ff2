/* SPDX-License-Identifier: MIT */
/*
 * objects MODULE...: points of shared objects that are loaded and unloaded, and
 * named by others before. Each MODULE is loaded by itself, then all at once.
 */
#include <dlfcn.h>
#include <errno.h>
#include <failpoint.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/failpoint/tap.h"

#define MODULES_MAX 8
#define ROUNDS 200

static atomic_bool stop;

static bool own(void)
{
	return FAILPOINT("objects/own");
}

static bool conflict(void)
{
	return FAILPOINT("module/conflict");
}

typedef int hits_fn(void);

struct module {
	void *handle;
	hits_fn *hits;
};

static struct module load(const char *path)
{
	struct module module = {dlopen(path, RTLD_NOW | RTLD_LOCAL), NULL};

	if (!module.handle) {
		printf("Bail out! %s\n", dlerror());
		exit(1);
	}
	/* As dlsym(3) has it for functions. */
	*(void **)(&module.hits) = dlsym(module.handle, "module_hits");
	return module;
}

static bool unload(const char *path, struct module module)
{
	if (dlclose(module.handle) != 0)
		return false;
	return dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL;
}

static void modules_come_and_go(const char *path, int64_t bare)
{
	bool conflicts = strstr(path, "cpp") == NULL;
	struct module module;
	int64_t all;

	printf("# %s\n", path);
	catch_stderr();
	module = load(path);
	if (conflicts)
		has(caught_stderr(), "failpoint: \"module/conflict\" at ",
		    "a conflict");
	else
		same(caught_stderr(), "", "nothing to say");
	all = failpoint_list(NULL, NULL);
	ok(all >= bare + 3, "points are known before they are hit");
	is(module.hits(), 0, "none is armed");
	is(failpoint_enable_known("module/shared", "return"), 0, "one is");
	is(module.hits(), 1, "and hits");
	ok(unload(path, module), "unloaded for good");
	is(failpoint_list(NULL, NULL), bare + 1, "only what is armed is left");
	is(failpoint_enable_known("module/shared", "return"), -ENOENT,
	   "and pending");
	catch_stderr();
	module = load(path);
	(void)caught_stderr();
	is(module.hits(), 1, "loaded again it hits");
	is(failpoint_disable("module/shared"), 0, "no more");
	is(module.hits(), 0, "no hit");
	is(failpoint_enable("module/conflict", "return"), 0, "a conflict");
	is(module.hits(), 0, "is inert");
	ok(conflict(), "the first is not");
	is(failpoint_disable("module/conflict"), 0, "no more");
	ok(unload(path, module), "unloaded");
	is(failpoint_list(NULL, NULL), bare, "nothing is left");
}

static void *hit_until_stopped(void *unused)
{
	intptr_t hits = 0;

	(void)unused;
	while (!atomic_load(&stop))
		hits += own();
	return (void *)hits;
}

static void loading_does_not_disturb_hits(const char *path)
{
	pthread_t thread;
	bool good = true;
	void *hits = NULL;

	is(failpoint_enable_many("module/shared=return;objects/own=return"), 0,
	   "armed");
	if (pthread_create(&thread, NULL, hit_until_stopped, NULL) != 0)
		abort();
	is(failpoint_wait_fired("objects/own", 1, -1), 0, "hit by a thread");
	catch_stderr();
	for (int i = 0; i < ROUNDS; i++) {
		struct module module = load(path);

		good &= module.hits() == 1 && unload(path, module);
	}
	(void)caught_stderr();
	ok(good, "loaded and unloaded while another point is hit");
	atomic_store(&stop, true);
	(void)pthread_join(thread, &hits); /* it is there */
	ok((intptr_t)hits > 0, "it was");
	is(failpoint_disable_all(), 2, "the end");
}

int main(int argc, char **argv)
{
	struct module modules[MODULES_MAX];
	int64_t bare = failpoint_list(NULL, NULL);
	int count = argc - 1;

	if (count < 1 || count > MODULES_MAX)
		return 2;
	is(bare, 2, "the program's own points");
	for (int i = 0; i < count; i++)
		modules_come_and_go(argv[1 + i], bare);
	catch_stderr();
	for (int i = 0; i < count; i++)
		modules[i] = load(argv[1 + i]);
	(void)caught_stderr();
	is(failpoint_enable_known("module/shared", "return"), 0, "one name");
	for (int i = 0; i < count; i++)
		is(modules[i].hits(), 1, "in several objects");
	is(failpoint_fired("module/shared"), count, "is one point");
	for (int i = 0; i < count; i++)
		ok(unload(argv[1 + i], modules[i]), "unloaded");
	is(failpoint_disable_all(), 1, "the end");
	loading_does_not_disturb_hits(argv[1]);
	is(failpoint_list(NULL, NULL), bare, "nothing is left");
	return tap_end();
}
