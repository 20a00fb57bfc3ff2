/* SPDX-License-Identifier: MIT */
#include "tools/failpoint/scanner.h"

#include <string.h>

/* C++ allows no longer one. */
#define RAW_DELIMITER_MAX 16

static const char byte_order_mark[] = "\xef\xbb\xbf";

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* Letters of other scripts are UTF-8, any byte of it. */
static bool is_word(int c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c >= 0x80;
}

/* The length of a backslash, blanks and a newline at an offset, or 0. */
static size_t splice_at(const struct scanner *scanner, size_t at)
{
	size_t end = at + 1;

	if (at >= scanner->length_bytes || scanner->text[at] != '\\')
		return 0;
	while (end < scanner->length_bytes &&
	       is_blank((unsigned char)scanner->text[end]))
		end++;
	if (end >= scanner->length_bytes || scanner->text[end] != '\n')
		return 0;
	return end + 1 - at;
}

/* The next character behind all splices, or -1 at the end. */
static int peek(struct scanner *scanner)
{
	for (;;) {
		size_t length = splice_at(scanner, scanner->at);

		if (length == 0)
			break;
		scanner->at += length;
		scanner->line++;
		scanner->blank = true;
		scanner->spliced = true;
	}
	if (scanner->at >= scanner->length_bytes)
		return -1;
	return (unsigned char)scanner->text[scanner->at];
}

static void advance(struct scanner *scanner)
{
	if (scanner->text[scanner->at] == '\n') {
		scanner->line++;
		scanner->blank = true;
	} else if (!is_blank((unsigned char)scanner->text[scanner->at])) {
		scanner->blank = false;
	}
	scanner->at++;
}

/* The character behind the next one, or -1. */
static int peek_second(const struct scanner *scanner)
{
	struct scanner ahead = *scanner;

	if (peek(&ahead) < 0)
		return -1;
	advance(&ahead);
	return peek(&ahead);
}

void scanner_init(struct scanner *scanner, const char *text,
		  size_t length_bytes)
{
	size_t mark = sizeof(byte_order_mark) - 1;

	*scanner = (struct scanner){
		.text = text,
		.length_bytes = length_bytes,
		.line = 1,
		.blank = true,
		.fresh = true,
	};
	if (length_bytes >= mark && memcmp(text, byte_order_mark, mark) == 0)
		scanner->at = mark;
}

static void skip_space(struct scanner *scanner)
{
	for (;;) {
		int c = peek(scanner);

		if (c == '\n') {
			scanner->fresh = true;
			scanner->directive = false;
			scanner->wants_name = false;
			scanner->wants_header = false;
		} else if (!is_blank(c)) {
			return;
		}
		advance(scanner);
	}
}

static void scan_line_comment(struct scanner *scanner)
{
	int c = peek(scanner);

	while (c >= 0 && c != '\n') {
		advance(scanner);
		c = peek(scanner);
	}
	/* The carriage return belongs to the end of the line. */
	if (c == '\n' && scanner->text[scanner->at - 1] == '\r')
		scanner->at--;
}

/* Returns whether it ends. */
static bool scan_block_comment(struct scanner *scanner)
{
	int before = 0;
	int c;

	advance(scanner);
	(void)peek(scanner);
	advance(scanner);
	while ((c = peek(scanner)) >= 0) {
		advance(scanner);
		if (before == '*' && c == '/')
			return true;
		before = c;
	}
	return false;
}

/* Up to quote, on this line. Returns whether it ends. */
static bool scan_quoted(struct scanner *scanner, int quote)
{
	int c;

	advance(scanner);
	while ((c = peek(scanner)) >= 0 && c != '\n') {
		advance(scanner);
		if (c == quote)
			return true;
		/* A backslash is none in a header's name. */
		if (c == '\\' && quote != '>' && peek(scanner) >= 0)
			advance(scanner);
	}
	return false;
}

/* At the quote behind R. Returns false, and does nothing, if there is no raw
 * string: C has none, and R"( may be a macro and a string there. */
static bool scan_raw(struct scanner *scanner)
{
	const char *open = scanner->text + scanner->at + 1;
	size_t left = scanner->length_bytes - scanner->at - 1;
	char close[RAW_DELIMITER_MAX + 2];
	size_t length = 0;
	const char *end;

	while (length < left && length <= RAW_DELIMITER_MAX &&
	       !strchr(" ()\\\t\v\f\r\n", open[length]))
		length++;
	if (scanner->no_raw || length > RAW_DELIMITER_MAX || length >= left ||
	    open[length] != '(')
		return false;
	close[0] = ')';
	memcpy(close + 1, open, length);
	close[length + 1] = '"';
	end = memmem(open, left, close, length + 2);
	if (!end) {
		/* Looking again and again for ends would take forever. */
		scanner->no_raw = true;
		return false;
	}
	end += length + 2;
	while (scanner->text + scanner->at < end)
		advance(scanner);
	return true;
}

static bool is_raw_prefix(const char *word, size_t length)
{
	static const char *const prefixes[] = {"R", "LR", "uR", "UR", "u8R"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strlen(prefixes[i]) == length &&
		    memcmp(prefixes[i], word, length) == 0)
			return true;
	return false;
}

static bool is_include(const char *word, size_t length)
{
	return (length == 7 && memcmp(word, "include", 7) == 0) ||
	       (length == 12 && memcmp(word, "include_next", 12) == 0) ||
	       (length == 6 && memcmp(word, "import", 6) == 0);
}

static void scan_word(struct scanner *scanner, struct scanner_token *token)
{
	const char *word = scanner->text + token->start;
	size_t length;

	token->kind = SCANNER_WORD;
	while (is_word(peek(scanner)))
		advance(scanner);
	length = scanner->at - token->start;
	if (scanner->wants_name)
		scanner->wants_header = is_include(word, length);
	else if (is_raw_prefix(word, length) && peek(scanner) == '"' &&
		 scan_raw(scanner))
		token->kind = SCANNER_LITERAL;
}

/* What the standard calls a preprocessing number, and the ' of C++14. */
static void scan_number(struct scanner *scanner)
{
	int before = 0;

	for (;;) {
		int c = peek(scanner);
		bool sign = (c == '+' || c == '-') && before &&
			    strchr("eEpP", before);
		bool mark = c == '\'' && is_word(peek_second(scanner));

		if (!is_word(c) && c != '.' && !sign && !mark)
			return;
		advance(scanner);
		before = c;
	}
}

static void scan_hash(struct scanner *scanner, struct scanner_token *token,
		      int c)
{
	token->kind = SCANNER_HASH;
	token->directive = true;
	scanner->directive = true;
	scanner->wants_name = true;
	advance(scanner);
	if (c == '%') { /* the digraph %: */
		(void)peek(scanner);
		advance(scanner);
	}
}

static bool scan_comment(struct scanner *scanner, struct scanner_token *token)
{
	int second = peek_second(scanner);

	if (second == '/') {
		token->kind = SCANNER_LINE_COMMENT;
		scan_line_comment(scanner);
		return true;
	}
	if (second != '*')
		return false;
	token->kind = SCANNER_BLOCK_COMMENT;
	token->open = !scan_block_comment(scanner);
	return true;
}

static void scan_code(struct scanner *scanner, struct scanner_token *token,
		      int c)
{
	bool header = scanner->wants_header;

	scanner->wants_header = false;
	if (c == '"' || c == '\'' || (c == '<' && header)) {
		token->kind = SCANNER_LITERAL;
		token->open = !scan_quoted(scanner, c == '<' ? '>' : c);
	} else if (is_digit(c) ||
		   (c == '.' && is_digit(peek_second(scanner)))) {
		token->kind = SCANNER_NUMBER;
		scan_number(scanner);
	} else if (is_word(c)) {
		scan_word(scanner, token);
	} else {
		token->kind = SCANNER_PUNCTUATION;
		advance(scanner);
	}
	scanner->wants_name = false;
}

bool scanner_next(struct scanner *scanner, struct scanner_token *ret_token)
{
	struct scanner_token token = {0};
	int c;

	scanner->spliced = false;
	skip_space(scanner);
	c = peek(scanner);
	token.start = scanner->at;
	token.line = scanner->line;
	token.alone = scanner->blank;
	token.directive = scanner->directive;
	token.joined = scanner->spliced;
	scanner->spliced = false;
	if (c >= 0 && !(c == '/' && scan_comment(scanner, &token))) {
		if (scanner->fresh &&
		    (c == '#' || (c == '%' && peek_second(scanner) == ':')))
			scan_hash(scanner, &token, c);
		else
			scan_code(scanner, &token, c);
		scanner->fresh = false;
	}
	token.end = scanner->at;
	token.end_line = scanner->line;
	token.spliced = scanner->spliced;
	*ret_token = token;
	return token.kind != SCANNER_END;
}
