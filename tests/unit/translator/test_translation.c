/* SPDX-License-Identifier: MIT */
/*
 * Whatever bytes a source has: enabling it gives the same number of lines and a
 * way back to each byte, or a mistake in one of its lines; disabling leaves alone
 * what is not enabled, and never adds or drops a line. The texts are the examples
 * of tests/translator/golden, changed by chance.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/text.h"
#include "tests/unit/fusefs/seed.h"
#include "tools/failpoint/mistake.h"
#include "tools/failpoint/points.h"
#include "tools/failpoint/translation.h"

#define SAMPLES_MAX 64

struct samples {
	struct text texts[SAMPLES_MAX];
	size_t count;
};

static void read_sample(struct samples *samples, const char *folder,
			const char *name)
{
	struct text *text = &samples->texts[samples->count++];
	char path[4096];
	char buffer[4096];
	size_t got;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	assert_non_null(file);
	text_init(text);
	while ((got = fread(buffer, 1, sizeof(buffer), file)) > 0)
		text_append(text, buffer, got);
	(void)fclose(file);
}

static int by_name(const struct dirent **one, const struct dirent **other)
{
	return strcmp((*one)->d_name, (*other)->d_name);
}

static int set_up(void **state)
{
	static struct samples samples;
	const char *folder = getenv("FLAKEY_TEST_GOLDEN");
	struct dirent **entries;
	int count;

	assert_non_null(folder);
	count = scandir(folder, &entries, NULL, by_name);
	assert_true(count > 10);
	for (int i = 0; i < count; i++) {
		if (entries[i]->d_name[0] != '.' && samples.count < SAMPLES_MAX)
			read_sample(&samples, folder, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	*state = &samples;
	return 0;
}

static int tear_down(void **state)
{
	struct samples *samples = *state;

	for (size_t i = 0; i < samples->count; i++)
		text_done(&samples->texts[i]);
	return 0;
}

static size_t count_lines(const struct text *text)
{
	size_t count = 0;

	for (size_t i = 0; i < text->length_bytes; i++)
		count += text->data[i] == '\n';
	return count;
}

static bool same(const struct text *one, const struct text *other)
{
	return one->length_bytes == other->length_bytes &&
	       memcmp(one->data, other->data, one->length_bytes) == 0;
}

static int disable(const struct text *from, struct text *to,
		   struct translation_found *found)
{
	struct mistake mistake = {0};
	int r = translation_disable(from->data, from->length_bytes, to, found,
				    &mistake);

	assert_true(r == 0 || r == -EINVAL);
	if (r < 0) {
		assert_true(mistake.line >= 1 &&
			    mistake.line <= count_lines(from) + 1);
		assert_true(mistake.why.text[0] != '\0');
	} else {
		assert_int_equal(count_lines(from), count_lines(to));
		if (!found->enabled)
			assert_true(same(from, to));
	}
	return r;
}

/* Returns the number of points and labels that could be enabled. */
static size_t enable(const struct text *from)
{
	struct translation_options options = {.prefix = "a/b", .include = true};
	struct translation_found found;
	struct mistake mistake = {0};
	struct points points;
	struct text to;
	struct text back;
	size_t count;
	int r;

	text_init(&to);
	text_init(&back);
	points_init(&points);
	r = points_find(&points, from->data, from->length_bytes, &mistake);
	if (r == 0 && points.count > 0)
		r = translation_enable(from->data, from->length_bytes, &points,
				       &options, &to, &mistake);
	count = r == 0 ? points.count : 0;
	points_done(&points);
	assert_true(r == 0 || r == -EINVAL);
	if (r < 0)
		assert_true(mistake.line >= 1 &&
			    mistake.line <= count_lines(from) + 1);
	if (count > 0) {
		assert_int_equal(count_lines(from), count_lines(&to));
		assert_int_equal(disable(&to, &back, &found), 0);
		assert_true(found.enabled);
		assert_true(same(from, &back));
	}
	text_done(&to);
	text_done(&back);
	return count;
}

static const char *const pieces[] = {
	"\n",
	"\r\n",
	"\\\n",
	"\"",
	"'",
	"/*",
	"*/",
	"//",
	"{",
	"}",
	";",
	"(",
	"#if 0\n",
	"#endif\n",
	"#else\n",
	"#define A ",
	"R\"(",
	")\"",
	" ",
	"\t",
	"\\",
	"gofail:",
	"// gofail: ",
	"// gofail: var b int\n",
	"else",
	"*/\n",
	"/*failpoint*/",
	"/*failpoint //*/",
	"/*failpoint //",
	" /*failpoint*/ }}",
	"#include <failpoint.h> /*failpoint*/ ",
	"\xef\xbb\xbf",
	"// gofail: x:\n",
	"\x01",
	"var",
};

/* One change somewhere: a piece more, some bytes less, or a part of it again. */
static void change(struct seed *seed, struct text *text)
{
	size_t length = text->length_bytes;
	size_t at = seed_below(seed, (uint32_t)length + 1);
	size_t gone = seed_below(seed, 4) ? 0 : seed_below(seed, 40);
	struct text changed;

	if (gone > length - at)
		gone = length - at;
	text_init(&changed);
	text_append(&changed, text->data, at);
	if (seed_once_in(seed, 50)) {
		text_append(&changed, "", 1); /* a NUL */
	} else if (seed_once_in(seed, 5)) {
		size_t from = seed_below(seed, (uint32_t)length + 1);
		size_t much = seed_below(seed, 200);

		text_append(&changed, text->data + from,
			    much < length - from ? much : length - from);
	} else {
		const char *piece = pieces[seed_below(
			seed, sizeof(pieces) / sizeof(pieces[0]))];

		text_append(&changed, piece, strlen(piece));
	}
	text_append(&changed, text->data + at + gone, length - at - gone);
	assert_int_equal(text_result(&changed), 0);
	text_done(text);
	*text = changed;
}

/* In a place of its own, so that a sanitizer sees who reads behind the end. */
static void check_exactly(const struct text *text, size_t *enabled,
			  size_t *disabled)
{
	struct text copy = {.length_bytes = text->length_bytes};
	struct translation_found found;
	struct text back;

	copy.data = malloc(copy.length_bytes + 1);
	assert_non_null(copy.data);
	memcpy(copy.data, text->data, copy.length_bytes);
	copy.data[copy.length_bytes] = '\0';
	*enabled += enable(&copy) > 0;
	text_init(&back);
	*disabled += disable(&copy, &back, &found) == 0 && found.enabled;
	text_done(&back);
	free(copy.data);
}

static void any_text_comes_back_or_is_refused(void **state)
{
	const struct samples *samples = *state;
	unsigned long steps = seed_steps(4000);
	size_t enabled = 0;
	size_t disabled = 0;
	struct seed seed;

	seed_start(&seed);
	for (unsigned long i = 0; i < steps; i++) {
		const struct text *sample = &samples->texts[seed_below(
			&seed, (uint32_t)samples->count)];
		struct text text;

		text_init(&text);
		text_append(&text, sample->data, sample->length_bytes);
		for (uint32_t n = seed_below(&seed, 6); n > 0; n--)
			change(&seed, &text);
		check_exactly(&text, &enabled, &disabled);
		text_done(&text);
	}
	print_message("# %zu enabled, %zu disabled\n", enabled, disabled);
	/* Else nothing was looked at. */
	assert_true(enabled > steps / 20);
	assert_true(disabled > steps / 20);
}

static void deep_nesting_is_refused(void **state)
{
	struct text text;
	struct points points;
	struct mistake mistake;

	(void)state;
	text_init(&text);
	for (int i = 0; i < 501; i++)
		text_printf(&text, "#if 1\n");
	points_init(&points);
	assert_int_equal(
		points_find(&points, text.data, text.length_bytes, &mistake),
		-EINVAL);
	assert_int_equal(mistake.line, 501);
	points_done(&points);
	text_clear(&text);
	text_printf(&text, "\nvoid f(void) {\n// gofail: var a int\n// ");
	for (int i = 0; i < 201; i++)
		text_printf(&text, "(");
	points_init(&points);
	assert_int_equal(
		points_find(&points, text.data, text.length_bytes, &mistake),
		-EINVAL);
	assert_int_equal(mistake.line, 4);
	points_done(&points);
	text_done(&text);
}

/* 10,000 points are translated, one more is refused; in no time. */
static void many_points_are_limited(void **state)
{
	struct points points;
	struct mistake mistake;
	struct text text;

	(void)state;
	text_init(&text);
	text_printf(&text, "\nvoid f(void) {\n");
	for (int i = 0; i < POINTS_MAX; i++)
		text_printf(&text, "// gofail: var p%d int\n// return;\n", i);
	assert_int_equal(enable(&text), POINTS_MAX);
	text_printf(&text, "// gofail: var more int\n");
	points_init(&points);
	assert_int_equal(
		points_find(&points, text.data, text.length_bytes, &mistake),
		-EINVAL);
	assert_int_equal(mistake.line, 2 * POINTS_MAX + 3);
	points_done(&points);
	text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_text_comes_back_or_is_refused),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(many_points_are_limited),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
