/* SPDX-License-Identifier: MIT */
/*
 * Memory runs out: each step of a scenario is played with its first, second, ...
 * allocation failing, until one run ends without a failure. A step that says
 * -ENOMEM has done nothing; one that succeeds all the same has done all of it;
 * and what is then in the journal can be stored, and is what was shown.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "fusefs/volume.h"
#include "tests/unit/fusefs/nomem.h"
#include "tests/unit/fusefs/scene.h"

#define FAILURES_MAX 200 /* of one step: more means that it never ends */

static bool is_same(const struct image *a, const struct image *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = strcmp(a->lines[i], b->lines[i]) == 0;
	return same;
}

static void check(struct scene *scene, const struct scene_step *step, int64_t r,
		  const struct image *before, const struct image *after)
{
	struct image image;
	char what[128];

	if (r != 0 && r != -ENOMEM)
		fail_msg("%s, allocation %u: %lld", step->name, scene->nth,
			 (long long)r);
	scene_take_image(scene, &image);
	snprintf(what, sizeof(what), "%s, allocation %u, result %lld",
		 step->name, scene->nth, (long long)r);
	if (r == 0 || step->kind == SCENE_PREPARES)
		image_expect_equal(&image, after, what);
	else if (step->kind == SCENE_CHANGES)
		image_expect_equal(&image, before, what);
	else if (!is_same(&image, before))
		image_expect_equal(&image, after, what);
	if (step->kind != SCENE_LOSES) {
		/* What the journal has is what is shown. */
		sandbox_sync(&scene->sandbox);
		sandbox_expect_same(&scene->sandbox, what);
		struct image stored;
		image_of_store(&stored, scene->sandbox.store, IMAGE_CONTENT);
		image_expect_equal(&stored, &image, what);
		image_done(&stored);
	}
	image_done(&image);
}

/* One run with one failure; false if it did not come to that. */
static bool starve(size_t index, unsigned int nth, struct image *images)
{
	static struct scene scene;

	scene_set(&scene, true);
	scene_play_until(&scene, index);
	scene.nth = nth;
	scene.arm = nomem_arm;
	scene.disarm = nomem_disarm;
	int64_t r = scene_steps[index].run(&scene);
	bool fired = scene.fired;
	if (fired)
		check(&scene, &scene_steps[index], r, &images[index],
		      &images[index + 1]);
	sandbox_close(&scene.sandbox);
	return fired;
}

static void step_without_memory_does_all_or_nothing(void **state)
{
	static struct image images[SCENE_STEPS + 1];
	static struct scene scene;
	unsigned int failures = 0;

	(void)state;
	scene_set(&scene, true);
	for (size_t i = 0; i < SCENE_STEPS; i++) {
		scene_take_image(&scene, &images[i]);
		assert_int_equal(scene_steps[i].run(&scene), 0);
	}
	scene_take_image(&scene, &images[SCENE_STEPS]);
	sandbox_close(&scene.sandbox);
	for (size_t i = 0; i < SCENE_STEPS; i++) {
		unsigned int nth = 1;
		while (starve(i, nth, images))
			assert_in_range(nth++, 1, FAILURES_MAX);
		failures += nth - 1;
	}
	printf("# %u failures in %d steps\n", failures, SCENE_STEPS);
	for (size_t i = 0; i <= SCENE_STEPS; i++)
		image_done(&images[i]);
}

static void volume_without_memory_does_not_open(void **state)
{
	struct sandbox sandbox;
	unsigned int nth = 1;
	int r = -ENOMEM;

	(void)state;
	sandbox_open(&sandbox, 0);
	volume_close(sandbox.volume);
	sandbox.volume = NULL;
	for (; r != 0; nth++) {
		const struct volume_config config = {
			.source = sandbox.store,
			.scratch_directory = sandbox.scratch,
			.profile = "ext4",
		};
		nomem_arm(nth);
		r = volume_open(&config, sandbox.events, &sandbox.volume, NULL);
		assert_int_equal(nomem_disarm(), r != 0);
		assert_true(r == 0 || r == -ENOMEM);
	}
	assert_true(nth > 4);
	sandbox_close(&sandbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(volume_without_memory_does_not_open),
		cmocka_unit_test(step_without_memory_does_all_or_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
