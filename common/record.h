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
#ifndef FLAKEY_COMMON_RECORD_H
#define FLAKEY_COMMON_RECORD_H

#include <stdbool.h>
#include <stdint.h>

struct text;

enum record_format {
	RECORD_TEXT,
	RECORD_JSON,
	RECORD_PLAIN,
};

/* Lives on the stack; borrows text. */
struct record {
	struct text *text;
	enum record_format format;
	bool begun;	  /* a member was written: JSON wants a comma */
	const char *list; /* inside the list of this name, or NULL */
	uint64_t index;	  /* of the next item */
};

void record_begin(struct record *record, struct text *text,
		  enum record_format format);
void record_string(struct record *record, const char *name, const char *value);
void record_unsigned(struct record *record, const char *name, uint64_t value);
void record_signed(struct record *record, const char *name, int64_t value);
void record_bool(struct record *record, const char *name, bool value);
void record_list_begin(struct record *record, const char *name);
void record_item_begin(struct record *record);
void record_item_end(struct record *record);
void record_list_end(struct record *record);
void record_end(struct record *record);

/* Takes the next `name value` line of a plain text, whose memory it changes.
 * False at the end. A line without a value yields "". */
bool record_next(char **cursor, char **ret_name, char **ret_value);

/* The value as a number; 0 when it is none, as for a name that is missing. */
uint64_t record_to_unsigned(const char *value);
int64_t record_to_signed(const char *value);

#endif
