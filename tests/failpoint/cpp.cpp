/* SPDX-License-Identifier: MIT */
/*
 * Points in what only C++ has: templates, inline and member functions, lambdas,
 * constructors of static objects, exceptions; and the scope class.
 */
#include <failpoint.h>
#include <functional>
#include <stdexcept>
#include <string>

#include "tests/failpoint/cpp_inline.h"
#include "tests/failpoint/tap.h"

namespace
{
template <class T, int n> T times(T value)
{
	int64_t wanted = n;

	if (FAILPOINT_INT("cpp/template", &wanted, "in a template"))
		return static_cast<T>(wanted);
	return value * n;
}

class counter
{
	int value_;

      public:
	counter() : value_(0)
	{
	}
	counter &add()
	{
		if (!FAILPOINT("cpp/member"))
			value_++;
		return *this;
	}
	int value() const
	{
		return value_;
	}
	template <class F> void apply(F f)
	{
		if (FAILPOINT("cpp/member-template"))
			return;
		value_ = f(value_);
	}
};

/* Before main(), and armed by nobody: it must do no harm. */
struct early {
	bool hit;
	early() : hit(FAILPOINT("cpp/early"))
	{
	}
} const early_object;

void throws()
{
	std::string what = "cpp";

	if (FAILPOINT("cpp/throw"))
		throw std::runtime_error(what);
}

int in_lambda()
{
	std::function<int(int)> twice = [](int n) {
		if (FAILPOINT("cpp/lambda"))
			return 0;
		return 2 * n;
	};

	return twice(4);
}

void points_work_everywhere()
{
	ok(!early_object.hit, "a constructor before main()");
	is(times<int, 3>(5), 15, "a template");
	is(times<long, 4>(5), 20, "another instance");
	is(failpoint_enable("cpp/template", "return(7)"), 0, "armed");
	is(times<int, 3>(5), 7, "hits in one instance");
	is(times<long, 4>(5), 7, "and in the other");
	is(failpoint_fired("cpp/template"), 2, "counted together");
	is(failpoint_enable("cpp/inline", "return"), 0, "an inline function");
	ok(cpp_inline(), "hits");
	ok(cpp_inline_elsewhere(), "and in another source file");
	is(failpoint_enable("cpp/member", "1*return"), 0, "a member function");
	is(counter().add().add().value(), 1, "hits");
	is(failpoint_enable("cpp/member-template", "return"), 0, "a template");
	counter c;
	c.add().apply([](int) { return 9; });
	is(c.value(), 1, "hits");
	is(failpoint_enable("cpp/lambda", "1*return"), 0, "a lambda");
	is(in_lambda(), 0, "hits");
	is(in_lambda(), 8, "once");
	failpoint_disable_all();
	ok(!cpp_inline() && !cpp_inline_elsewhere(), "no more");
}

void scopes_end()
{
	bool thrown = false;

	try {
		failpoint::scope scope("cpp/throw=return;cpp/lambda=return");
		is(in_lambda(), 0, "in a scope it is armed");
		throws();
	} catch (const std::runtime_error &error) {
		thrown = std::string("cpp") == error.what();
	}
	ok(thrown, "a body may throw");
	is(in_lambda(), 8, "which ends the scope");
	thrown = false;
	try {
		failpoint::scope scope("cpp/throw=foo");
	} catch (const std::invalid_argument &error) {
		thrown = std::string(error.what()).find("foo") !=
			 std::string::npos;
	}
	ok(thrown, "a scope of bad terms throws");
	{
		FAILPOINT_SCOPE("cpp/lambda=return");
		is(in_lambda(), 0, "the macro works, too");
	}
	is(in_lambda(), 8, "and ends");
}

struct sites {
	unsigned int templates;
	unsigned int inlines;
};

int count(void *user, const failpoint_info *info)
{
	sites *found = static_cast<sites *>(user);

	if (std::string("cpp/template") == info->name)
		found->templates = info->sites;
	if (std::string("cpp/inline") == info->name)
		found->inlines = info->sites;
	return 0;
}
} // namespace

int main()
{
	sites found = {0, 0};

	is(failpoint_list(count, &found), 7, "all are known before");
	is(found.templates, 2, "each instance of a template is a site");
	is(found.inlines, 1, "an inline function is one, wherever it is used");
	points_work_everywhere();
	scopes_end();
	return tap_end();
}
