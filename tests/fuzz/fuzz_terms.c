/* SPDX-License-Identifier: MIT */
/*
 * Any bytes are terms, and then their normal form is its own and a hit decides; or
 * they are refused as they should be.
 */
#include <stdlib.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "failpoints/terms.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/target.h"
#include "tests/unit/failpoints/language.h"

#define HITS 20

static void hit(struct terms *terms, const struct terms *again)
{
	uint64_t fired = 0;

	for (uint64_t i = 1; i <= HITS; i++) {
		struct terms_decision decision;
		const struct terms_term *term;

		if (!terms_decide(terms, &decision))
			continue;
		fired++;
		term = terms_at(again, decision.term);
		if (decision.hit != i || !term ||
		    term->action->id != decision.id)
			abort();
	}
	if (terms_counts(terms).hits != HITS ||
	    terms_counts(terms).fired != fired)
		abort();
}

static void check(struct terms *terms)
{
	struct terms *again = NULL;
	struct text normal;
	struct text twice;

	text_init(&normal);
	text_init(&twice);
	terms_print(terms, &normal);
	if (text_result(&normal) < 0)
		abort();
	/* What was short may be too long in its normal form, where bytes that
	 * are no UTF-8 take four. */
	if (terms_parse(normal.data, normal.length_bytes, &language, 1, &again,
			NULL) == 0) {
		terms_print(again, &twice);
		if (twice.length_bytes != normal.length_bytes ||
		    memcmp(twice.data, normal.data, normal.length_bytes) != 0)
			abort();
		hit(terms, again);
	} else if (normal.length_bytes <= TERMS_LENGTH_MAX) {
		abort();
	}
	terms_free(again);
	text_done(&normal);
	text_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct errmsg why = {""};
	struct terms *terms = NULL;
	int r;

	r = terms_parse((const char *)data, size, &language, 1, &terms, &why);
	if (r < 0)
		refusal_check(r, &why, 0, size);
	else
		check(terms);
	terms_free(terms);
	return 0;
}
