/* SPDX-License-Identifier: MIT */
/*
 * test_rule_points DOC: the table in the documentation has each point's row as
 * the code has it. Without DOC, prints the rows.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/text.h"
#include "failpoints/errnos.h"
#include "rules/rule_points.h"

#define DOC_MAX 100000
#define ERRNO_MAX 200

/* Every operation may return them. */
static const int common[] = {EIO,   ENOMEM, EINTR,     EUCLEAN, EBADMSG,
			     ENXIO, ENODEV, ETIMEDOUT, ESTALE};

static const struct {
	const char *name;
	int action;
} actions[] = {
	{"return", TERMS_RETURN}, {"fail-after", RULE_FAIL_AFTER},
	{"short", RULE_SHORT},	  {"corrupt", RULE_CORRUPT},
	{"drop", RULE_DROP},	  {"nospace", RULE_NOSPACE},
};

static const struct {
	const char *name;
	unsigned int knows;
} selectors[] = {
	{"to", RULE_KNOWS_TO},
	{"offset", RULE_KNOWS_RANGE},
	{"flags", RULE_KNOWS_FLAGS},
};

static char doc[DOC_MAX];

static bool is_common(int error)
{
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (common[i] == error)
			return true;
	return false;
}

static void write_row(enum rule_point point, struct text *row)
{
	text_printf(row, "| `%s` |", rule_points_name(point));
	for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++)
		if (rule_points_know(point, selectors[i].knows))
			text_printf(row, " %s", selectors[i].name);
	text_printf(row, " |");
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (rule_points_can(point, false, actions[i].action))
			text_printf(row, " %s", actions[i].name);
	text_printf(row, " |");
	for (int error = 1; error < ERRNO_MAX; error++)
		if (errnos_name(error) != NULL && !is_common(error) &&
		    rule_points_may_return(point, error))
			text_printf(row, " %s", errnos_name(error));
	text_printf(row, " |\n");
}

static void the_documentation_has_each_row(void **state)
{
	(void)state;
	for (int p = 0; p < RULE_POINT_COUNT; p++) {
		struct text row;
		text_init(&row);
		write_row((enum rule_point)p, &row);
		if (strstr(doc, row.data) == NULL)
			fail_msg("is missing: %s", row.data);
		text_done(&row);
	}
}

static void all_can_fail_in_common_ways(void **state)
{
	(void)state;
	for (int p = 0; p < RULE_POINT_COUNT; p++)
		for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
			assert_int_equal(rule_points_may_return(
						 (enum rule_point)p, common[i]),
					 p != RULE_FS_CLOSE);
}

static void names_lead_to_their_points(void **state)
{
	(void)state;
	for (int p = 0; p < RULE_POINT_COUNT; p++) {
		const char *name = rule_points_name((enum rule_point)p);
		assert_int_equal(rule_points_find(name, strlen(name)),
				 UINT64_C(1) << p);
	}
	assert_int_equal(rule_points_find("fs/", 3), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_documentation_has_each_row),
		cmocka_unit_test(all_can_fail_in_common_ways),
		cmocka_unit_test(names_lead_to_their_points),
	};
	FILE *file = argc > 1 ? fopen(argv[1], "re") : NULL;
	if (file == NULL) {
		struct text rows;
		text_init(&rows);
		for (int p = 0; p < RULE_POINT_COUNT; p++)
			write_row((enum rule_point)p, &rows);
		printf("%s", rows.data);
		text_done(&rows);
		return 1;
	}
	doc[fread(doc, 1, sizeof(doc) - 1, file)] = '\0';
	fclose(file);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
