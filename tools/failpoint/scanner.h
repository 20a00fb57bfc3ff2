/* SPDX-License-Identifier: MIT */
/*
 * The lexical structure of a C or C++ source: what is a comment, what a string,
 * what code, and what belongs to a preprocessor directive. It reads phases 1 to
 * 3 of a translation and knows no grammar: line splices, character and string
 * literals with escapes, raw strings, numbers with ' in them, header names.
 *
 * Nothing is an error: a literal or comment that does not end is `open`, up to
 * where a compiler would give it up. Reads each byte a bounded number of times.
 * Trigraphs are not replaced.
 */
#ifndef FLAKEY_TOOLS_FAILPOINT_SCANNER_H
#define FLAKEY_TOOLS_FAILPOINT_SCANNER_H

#include <stdbool.h>
#include <stddef.h>

enum scanner_kind {
	SCANNER_END,
	SCANNER_HASH, /* the # that begins a directive */
	SCANNER_WORD,
	SCANNER_NUMBER,
	SCANNER_LITERAL, /* "...", '...', R"(...)", and <...> of an #include */
	SCANNER_LINE_COMMENT,  /* without the end of the line */
	SCANNER_BLOCK_COMMENT, /* with its end */
	SCANNER_PUNCTUATION,   /* one character */
};

struct scanner_token {
	enum scanner_kind kind;
	size_t start; /* offset of the first byte */
	size_t end;   /* behind the last */
	size_t line;  /* of the first byte, from 1 */
	size_t end_line;
	bool alone;	/* nothing but blanks before it on its line */
	bool directive; /* in a preprocessor directive */
	bool open;	/* does not end where it has to */
	bool spliced;	/* a line splice is inside */
	bool joined;	/* a line splice is between the token before and it */
};

/* All fields are the scanner's own. */
struct scanner {
	const char *text; /* borrowed */
	size_t length_bytes;
	size_t at;
	size_t line;
	bool blank;	   /* only blanks so far on this line */
	bool fresh;	   /* no token so far on this logical line */
	bool directive;	   /* since a # */
	bool wants_name;   /* right behind that # */
	bool wants_header; /* right behind #include */
	bool spliced;	   /* met a splice since this was cleared */
	bool no_raw;	   /* a raw string did not end: there are none here */
};

void scanner_init(struct scanner *scanner, const char *text,
		  size_t length_bytes);

/* Returns false, and a token of kind SCANNER_END, at the end. */
bool scanner_next(struct scanner *scanner, struct scanner_token *ret_token);

#endif
