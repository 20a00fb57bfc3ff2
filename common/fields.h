/* SPDX-License-Identifier: MIT */
/*
 * Flat records of named values, written in the three formats of the control
 * surface, and read back from the plain one.
 *
 *	text	`name      value` lines, aligned, for people
 *	json	one object with members in order
 *	plain	`name value` lines for our own clients: the value is the rest of
 *		the line, escaped as in escape.h
 *
 * Names are identifiers of the caller, never input. A record may hold a list
 * of records: in JSON an array, in plain each begins with a line `LIST index`.
 */
#ifndef FLAKEY_COMMON_FIELDS_H
#define FLAKEY_COMMON_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

struct text;

enum fields_format {
	FIELDS_TEXT,
	FIELDS_JSON,
	FIELDS_PLAIN,
};

/* Lives on the stack; borrows text. */
struct fields {
	struct text *text;
	enum fields_format format;
	bool begun;	  /* a member was written: JSON wants a comma */
	const char *list; /* inside the list of this name, or NULL */
	uint64_t index;	  /* of the next item */
};

void fields_begin(struct fields *record, struct text *text,
		  enum fields_format format);
void fields_string(struct fields *record, const char *name, const char *value);
void fields_unsigned(struct fields *record, const char *name, uint64_t value);
void fields_signed(struct fields *record, const char *name, int64_t value);
void fields_bool(struct fields *record, const char *name, bool value);
void fields_list_begin(struct fields *record, const char *name);
void fields_item_begin(struct fields *record);
void fields_item_end(struct fields *record);
void fields_list_end(struct fields *record);
void fields_end(struct fields *record);

/* Takes the next `name value` line of a plain text, whose memory it changes.
 * False at the end. A line without a value yields "". */
bool fields_next(char **cursor, char **ret_name, char **ret_value);

/* The value as a number; 0 when it is none, as for a name that is missing. */
uint64_t fields_to_unsigned(const char *value);
int64_t fields_to_signed(const char *value);

#endif
