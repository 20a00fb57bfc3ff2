/* SPDX-License-Identifier: MIT */
/*
 * The header where a source packs its own structures: those of the library have
 * to be what the library thinks they are. If this fails, a value is read from
 * the wrong bytes.
 */
#pragma pack(push, 1)
#include <failpoint.h>

struct own {
	char one;
	int32_t other;
};
#pragma pack(pop)

#include "tests/failpoint/tap.h"

struct natural {
	enum failpoint_type type;
	int64_t number;
	const char *text;
};

static bool text_is(const char *wanted)
{
	const char *text = "none";

	return FAILPOINT_STRING("packed/text", &text) &&
	       strcmp(text, wanted) == 0;
}

static bool number_is(int wanted)
{
	int number = 0;

	return FAILPOINT_ERRNO("packed/number", &number) && number == wanted;
}

int main(void)
{
	is((int64_t)sizeof(struct failpoint_value),
	   (int64_t)sizeof(struct natural), "a value is as long as it is");
	is((int64_t)sizeof(struct own), 5, "what the source packs is packed");
	is(failpoint_enable("packed/text", "return(\"a text\")"), 0,
	   "a text is armed");
	ok(text_is("a text"), "a hit has the text");
	is(failpoint_enable("packed/number", "return(ENOSPC)"), 0,
	   "a number is armed");
	ok(number_is(ENOSPC), "a hit has the number");
	return tap_end();
}
