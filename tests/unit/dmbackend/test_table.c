/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dmbackend/table.h"

static void line(const char *mode_line, const char *parameters)
{
	char got[TABLE_PARAMETERS_MAX];
	struct mode mode;

	assert_int_equal(mode_parse(mode_line, &mode, NULL), 0);
	assert_int_equal(table_parameters("/dev/loop3", &mode, got), 0);
	assert_string_equal(got, parameters);
}

/* "0 0" as the interval is refused by the kernel, and without the count of
 * features some never fail anything. */
static void each_mode_has_its_table(void **state)
{
	(void)state;
	line("allow-writes", "/dev/loop3 0 1 0 0");
	line("drop-writes", "/dev/loop3 0 0 1 1 drop_writes");
	line("error-writes for=2s", "/dev/loop3 0 0 1 1 error_writes");
	line("error-reads", "/dev/loop3 0 0 1 1 error_reads");
	line("corrupt-bio-byte 32 r 1",
	     "/dev/loop3 0 0 1 5 corrupt_bio_byte 32 r 1 0");
	line("corrupt-bio-byte 224 w 0 32",
	     "/dev/loop3 0 0 1 5 corrupt_bio_byte 224 w 0 32");
	line("random-read-corrupt 500000",
	     "/dev/loop3 0 0 1 2 random_read_corrupt 500000");
	line("random-write-corrupt 1",
	     "/dev/loop3 0 0 1 2 random_write_corrupt 1");
}

static void what_a_kernel_lacks_is_named(void **state)
{
	struct mode mode = {.kind = MODE_ERROR_READS};

	(void)state;
	assert_string_equal(table_feature(&mode), "error_reads");
	assert_string_equal(table_since(&mode), "6.4");
	mode.kind = MODE_ALLOW_WRITES;
	assert_null(table_feature(&mode));
}

static void a_path_that_is_too_long_is_refused(void **state)
{
	const struct mode mode = {.kind = MODE_DROP_WRITES};
	char got[TABLE_PARAMETERS_MAX];
	char path[TABLE_PARAMETERS_MAX];

	(void)state;
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(table_parameters(path, &mode, got), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mode_has_its_table),
		cmocka_unit_test(what_a_kernel_lacks_is_named),
		cmocka_unit_test(a_path_that_is_too_long_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
