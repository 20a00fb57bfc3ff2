/* SPDX-License-Identifier: MIT */
/*
 * Random programs and hits against a naive twin: what is parsed is what was meant,
 * printing and parsing give the same again, and each hit decides as the twin does,
 * which has nothing of the engine but the rules.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "failpoints/terms.h"
#include "tests/unit/failpoints/language.h"
#include "tests/unit/failpoints/sentence.h"
#include "tests/unit/fusefs/seed.h"

#define STEPS 30000
#define HITS_MAX 60
#define ACTIONS_MAX 32
#define BILLION 1000000000
/* Where the engine's own chance begins, after the host's streams. */
#define STREAMS (UINT64_C(1) << 31)

/* All actions, the engine's own from a program with one of each. */
struct vocabulary {
	struct terms *terms;
	struct terms_action actions[ACTIONS_MAX];
	size_t count;
};

static void vocabulary_init(struct vocabulary *vocabulary)
{
	static const char own[] =
		"off->return->sleep(1)->panic->break->print->pause->yield->"
		"delay(1)->exit->kill";
	const struct terms_term *term;

	*vocabulary = (struct vocabulary){0};
	assert_int_equal(terms_parse(own, strlen(own), NULL, 0,
				     &vocabulary->terms, NULL),
			 0);
	while ((term = terms_at(vocabulary->terms, vocabulary->count)))
		vocabulary->actions[vocabulary->count++] = *term->action;
	for (size_t i = 0; i < language.action_count; i++)
		vocabulary->actions[vocabulary->count++] = language.actions[i];
}

static void same_arg(const struct terms_value *value,
		     const struct sentence_arg *arg)
{
	assert_int_equal(value->kind, arg->kind);
	if (arg->kind == TERMS_STRING) {
		assert_int_equal(value->length_bytes, strlen(arg->string));
		assert_string_equal(value->text, arg->string);
		return;
	}
	assert_int_equal(value->number, arg->number);
	if (arg->kind == TERMS_WORD)
		assert_string_equal(value->text, arg->string);
}

static void same_program(const struct terms *terms,
			 const struct sentence *sentence)
{
	for (size_t i = 0; i < sentence->term_count; i++) {
		const struct sentence_term *wanted = &sentence->terms[i];
		const struct terms_term *term = terms_at(terms, i);

		assert_non_null(term);
		assert_int_equal(term->action->id, wanted->action->id);
		assert_int_equal(term->modifier_count, wanted->modifier_count);
		for (size_t j = 0; j < term->modifier_count; j++) {
			assert_int_equal(term->modifiers[j].percent,
					 wanted->modifiers[j].percent);
			assert_int_equal(term->modifiers[j].number,
					 wanted->modifiers[j].number);
		}
		for (size_t j = 0; j < term->action->param_count; j++)
			same_arg(&term->args[j], &wanted->args[j]);
	}
	assert_null(terms_at(terms, sentence->term_count));
}

/* What has passed so far, by term and modifier. */
struct twin {
	uint64_t seed;
	uint64_t hits;
	uint64_t passed[SENTENCE_TERMS_MAX][SENTENCE_MODIFIERS_MAX];
};

static uint64_t splitmix(uint64_t z)
{
	z = (z ^ z >> 30) * 13787848793156543929U;
	z = (z ^ z >> 27) * 10723151780598845931U;
	return z ^ z >> 31;
}

/* number parts of a billion, of all that 64 bits may be, are won. */
static bool twin_wins(const struct twin *twin, uint64_t index, uint64_t number)
{
	uint64_t bits = splitmix(
		splitmix(twin->seed + twin->hits * 11400714819323198485U) +
		(STREAMS + index) * 15074714826142052245U);

	return (unsigned __int128)bits * BILLION < (unsigned __int128)number
							   << 64;
}

/* The index of the term that a hit runs, or -1. */
static int twin_hit(struct twin *twin, const struct sentence *sentence)
{
	uint64_t first = 0;

	twin->hits++;
	for (size_t i = 0; i < sentence->term_count; i++) {
		const struct sentence_term *term = &sentence->terms[i];
		size_t j;

		for (j = 0; j < term->modifier_count; j++) {
			const struct terms_modifier *m = &term->modifiers[j];

			if (m->percent ? !twin_wins(twin, first + j, m->number)
				       : twin->passed[i][j] == m->number)
				break;
			twin->passed[i][j]++;
		}
		if (j == term->modifier_count)
			return (int)i;
		first += term->modifier_count;
	}
	return -1;
}

static void hit(struct terms *terms, struct twin *twin,
		const struct sentence *sentence, uint32_t hits)
{
	uint64_t fired = 0;

	for (uint32_t i = 0; i < hits; i++) {
		struct terms_decision decision = {.term = 77};
		bool ran = terms_decide(terms, &decision);
		int wanted = twin_hit(twin, sentence);

		assert_int_equal(ran ? (int)decision.term : -1, wanted);
		if (!ran) {
			assert_int_equal(decision.term, 77);
			continue;
		}
		fired++;
		assert_int_equal(decision.hit, twin->hits);
		assert_int_equal(decision.id,
				 sentence->terms[wanted].action->id);
		for (size_t j = 0; j < decision.action->param_count; j++)
			same_arg(&decision.args[j],
				 &sentence->terms[wanted].args[j]);
	}
	assert_int_equal(terms_counts(terms).hits, twin->hits);
	assert_int_equal(terms_counts(terms).fired, fired);
}

/* From a copy without a byte to spare. */
static struct terms *parse(const struct text *source, uint64_t seed)
{
	struct errmsg why = {""};
	struct terms *terms = NULL;
	char *copy = malloc(source->length_bytes);
	int r;

	assert_non_null(copy);
	memcpy(copy, source->data, source->length_bytes);
	r = terms_parse(copy, source->length_bytes, &language, seed, &terms,
			&why);
	free(copy);
	if (r < 0)
		print_error("%s: %s\n", source->data, why.text);
	assert_int_equal(r, 0);
	return terms;
}

static void programs_are_what_a_naive_twin_says(void **state)
{
	struct vocabulary vocabulary;
	struct text spelling;
	struct text normal;
	struct text again;
	struct seed seed;

	(void)state;
	vocabulary_init(&vocabulary);
	text_init(&spelling);
	text_init(&normal);
	text_init(&again);
	seed_start(&seed);
	for (unsigned long i = 0; i < seed_steps(STEPS); i++) {
		struct sentence sentence;
		struct twin twin = {.seed = i};
		struct terms *terms;

		sentence_make(&sentence, vocabulary.actions, vocabulary.count,
			      &seed);
		text_clear(&spelling);
		text_clear(&normal);
		text_clear(&again);
		sentence_spell(&sentence, &seed, &spelling);
		terms = parse(&spelling, i);
		same_program(terms, &sentence);
		terms_print(terms, &normal);
		hit(terms, &twin, &sentence, seed_below(&seed, HITS_MAX));
		terms_free(terms);

		terms = parse(&normal, i);
		same_program(terms, &sentence);
		terms_print(terms, &again);
		assert_string_equal(normal.data, again.data);
		terms_free(terms);
	}
	text_done(&spelling);
	text_done(&normal);
	text_done(&again);
	terms_free(vocabulary.terms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_are_what_a_naive_twin_says),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
