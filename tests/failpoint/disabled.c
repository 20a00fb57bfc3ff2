/* SPDX-License-Identifier: MIT */
/*
 * With FAILPOINT_DISABLE nothing is left: this is linked without the library, as
 * C and as C++, with warnings as errors. Arguments and bodies are still checked,
 * and count as uses.
 */
#define FAILPOINT_DISABLE
#include <errno.h>
#include <failpoint.h>

#include "tests/failpoint/tap.h"

#ifdef __cplusplus
/* What users may ask for, of the macros that stand in their code. */
#pragma GCC diagnostic error "-Wold-style-cast"
#endif

FAILPOINT_STATIC(elsewhere, FAILPOINT_TYPE_INT, "disabled/static", "");

static void call(int *times, const struct failpoint_value *value)
{
	*times += value->type != FAILPOINT_TYPE_VOID;
}

static int kernel_style(void)
{
	FAILPOINT_RETURN_ERRNO("disabled/errno", "a sentence");
	FAILPOINT_RETURN_SET_ERRNO("disabled/posix", -1);
	return 0;
}

static int all_forms(int n)
{
	int64_t number = 1;
	const char *text = "";
	bool flag = false;
	int error = 0;
	int times = 0;
	struct failpoint_value any;

	for (int i = 0; i < n; i++) {
		if (FAILPOINT("disabled/a"))
			break;
		if (FAILPOINT("disabled/b", "a sentence"))
			continue;
		if (FAILPOINT_INT("disabled/c", &number))
			goto out;
		if (FAILPOINT_STRING("disabled/d", &text) ||
		    FAILPOINT_BOOL("disabled/e", &flag) ||
		    FAILPOINT_ERRNO("disabled/f", &error) ||
		    FAILPOINT_VALUE("disabled/g", &any) ||
		    FAILPOINT_SET_ERRNO("disabled/h") ||
		    FAILPOINT_IF(n > 1, "disabled/i") ||
		    FAILPOINT_CALL("disabled/j", call, &times) ||
		    failpoint_at_int(elsewhere, &number))
			return -1;
	}
	return n + kernel_style() + times;
out:
	return (number != 1) + flag + error + text[0];
}

int main(void)
{
	is(all_forms(5), 5, "no point does anything");
	return tap_end();
}
