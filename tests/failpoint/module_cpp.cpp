/* SPDX-License-Identifier: MIT */
/* A shared object with points where C++ makes symbols weak or unique. */
#include "tests/failpoint/module.h"

#include <failpoint.h>

namespace
{
template <class T> int in_template(T value)
{
	return FAILPOINT("module/template") ? value : 0;
}

struct plain {
	int in_class() const
	{
		return FAILPOINT("module/class") ? 1 : 0;
	}
};
} // namespace

inline int in_inline()
{
	return FAILPOINT("module/inline", "in an inline function") ? 1 : 0;
}

int module_hits()
{
	return in_inline() + in_template(1) + in_template(1L) +
	       plain().in_class() + (FAILPOINT("module/shared") ? 1 : 0);
}
