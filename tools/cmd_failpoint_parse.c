/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/fields.h"
#include "common/log.h"
#include "common/text.h"
#include "failpoints/terms.h"
#include "tools/cmd.h"

static void append_chain(const struct terms *terms, struct fields *record)
{
	const struct terms_term *term;
	struct text part;

	text_init(&part);
	fields_list_begin(record, "chain");
	for (size_t i = 0; (term = terms_at(terms, i)); i++) {
		fields_item_begin(record);
		fields_unsigned(record, "offset", term->offset);
		text_clear(&part);
		text_append(&part, "", 0);
		terms_print_modifiers(term, &part);
		fields_string(record, "modifiers",
			      part.failed ? "" : part.data);
		fields_string(record, "action", term->action->name);
		text_clear(&part);
		text_append(&part, "", 0);
		terms_print_args(term, &part);
		fields_string(record, "arguments",
			      part.failed ? "" : part.data);
		record->text->failed = record->text->failed || part.failed;
		fields_item_end(record);
	}
	fields_list_end(record);
	text_done(&part);
}

static void append_answer(const struct terms *terms, bool json,
			  struct text *answer)
{
	struct fields record;
	struct text normal;

	text_init(&normal);
	terms_print(terms, &normal);
	if (normal.failed) {
		answer->failed = true;
	} else if (json) {
		fields_begin(&record, answer, FIELDS_JSON);
		fields_string(&record, "terms", normal.data);
		append_chain(terms, &record);
		fields_end(&record);
	} else {
		text_append(answer, normal.data, normal.length_bytes);
		text_append(answer, "\n", 1);
	}
	text_done(&normal);
}

static int run(const struct cmd_args *args)
{
	const char *source = args->operands[0];
	struct terms *terms;
	struct errmsg why;
	struct text answer;
	int status = CMD_DONE;

	if (terms_parse(source, strlen(source), NULL, 0, &terms, &why) < 0) {
		log_error("%s", why.text);
		return CMD_FAILED;
	}
	text_init(&answer);
	append_answer(terms, args->json, &answer);
	if (answer.failed) {
		log_error("out of memory");
		status = CMD_FAILED;
	} else if (fwrite(answer.data, 1, answer.length_bytes, stdout) !=
		   answer.length_bytes) {
		log_error_errno(errno, "cannot print the answer");
		status = CMD_FAILED;
	}
	text_done(&answer);
	terms_free(terms);
	return status;
}

const struct cmd cmd_failpoint_parse = {
	.name = "parse",
	.operands = "TERMS",
	.summary = "say what terms mean",
	.details = "Prints the normal form of terms such as\n"
		   "'3*off->50%return(ENOSPC)', or where in them something is\n"
		   "wrong, and what was expected there.\n",
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
