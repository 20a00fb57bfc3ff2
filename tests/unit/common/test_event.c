/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/event.h"
#include "tests/unit/common/jsoncheck.h"

#define THREADS 4
#define LINES_PER_THREAD 2000

static struct event_log *new_log(void)
{
	struct event_log *log = event_new();

	assert_non_null(log);
	return log;
}

/* All that is kept, as a string. */
static char *read_all(struct event_log *log, off_t *ret_begin)
{
	char *buffer = malloc(EVENT_BYTES_MAX + 1);
	size_t size;

	assert_non_null(buffer);
	size = event_read(log, 0, buffer, EVENT_BYTES_MAX, ret_begin);
	buffer[size] = '\0';
	return buffer;
}

static void line_is_json_with_its_number(void **state)
{
	struct event_log *log = new_log();
	char *lines;
	char *second;
	off_t begin;

	(void)state;
	event_add(log, "crash", "\"incarnation\":%d", 2);
	event_add(log, "mark \"x\"", NULL);
	lines = read_all(log, &begin);
	assert_int_equal(begin, 0);
	assert_int_equal(event_size(log), strlen(lines));
	second = strchr(lines, '\n');
	*second++ = '\0';
	assert_true(jsoncheck_valid(lines));
	assert_true(jsoncheck_valid(second));
	assert_ptr_equal(strstr(lines, "{\"seq\":1,\"time\":\"20"), lines);
	assert_non_null(
		strstr(lines, "\"event\":\"crash\",\"incarnation\":2}"));
	assert_ptr_equal(strstr(second, "{\"seq\":2,"), second);
	free(lines);
	event_free(log);
}

static void offsets_stay_true_when_old_lines_go(void **state)
{
	struct event_log *log = new_log();
	char *all;
	char *again = malloc(EVENT_BYTES_MAX + 1);
	char *line;
	unsigned long seq;
	off_t begin;
	off_t where;
	size_t size;

	(void)state;
	for (int i = 0; i < 30000; i++)
		event_add(log, "tick", "\"i\":%d", i);
	assert_true(event_size(log) > EVENT_BYTES_MAX);
	all = read_all(log, &begin);
	/* Whole lines, the newest, numbered without gaps, nearly all room. */
	assert_int_equal(begin + (off_t)strlen(all), event_size(log));
	assert_true(strlen(all) > EVENT_BYTES_MAX - 200);
	assert_int_equal(sscanf(all, "{\"seq\":%lu,", &seq), 1);
	for (line = all; *line; line = strchr(line, '\n') + 1) {
		unsigned long number = 0;

		assert_int_equal(sscanf(line, "{\"seq\":%lu,", &number), 1);
		assert_int_equal(number, seq++);
	}
	assert_int_equal(seq, 30001);
	/* The same bytes from the middle, and nothing behind the end. */
	size = event_read(log, begin + 5000, again, 1000, &where);
	assert_int_equal(size, 1000);
	assert_int_equal(where, begin + 5000);
	assert_memory_equal(again, all + 5000, 1000);
	assert_int_equal(event_read(log, event_size(log), again, 10, &where),
			 0);
	assert_int_equal(
		event_read(log, event_size(log) + 99, again, 10, &where), 0);
	free(again);
	free(all);
	event_free(log);
}

static void line_that_is_too_long_is_counted(void **state)
{
	struct event_log *log = new_log();
	char *huge = malloc(EVENT_BYTES_MAX);
	char *lines;
	off_t begin;

	(void)state;
	assert_non_null(huge);
	memset(huge, 'x', EVENT_BYTES_MAX - 1);
	huge[EVENT_BYTES_MAX - 1] = '\0';
	event_add(log, "a", NULL);
	event_add(log, "huge", "\"x\":\"%s\"", huge);
	event_add(log, "huge", "\"x\":\"%s\"", huge);
	event_add(log, "b", NULL);
	event_add(log, "c", NULL);
	lines = read_all(log, &begin);
	assert_null(strstr(lines, "huge"));
	assert_non_null(strstr(lines, "\"event\":\"b\",\"dropped\":2}"));
	assert_non_null(strstr(lines, "\"event\":\"c\"}"));
	assert_non_null(strstr(lines, "{\"seq\":3,"));
	free(lines);
	free(huge);
	event_free(log);
}

static void *add_many(void *log)
{
	for (int i = 0; i < LINES_PER_THREAD; i++)
		event_add(log, "t", NULL);
	return NULL;
}

static void threads_make_whole_lines(void **state)
{
	struct event_log *log = new_log();
	pthread_t threads[THREADS];
	char *lines;
	off_t begin;
	size_t count = 0;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, add_many, log), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	lines = read_all(log, &begin);
	for (char *line = lines; *line; count++) {
		char *next = strchr(line, '\n');

		*next++ = '\0';
		assert_true(jsoncheck_valid(line));
		line = next;
	}
	assert_int_equal(count, THREADS * LINES_PER_THREAD);
	free(lines);
	event_free(log);
}

static void nothing_can_be_freed(void **state)
{
	(void)state;
	event_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_is_json_with_its_number),
		cmocka_unit_test(offsets_stay_true_when_old_lines_go),
		cmocka_unit_test(line_that_is_too_long_is_counted),
		cmocka_unit_test(threads_make_whole_lines),
		cmocka_unit_test(nothing_can_be_freed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
