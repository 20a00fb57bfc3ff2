/* SPDX-License-Identifier: MIT */
/*
 * The value of one selector, `0..4096` of `offset=0..4096`: where it ends, and
 * what it means.
 */
#ifndef FLAKEY_RULES_RULE_VALUE_H
#define FLAKEY_RULES_RULE_VALUE_H

#include <stddef.h>

struct rule_select;
struct terms_scan;
struct text;

/* What cannot stand in a value without quotes. */
#define RULE_VALUE_ENDS " \t\r\n,{}\"`;"

/* A value as it stands in the source, between its quotes if it has some. */
struct rule_value {
	const char *text;
	size_t length_bytes;
	size_t offset;
};

/* Goes over a value. */
int rule_value_take(struct terms_scan *scan, struct rule_value *ret_value);

/* Puts a value into the selection. 0, -EINVAL with offset and reason in
 * scan->why, or -ENOMEM. */
typedef int rule_value_parser(struct terms_scan *scan,
			      const struct rule_value *value,
			      struct rule_select *select);
rule_value_parser rule_value_path, rule_value_to, rule_value_offset,
	rule_value_pid, rule_value_process, rule_value_uid, rule_value_flags,
	rule_value_when;

/* Appends "flags=O_SYNC|O_DIRECT". */
void rule_value_print_flags(const struct rule_select *select,
			    struct text *text);

#endif
