/* SPDX-License-Identifier: MIT */
/*
 * The store, or the scratch file, fails: each step of a scenario is played with
 * its first, second, ... system call failing, once or from there on, until one
 * run ends without a failure. A step that reports an error has done nothing to
 * the live image, and a commit loses nothing that it has not stored: the same
 * again, after the cause is gone, stores exactly what is shown; and a crash
 * instead leaves what was durable before as it was.
 *
 * FLAKEY_TEST_EXHAUSTIVE=1 plays all combinations instead of a part.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fusefs/scratch.h"
#include "fusefs/volume.h"
#include "tests/unit/fusefs/nodisk.h"
#include "tests/unit/fusefs/scene.h"

#define FAILURES_MAX 2000 /* of one step: more means that it never ends */

static const int errors[] = {EIO,    ENOSPC, EMFILE, ENOMEM,
			     EACCES, EDQUOT, EROFS};
#define ERRORS (sizeof(errors) / sizeof(errors[0]))

enum ending {
	RETRY,
	CRASH,
	ENDINGS
};

/* Live and stored image before each step, and after the last. */
struct course {
	struct image live[SCENE_STEPS + 1];
	struct image stored[SCENE_STEPS + 1];
};

static struct course course;

struct trial {
	size_t index;
	unsigned int nth;
	struct nodisk_plan plan;
	enum ending ending;
	char words[160];
};

static void take_images(struct scene *scene, size_t i)
{
	scene_take_image(scene, &course.live[i]);
	image_of_store(&course.stored[i], scene->sandbox.store, IMAGE_CONTENT);
}

static int take_course(void **state)
{
	static struct scene scene;

	(void)state;
	scene_set(&scene, true);
	for (size_t i = 0; i < SCENE_STEPS; i++) {
		take_images(&scene, i);
		assert_int_equal(scene_steps[i].run(&scene), 0);
	}
	take_images(&scene, SCENE_STEPS);
	sandbox_close(&scene.sandbox);
	return 0;
}

static int drop_course(void **state)
{
	(void)state;
	for (size_t i = 0; i <= SCENE_STEPS; i++) {
		image_done(&course.live[i]);
		image_done(&course.stored[i]);
	}
	return 0;
}

/* The paths of the scene have no blanks. */
static const char *find_path(const struct image *image, const char *line)
{
	size_t length = strcspn(line, " ") + 1;

	for (size_t i = 0; i < image->count; i++)
		if (strncmp(image->lines[i], line, length) == 0)
			return image->lines[i];
	return NULL;
}

/* All but the number of links: a commit that ended early may have made another
 * name of the file, or not removed one. */
static bool is_same_file(const char *a, const char *b)
{
	const char *links = strstr(a, " n");
	size_t head = links != NULL ? (size_t)(links - a) + 2 : strlen(a);

	if (strncmp(a, b, head) != 0)
		return false;
	return strcmp(a + head + strspn(a + head, "0123456789"),
		      b + head + strspn(b + head, "0123456789")) == 0;
}

static bool is_same(const struct image *a, const struct image *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = strcmp(a->lines[i], b->lines[i]) == 0;
	return same;
}

/* What is there before the step and after it is there in the middle, too; and as
 * it was, if no record of the step touched it. */
static void expect_untouched(const struct trial *trial,
			     const struct image *stored)
{
	const struct image *before = &course.stored[trial->index];
	const struct image *after = &course.stored[trial->index + 1];

	for (size_t i = 0; i < before->count; i++) {
		const char *old = before->lines[i];
		const char *new = find_path(after, old);
		if (new == NULL)
			continue;
		const char *now = find_path(stored, old);
		if (now == NULL ||
		    (is_same_file(old, new) && !is_same_file(old, now)))
			fail_msg("%s: lost '%s', got '%s'", trial->words, old,
				 now != NULL ? now : "");
	}
}

static void check_live(struct scene *scene, const struct trial *trial,
		       int64_t r)
{
	const struct scene_step *step = &scene_steps[trial->index];
	const struct image *before = &course.live[trial->index];
	const struct image *after = &course.live[trial->index + 1];
	struct image image;

	scene_take_image(scene, &image);
	if (r == 0 || step->kind == SCENE_PREPARES)
		image_expect_equal(&image, after, trial->words);
	else if (step->kind == SCENE_CHANGES)
		image_expect_equal(&image, before, trial->words);
	else if (!is_same(&image, before))
		image_expect_equal(&image, after, trial->words);
	image_done(&image);
}

static void check_stored(struct scene *scene, const struct trial *trial,
			 int64_t r)
{
	const struct scene_step *step = &scene_steps[trial->index];
	struct image stored;

	image_of_store(&stored, scene->sandbox.store, IMAGE_CONTENT);
	if (r == 0 && step->promises)
		image_expect_equal(&stored, &course.stored[trial->index + 1],
				   trial->words);
	else
		expect_untouched(trial, &stored);
	image_done(&stored);
}

static void check_ending(struct scene *scene, const struct trial *trial)
{
	struct sandbox *sandbox = &scene->sandbox;
	struct image shown;
	struct image stored;

	if (scene_steps[trial->index].kind == SCENE_LOSES ||
	    trial->ending == CRASH)
		sandbox_crash(sandbox);
	scene_take_image(scene, &shown);
	sandbox_put(sandbox, "last", 10, 'l');
	sandbox_unlink(sandbox, "last");
	sandbox_sync(sandbox);
	sandbox_expect_same(sandbox, trial->words);
	image_of_store(&stored, sandbox->store, IMAGE_CONTENT);
	image_expect_equal(&stored, &shown, trial->words);
	image_done(&shown);
	image_done(&stored);
}

static const char *name_of(int error)
{
	return strerrorname_np(error);
}

static void check(struct scene *scene, struct trial *trial, int64_t r)
{
	snprintf(trial->words, sizeof(trial->words),
		 "%s, call %u, %s, %s %s, result %lld",
		 scene_steps[trial->index].name, trial->nth, nodisk_failed(),
		 trial->plan.lasting ? "and later" : "only",
		 name_of(trial->plan.errno_value), (long long)r);
	if (r != 0 && r != -trial->plan.errno_value && r != -EIO &&
	    (r != -ENOSPC || trial->plan.place == NODISK_STORE))
		fail_msg("%s", trial->words);
	check_live(scene, trial, r);
	check_stored(scene, trial, r);
	check_ending(scene, trial);
}

/* One run with a failure; false if it did not come to that. */
static bool run_trial(struct trial *trial)
{
	static struct scene scene;
	unsigned int descriptors = nodisk_descriptors();

	scene_set(&scene, true);
	scene_play_until(&scene, trial->index);
	scene.nth = trial->nth;
	scene.arm = nodisk_arm;
	scene.disarm = nodisk_disarm;
	nodisk_plan(&trial->plan);
	int64_t r = scene_steps[trial->index].run(&scene);
	bool fired = scene.fired;
	if (fired)
		check(&scene, trial, r);
	sandbox_close(&scene.sandbox);
	assert_int_equal(nodisk_descriptors(), descriptors);
	return fired;
}

static bool is_exhaustive(void)
{
	const char *value = getenv("FLAKEY_TEST_EXHAUSTIVE");

	return value != NULL && *value != '\0';
}

/* Every call fails once; how it fails goes round from call to call. */
static bool run_trials(size_t index, unsigned int nth, enum nodisk_place place)
{
	size_t combinations = ERRORS * 2 * ENDINGS;
	size_t count = is_exhaustive() ? combinations : 1;
	size_t first = (nth + index * 5) % combinations;
	bool fired = false;

	for (size_t i = 0; i < count; i++) {
		size_t way = (first + i) % combinations;
		struct trial trial = {
			.index = index,
			.nth = nth,
			.plan = {.place = place,
				 .errno_value = errors[way % ERRORS],
				 .lasting = way / ERRORS % 2},
			.ending = way / ERRORS / 2 ? CRASH : RETRY,
		};
		fired |= run_trial(&trial);
	}
	return fired;
}

static unsigned int sweep(enum nodisk_place place)
{
	unsigned int failures = 0;

	for (size_t i = 0; i < SCENE_STEPS; i++) {
		unsigned int nth = 1;
		while (run_trials(i, nth, place))
			assert_in_range(nth++, 1, FAILURES_MAX);
		failures += nth - 1;
	}
	printf("# %u failing calls in %d steps\n", failures, SCENE_STEPS);
	return failures;
}

static void failing_store_loses_nothing_that_is_shown(void **state)
{
	(void)state;
	assert_true(sweep(NODISK_STORE) > 100);
}

static void failing_scratch_file_harms_only_who_needs_it(void **state)
{
	(void)state;
	assert_true(sweep(NODISK_SCRATCH) > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failing_store_loses_nothing_that_is_shown),
		cmocka_unit_test(failing_scratch_file_harms_only_who_needs_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, take_course, drop_course);
}
