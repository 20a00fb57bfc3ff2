/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dmbackend/runtime.h"

/* Another release of ours has to find what this one has left. */
static void names_never_change(void **state)
{
	struct runtime runtime;

	(void)state;
	runtime_name("/mnt", &runtime);
	assert_string_equal(runtime.id, "ce6b489c78c971c3");
	assert_string_equal(runtime.uuid, "FLAKEY-ce6b489c78c971c3");
	assert_string_equal(runtime.directory, "/run/flakey/ce6b489c78c971c3");
	assert_string_equal(runtime.control,
			    "/run/flakey/ce6b489c78c971c3/control");
	assert_int_equal(runtime.fd, -1);
}

static void each_mountpoint_has_its_own(void **state)
{
	struct runtime one;
	struct runtime other;

	(void)state;
	runtime_name("/mnt/a", &one);
	runtime_name("/mnt/b", &other);
	assert_string_not_equal(one.id, other.id);
	assert_false(runtime_exists(&one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_never_change),
		cmocka_unit_test(each_mountpoint_has_its_own),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
