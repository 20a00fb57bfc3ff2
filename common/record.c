/* SPDX-License-Identifier: MIT */
#include "common/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/text.h"

#define NAME_COLUMNS 20

void record_begin(struct record *record, struct text *text,
		  enum record_format format)
{
	*record = (struct record){.text = text, .format = format};
	if (format == RECORD_JSON)
		text_append(text, "{", 1);
}

/* All that stands before a value. */
static void begin_member(struct record *record, const char *name)
{
	if (record->format == RECORD_JSON)
		text_printf(record->text, "%s\"%s\":", record->begun ? "," : "",
			    name);
	else if (record->format == RECORD_PLAIN)
		text_printf(record->text, "%s ", name);
	else
		text_printf(record->text, "%-*s", NAME_COLUMNS, name);
	record->begun = true;
}

static void end_member(struct record *record)
{
	if (record->format != RECORD_JSON)
		text_append(record->text, "\n", 1);
}

void record_string(struct record *record, const char *name, const char *value)
{
	begin_member(record, name);
	if (record->format == RECORD_JSON)
		text_json_string(record->text, value);
	else
		escape_append(record->text, value);
	end_member(record);
}

void record_unsigned(struct record *record, const char *name, uint64_t value)
{
	begin_member(record, name);
	text_printf(record->text, "%" PRIu64, value);
	end_member(record);
}

void record_signed(struct record *record, const char *name, int64_t value)
{
	begin_member(record, name);
	text_printf(record->text, "%" PRId64, value);
	end_member(record);
}

void record_bool(struct record *record, const char *name, bool value)
{
	begin_member(record, name);
	if (record->format == RECORD_PLAIN)
		text_printf(record->text, "%d", value);
	else
		text_printf(record->text, "%s", value ? "true" : "false");
	end_member(record);
}

void record_list_begin(struct record *record, const char *name)
{
	if (record->format == RECORD_JSON) {
		begin_member(record, name);
		text_append(record->text, "[", 1);
	}
	record->list = name;
	record->index = 0;
}

void record_item_begin(struct record *record)
{
	if (record->format == RECORD_JSON)
		text_printf(record->text, "%s{", record->index ? "," : "");
	else if (record->format == RECORD_PLAIN)
		text_printf(record->text, "%s %" PRIu64 "\n", record->list,
			    record->index);
	record->begun = false;
	record->index++;
}

void record_item_end(struct record *record)
{
	if (record->format == RECORD_JSON)
		text_append(record->text, "}", 1);
	record->begun = true;
}

void record_list_end(struct record *record)
{
	if (record->format == RECORD_JSON)
		text_append(record->text, "]", 1);
	record->list = NULL;
	record->begun = true;
}

void record_end(struct record *record)
{
	if (record->format == RECORD_JSON)
		text_append(record->text, "}\n", 2);
}

bool record_next(char **cursor, char **ret_name, char **ret_value)
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

uint64_t record_to_unsigned(const char *value)
{
	return strtoull(value, NULL, 10);
}

int64_t record_to_signed(const char *value)
{
	return strtoll(value, NULL, 10);
}
