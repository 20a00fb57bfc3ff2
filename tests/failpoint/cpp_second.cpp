/* SPDX-License-Identifier: MIT */
#include <failpoint.h>

#include "tests/failpoint/cpp_inline.h"

bool cpp_inline_elsewhere()
{
	return cpp_inline();
}
