/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/answer.h"
#include "common/backend.h"
#include "common/mode.h"
#include "common/plan.h"
#include "common/text.h"
#include "tests/unit/common/jsoncheck.h"

#define NOW_NS INT64_C(1700000000000000000)

static const struct backend_loss written = {
	.kind = "data",
	.path = "/t.db",
	.what = "written",
	.remedy = "fsync of the file",
	.offset_bytes = 0,
	.length_bytes = 4096,
	.since_ns = NOW_NS - 800000000,
};

static void list(struct text *text, enum fields_format format,
		 const struct backend_loss *losses, size_t count)
{
	struct answer_losses answer;

	text_init(text);
	answer_losses_begin(&answer, text, format, NOW_NS);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(answer_losses_add(&answer, &losses[i]), 0);
	answer_losses_end(&answer);
}

static void loss_is_a_line_with_a_remedy(void **state)
{
	struct text text;

	(void)state;
	list(&text, FIELDS_TEXT, &written, 1);
	assert_string_equal(
		text.data,
		"data        /t.db                     0..4095 (4096 bytes) "
		"written 0.8 s ago; lost without fsync of the file\n"
		"at risk: 1 change, 4096 bytes of data\n");
	text_done(&text);
}

static void nothing_at_risk_says_so(void **state)
{
	struct text text;

	(void)state;
	list(&text, FIELDS_TEXT, NULL, 0);
	assert_string_equal(text.data, "nothing is at risk\n");
	text_done(&text);
	list(&text, FIELDS_JSON, NULL, 0);
	assert_string_equal(text.data, "{\"losses\":[],\"count\":0,\"data_bytes"
				       "\":0,\"unlisted\":0}\n");
	text_done(&text);
}

static void hostile_paths_forge_no_line(void **state)
{
	const struct backend_loss loss = {
		.kind = "entry",
		.path = "/a\nnothing is at risk",
		.path2 = "/b\r\x1b[2J",
		.what = "renamed",
		.remedy = "fsync of the directory '/\n'",
		.offset_bytes = -1,
		.since_ns = NOW_NS + 5,
	};
	struct text text;

	(void)state;
	list(&text, FIELDS_TEXT, &loss, 1);
	assert_string_equal(
		text.data,
		"entry       /a\\012nothing is at risk -> /b\\015\\033[2J "
		"renamed 0.0 s ago; lost without fsync of the directory "
		"'/\\012'\n"
		"at risk: 1 change, 0 bytes of data\n");
	text_done(&text);
	list(&text, FIELDS_JSON, &loss, 1);
	assert_true(jsoncheck_valid(text.data));
	assert_null(strstr(text.data, "offset_bytes"));
	text_done(&text);
}

static void dropped_loss_has_no_remedy(void **state)
{
	struct backend_loss loss = written;
	struct text text;

	(void)state;
	loss.dropped = 1;
	list(&text, FIELDS_TEXT, &loss, 1);
	assert_non_null(strstr(text.data, "synced while writes were dropped"));
	assert_null(strstr(text.data, "lost without"));
	text_done(&text);
}

static void endless_list_is_cut_but_counted(void **state)
{
	struct answer_losses answer;
	struct text text;

	(void)state;
	text_init(&text);
	answer_losses_begin(&answer, &text, FIELDS_JSON, NOW_NS);
	for (int i = 0; i < 200000; i++)
		(void)answer_losses_add(&answer, &written);
	answer_losses_end(&answer);
	assert_int_equal(text_result(&text), 0);
	assert_int_equal(answer.count, 200000);
	assert_true(answer.unlisted > 0 && answer.unlisted < 200000);
	assert_true(text.length_bytes < ANSWER_LOSSES_BYTES_MAX + 1000);
	assert_true(jsoncheck_valid(text.data));
	text_done(&text);
}

static void crash_is_one_line_and_what_was_lost(void **state)
{
	char lost[] = "data /a\nentry /b\n";
	struct backend_report report = {
		.incarnation = 2,
		.lost_records = 3,
		.lost_bytes = 8192,
		.lost_files = 1,
		.elapsed_us = 1234,
		.digest = 0x123456789abcdef,
		.lost_list = lost,
	};
	struct plan plan = {.digest = true};
	struct text text;

	(void)state;
	text_init(&text);
	answer_crash(&text, FIELDS_TEXT, &plan, &report);
	assert_string_equal(text.data,
			    "crashed: incarnation 2, lost 3 records, 8192 "
			    "bytes in 1 file, digest 0123456789abcdef, 1.2 ms\n"
			    "  data /a\n  entry /b\n");
	text_clear(&text);
	answer_crash(&text, FIELDS_JSON, &plan, &report);
	assert_true(jsoncheck_valid(text.data));
	assert_non_null(strstr(text.data, "\"digest\":\"0123456789abcdef\""));
	assert_non_null(strstr(text.data, "\"plan\":\"keep=none digest=yes\""));
	text_clear(&text);
	report.lost_list = NULL;
	report.kept_bytes = 5;
	answer_crash(&text, FIELDS_TEXT, &plan, &report);
	assert_non_null(strstr(text.data, "kept 0 records, 5 bytes, digest"));
	text_clear(&text);
	plan.digest = false;
	answer_crash(&text, FIELDS_TEXT, &plan, &report);
	assert_null(strstr(text.data, "digest"));
	text_done(&text);
}

static void long_lists_of_a_crash_are_cut(void **state)
{
	char lost[201];
	struct backend_report report = {.lost_list = lost};
	struct plan plan = {0};
	struct text text;

	(void)state;
	for (size_t i = 0; i < 200; i += 2)
		memcpy(lost + i, "x\n", 2);
	lost[200] = '\0';
	text_init(&text);
	answer_crash(&text, FIELDS_TEXT, &plan, &report);
	assert_non_null(strstr(text.data, "  x\n  ... and 80 lines more\n"));
	text_done(&text);
}

static void status_has_the_mode_in_force(void **state)
{
	const struct backend_status status = {
		.backend = "fuse",
		.profile = "ext4",
		.source = "/s\"",
		.mountpoint = "/m\n",
		.state = "ok",
		.pid = 7,
		.dirty_bytes = 99,
	};
	const struct mode mode = {
		.kind = MODE_DROP_WRITES, .up_ms = 1000, .down_ms = 500};
	struct text text;

	(void)state;
	text_init(&text);
	answer_status(&text, FIELDS_JSON, &status, &mode, 1200);
	assert_true(jsoncheck_valid(text.data));
	assert_non_null(strstr(
		text.data, "\"mode\":\"drop-writes cycle=1s,0.5s\",\"mode_now"
			   "\":\"drop-writes\",\"mode_since_ms\":1200,"
			   "\"pid\":7,"));
	assert_non_null(strstr(text.data, "\"dirty_bytes\":99,"));
	text_clear(&text);
	answer_status(&text, FIELDS_PLAIN, &status, &mode, 200);
	assert_non_null(strstr(text.data, "\nmode_now allow-writes\n"));
	assert_non_null(strstr(text.data, "\nmountpoint /m\\012\n"));
	text_done(&text);
}

static void short_answers(void **state)
{
	const struct mode mode = {.kind = MODE_DROP_WRITES, .for_ms = 3200};
	struct text text;

	(void)state;
	text_init(&text);
	answer_mode(&text, FIELDS_TEXT, &mode);
	answer_mode(&text, FIELDS_JSON, &mode);
	answer_done(&text, FIELDS_TEXT, "synced");
	answer_done(&text, FIELDS_PLAIN, "synced");
	answer_evict(&text, FIELDS_TEXT, 5);
	answer_evict(&text, FIELDS_JSON, 5);
	assert_string_equal(text.data, "mode drop-writes for=3.2s\n"
				       "{\"mode\":\"drop-writes for=3.2s\"}\n"
				       "synced\ndone synced\n"
				       "evicted 5 bytes\n"
				       "{\"evicted_bytes\":5}\n");
	text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loss_is_a_line_with_a_remedy),
		cmocka_unit_test(nothing_at_risk_says_so),
		cmocka_unit_test(hostile_paths_forge_no_line),
		cmocka_unit_test(dropped_loss_has_no_remedy),
		cmocka_unit_test(endless_list_is_cut_but_counted),
		cmocka_unit_test(crash_is_one_line_and_what_was_lost),
		cmocka_unit_test(long_lists_of_a_crash_are_cut),
		cmocka_unit_test(status_has_the_mode_in_force),
		cmocka_unit_test(short_answers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
