/* SPDX-License-Identifier: MIT */
#include "common/fields.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/text.h"

#define NAME_COLUMNS 20

void fields_begin(struct fields *record, struct text *text,
		  enum fields_format format)
{
	*record = (struct fields){.text = text, .format = format};
	if (format == FIELDS_JSON)
		text_append(text, "{", 1);
}

/* All that stands before a value. */
static void begin_member(struct fields *record, const char *name)
{
	if (record->format == FIELDS_JSON)
		text_printf(record->text, "%s\"%s\":", record->begun ? "," : "",
			    name);
	else if (record->format == FIELDS_PLAIN)
		text_printf(record->text, "%s ", name);
	else
		text_printf(record->text, "%-*s", NAME_COLUMNS, name);
	record->begun = true;
}

static void end_member(struct fields *record)
{
	if (record->format != FIELDS_JSON)
		text_append(record->text, "\n", 1);
}

void fields_string(struct fields *record, const char *name, const char *value)
{
	begin_member(record, name);
	if (record->format == FIELDS_JSON)
		text_json_string(record->text, value);
	else
		escape_append(record->text, value);
	end_member(record);
}

void fields_unsigned(struct fields *record, const char *name, uint64_t value)
{
	begin_member(record, name);
	text_printf(record->text, "%" PRIu64, value);
	end_member(record);
}

void fields_signed(struct fields *record, const char *name, int64_t value)
{
	begin_member(record, name);
	text_printf(record->text, "%" PRId64, value);
	end_member(record);
}

void fields_bool(struct fields *record, const char *name, bool value)
{
	begin_member(record, name);
	if (record->format == FIELDS_PLAIN)
		text_printf(record->text, "%d", value);
	else
		text_printf(record->text, "%s", value ? "true" : "false");
	end_member(record);
}

void fields_list_begin(struct fields *record, const char *name)
{
	if (record->format == FIELDS_JSON) {
		begin_member(record, name);
		text_append(record->text, "[", 1);
	}
	record->list = name;
	record->index = 0;
}

void fields_item_begin(struct fields *record)
{
	if (record->format == FIELDS_JSON)
		text_printf(record->text, "%s{", record->index ? "," : "");
	else if (record->format == FIELDS_PLAIN)
		text_printf(record->text, "%s %" PRIu64 "\n", record->list,
			    record->index);
	record->begun = false;
	record->index++;
}

void fields_item_end(struct fields *record)
{
	if (record->format == FIELDS_JSON)
		text_append(record->text, "}", 1);
	record->begun = true;
}

void fields_list_end(struct fields *record)
{
	if (record->format == FIELDS_JSON)
		text_append(record->text, "]", 1);
	record->list = NULL;
	record->begun = true;
}

void fields_end(struct fields *record)
{
	if (record->format == FIELDS_JSON)
		text_append(record->text, "}\n", 2);
}

bool fields_next(char **cursor, char **ret_name, char **ret_value)
{
	char *line = *cursor;
	char *value;

	if (!line || !*line)
		return false;
	*cursor = line + strcspn(line, "\n");
	if (**cursor)
		*(*cursor)++ = '\0';
	value = line + strcspn(line, " ");
	if (*value)
		*value++ = '\0';
	escape_decode(value);
	*ret_name = line;
	*ret_value = value;
	return true;
}

uint64_t fields_to_unsigned(const char *value)
{
	return strtoull(value, NULL, 10);
}

int64_t fields_to_signed(const char *value)
{
	return strtoll(value, NULL, 10);
}
