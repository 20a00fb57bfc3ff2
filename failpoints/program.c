/* SPDX-License-Identifier: MIT */
#include "failpoints/program.h"

#include <errno.h>
#include <stdlib.h>

#include "failpoints/stringpool.h"
#include "failpoints/terms.h"

#define PARTS_PER_WHOLE 1000000000U

static bool is_toss(const struct terms_modifier *modifier)
{
	return modifier->percent && modifier->number > 0 &&
	       modifier->number < PARTS_PER_WHOLE;
}

static void look_at(struct program *program)
{
	const struct terms_term *term;

	for (size_t i = 0; (term = terms_at(program->terms, i)); i++) {
		for (size_t m = 0; m < term->modifier_count; m++)
			if (is_toss(&term->modifiers[m]))
				program->tosses = true;
		program->value_count = i + 1;
	}
}

int program_new(const char *name, const char *terms, size_t length_bytes,
		uint64_t seed, struct program **ret_program,
		struct errmsg *reterr_why)
{
	struct program *program = calloc(1, sizeof(*program));
	int r = -ENOMEM;

	if (program)
		r = terms_parse(terms, length_bytes, NULL,
				terms_seed(seed, name), &program->terms,
				reterr_why);
	if (r < 0) {
		free(program);
		return r;
	}
	look_at(program);
	*ret_program = program;
	return 0;
}

static bool is_timed(const struct terms_term *term)
{
	return term->action->id == TERMS_SLEEP ||
	       term->action->id == TERMS_DELAY;
}

static enum failpoint_type type_of(enum terms_kind kind)
{
	switch (kind) {
	case TERMS_INT:
		return FAILPOINT_TYPE_INT;
	case TERMS_STRING:
		return FAILPOINT_TYPE_STRING;
	case TERMS_BOOL:
		return FAILPOINT_TYPE_BOOL;
	case TERMS_ERRNO:
		return FAILPOINT_TYPE_ERRNO;
	case TERMS_DURATION:
		return FAILPOINT_TYPE_DURATION;
	case TERMS_NONE:
	case TERMS_PERCENT: /* nor does the language have these two */
	case TERMS_WORD:
		break;
	}
	return FAILPOINT_TYPE_VOID;
}

int program_keep_strings(struct program *program)
{
	program->values =
		calloc(program->value_count, sizeof(program->values[0]));
	if (!program->values)
		return -ENOMEM;
	for (size_t i = 0; i < program->value_count; i++) {
		const struct terms_term *term = terms_at(program->terms, i);
		struct failpoint_value *value = &program->values[i];
		int r;

		if (term->action->param_count == 0)
			continue;
		value->type = type_of(term->args[0].kind);
		value->number = term->args[0].number;
		if (is_timed(term)) {
			value->type = FAILPOINT_TYPE_DURATION;
			value->number = terms_nanoseconds(&term->args[0]);
		}
		if (value->type != FAILPOINT_TYPE_STRING)
			continue;
		value->number = 0;
		r = stringpool_keep(term->args[0].text, &value->text);
		if (r < 0)
			return r;
	}
	return 0;
}

void program_free(struct program *program)
{
	if (!program)
		return;
	terms_free(program->terms);
	free(program->values);
	free(program);
}

static bool release(struct grace_item *item)
{
	program_free((struct program *)(void *)item); /* its first member */
	return true;
}

void program_retire(struct program *program)
{
	if (program)
		grace_retire(&program->grace, release);
}
