/* SPDX-License-Identifier: MIT */
/* An inline function with a point, in two source files. C++ only. */
#ifndef FLAKEY_TESTS_FAILPOINT_CPP_INLINE_H
#define FLAKEY_TESTS_FAILPOINT_CPP_INLINE_H

#ifdef __cplusplus
#include <failpoint.h>

inline bool cpp_inline()
{
	return FAILPOINT("cpp/inline");
}

bool cpp_inline_elsewhere();
#endif

#endif
