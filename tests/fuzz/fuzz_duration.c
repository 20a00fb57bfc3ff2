/* SPDX-License-Identifier: MIT */
/*
 * Any bytes are a duration, which prints as the same one; or they are refused.
 */
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "failpoints/duration.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/target.h"

#define OFFSET 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct errmsg why = {""};
	struct text text;
	int64_t again = -1;
	int64_t ns = -1;
	int r;

	r = duration_parse((const char *)data, size, OFFSET, &ns, &why);
	if (r < 0) {
		refusal_check(r, &why, OFFSET, OFFSET + size);
		return 0;
	}
	text_init(&text);
	duration_print(ns, &text);
	if (ns < 0 || text_result(&text) < 0 ||
	    duration_parse(text.data, text.length_bytes, 0, &again, NULL) < 0 ||
	    again != ns)
		abort();
	text_done(&text);
	return 0;
}
