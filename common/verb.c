/* SPDX-License-Identifier: MIT */
#include "common/verb.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/escape.h"
#include "common/nearest.h"
#include "common/text.h"

#define BLANKS " \t"
#define FORMAT_KEY "format="
#define HELP_COLUMN 46

static const struct {
	const char *name;
	const char *arguments;
	const char *summary;
	enum verb_kind kind;
} verbs[] = {
	{"allow-writes", "", "commits arrive", VERB_MODE},
	{"corrupt-bio-byte", "NTH r|w VALUE [FLAGS] [for=TIME] [cycle=UP,DOWN]",
	 "one byte of each transfer is another", VERB_MODE},
	{"crash", "[keep=none|all|P%] [seed=N] ...",
	 "power fails and comes back", VERB_CRASH},
	{"drop-writes", "[for=TIME] [cycle=UP,DOWN]",
	 "commits succeed and nothing arrives", VERB_MODE},
	{"error-reads", "[for=TIME] [cycle=UP,DOWN]",
	 "what has to be read fails", VERB_MODE},
	{"error-writes", "[for=TIME] [cycle=UP,DOWN]",
	 "commits fail and nothing arrives", VERB_MODE},
	{"evict", "", "drop clean cached pages", VERB_EVICT},
	{"fault", "add|set|remove|clear|list [RULES]", "change the fault rules",
	 VERB_FAULT},
	{"help", "", "list the verbs", VERB_HELP},
	{"mark", "TEXT", "put a remark into the log", VERB_MARK},
	{"mode", "MODE [for=TIME] [cycle=UP,DOWN]", "switch the mode",
	 VERB_MODE},
	{"random-read-corrupt", "P [seed=N] [for=TIME] [cycle=UP,DOWN]",
	 "one byte of some transfers is read wrongly", VERB_MODE},
	{"random-write-corrupt", "P [seed=N] [for=TIME] [cycle=UP,DOWN]",
	 "one byte of some transfers is stored wrongly", VERB_MODE},
	{"snapshot", "DIR [keep=none|all|P%] ...",
	 "write what a crash would leave", VERB_SNAPSHOT},
	{"status", "", "say how things are", VERB_STATUS},
	{"sync", "", "commit everything", VERB_SYNC},
	{"unsynced", "", "say what a crash now would lose", VERB_UNSYNCED},
	{"wait", "RULE [fired=N] [timeout=TIME]",
	 "wait until a fault rule has fired", VERB_WAIT},
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

int verb_parse_format(const char *name, enum fields_format *ret_format,
		      struct errmsg *reterr_why)
{
	static const char *const names[] = {
		[FIELDS_TEXT] = "text",
		[FIELDS_JSON] = "json",
		[FIELDS_PLAIN] = "plain",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret_format = (enum fields_format)i;
			return 0;
		}
	}
	errmsg_set(reterr_why,
		   "there is no format '%s': use text, json or plain", name);
	return -EINVAL;
}

/* Blanks the format= word out, so that offsets in the rest stay true. */
static int take_format(char *arguments, enum fields_format *ret_format,
		       struct errmsg *reterr_why)
{
	int found = 0;
	int r = 0;

	for (char *word = arguments + strspn(arguments, BLANKS);
	     *word && r == 0; word += strspn(word, BLANKS)) {
		size_t length = strcspn(word, BLANKS);

		if (strncmp(word, FORMAT_KEY, strlen(FORMAT_KEY)) == 0) {
			char after = word[length];

			if (found++) {
				errmsg_set(reterr_why,
					   "format= is given twice");
				return -EINVAL;
			}
			word[length] = '\0';
			r = verb_parse_format(word + strlen(FORMAT_KEY),
					      ret_format, reterr_why);
			word[length] = after;
			memset(word, ' ', length);
		}
		word += length;
	}
	return r;
}

/* Splits the next word off; NULL at the end. */
static char *next_word(char **cursor)
{
	char *word = *cursor + strspn(*cursor, BLANKS);

	if (!*word)
		return NULL;
	*cursor = word + strcspn(word, BLANKS);
	if (**cursor)
		*(*cursor)++ = '\0';
	return word;
}

/* at: where the arguments begin in the line. */
static int parse_snapshot(char *arguments, size_t at, struct verb *verb,
			  struct errmsg *reterr_why)
{
	char *rest = arguments;
	char *word = next_word(&rest);

	if (!word || *word != '/') {
		errmsg_set(reterr_why,
			   "at byte %zu: a snapshot needs the directory that "
			   "it is written to, from '/' on",
			   at + strspn(arguments, BLANKS));
		return -EINVAL;
	}
	int r = plan_parse(rest, at + (size_t)(rest - arguments), &verb->plan,
			   reterr_why);
	if (r == 0 && verb->plan.kill) {
		errmsg_set(reterr_why, "a snapshot kills nobody: leave out "
				       "kill=yes");
		r = -EINVAL;
	}
	escape_decode(word);
	verb->directory = word;
	return r;
}

static int parse_nothing(const char *name, char *arguments,
			 struct errmsg *reterr_why)
{
	const char *word = next_word(&arguments);

	if (!word)
		return 0;
	errmsg_set(reterr_why,
		   "%s takes nothing but format=text, json or plain: leave out "
		   "'%s'",
		   name, word);
	return strchr(word, '=') ? -ENOENT : -EINVAL;
}

static int parse_mark(char *arguments, struct verb *verb,
		      struct errmsg *reterr_why)
{
	verb->remark = arguments + strspn(arguments, BLANKS);
	if (*verb->remark)
		return 0;
	errmsg_set(reterr_why, "mark needs a text to put into the log");
	return -EINVAL;
}

static int unknown(const char *name, struct errmsg *reterr_why)
{
	char hint[NEAREST_HINT_MAX];
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (size_t i = 0; i < VERB_COUNT; i++)
		nearest_offer(&nearest, verbs[i].name);
	nearest_hint(&nearest, hint);
	errmsg_set(reterr_why, "unknown verb '%.80s'%s", name,
		   hint[0] ? hint : "; 'help' lists the verbs");
	return -ENOENT;
}

/* A mode's own name is a verb too: the mode line is then the whole line. */
static int parse_mode(const char *name, char *arguments, struct verb *verb,
		      struct errmsg *reterr_why)
{
	char line[MODE_TEXT_MAX * 2];

	if (strcmp(name, "mode") == 0)
		return mode_parse(arguments, &verb->mode, reterr_why);
	if (snprintf(line, sizeof(line), "%s %s", name, arguments) >=
	    (int)sizeof(line)) {
		errmsg_set(reterr_why, "the line of %s is too long", name);
		return -EINVAL;
	}
	return mode_parse(line, &verb->mode, reterr_why);
}

/* name is the line's first word; line: where it begins. */
static int parse_arguments(const char *line, const char *name, char *arguments,
			   struct verb *verb, struct errmsg *reterr_why)
{
	size_t at = (size_t)(arguments - line);
	int r;

	if (verb->kind == VERB_MARK)
		return parse_mark(arguments, verb, reterr_why);
	if (verb->kind == VERB_FAULT)
		return verb_parse_fault(arguments, verb, reterr_why);
	if (verb->kind == VERB_WAIT)
		return verb_parse_wait(arguments, verb, reterr_why);
	r = take_format(arguments, &verb->format, reterr_why);
	if (r < 0)
		return r;
	switch (verb->kind) {
	case VERB_CRASH:
		return plan_parse(arguments, at, &verb->plan, reterr_why);
	case VERB_MODE:
		return parse_mode(name, arguments, verb, reterr_why);
	case VERB_SNAPSHOT:
		return parse_snapshot(arguments, at, verb, reterr_why);
	default:
		return parse_nothing(name, arguments, reterr_why);
	}
}

int verb_parse(char *line, struct verb *ret_verb, struct errmsg *reterr_why)
{
	struct verb verb = {0};
	char *arguments = line;
	const char *name = next_word(&arguments);

	if (!name || strchr(name, '=')) {
		errmsg_set(reterr_why, "a line begins with a verb; 'help' "
				       "lists them");
		return -EINVAL;
	}
	for (size_t i = 0; i < VERB_COUNT; i++) {
		int r;

		if (strcmp(name, verbs[i].name) != 0)
			continue;
		verb.kind = verbs[i].kind;
		r = parse_arguments(line, name, arguments, &verb, reterr_why);
		if (r == 0)
			*ret_verb = verb;
		return r;
	}
	return unknown(name, reterr_why);
}

/* "name arguments  summary"; the summary begins in one column, below if need
 * be. */
static void help_line(struct text *text, size_t index)
{
	const char *arguments = verbs[index].arguments;
	size_t begin = text->length_bytes;
	size_t used;

	text_printf(text, "%-12s %s", verbs[index].name, arguments);
	used = text->length_bytes - begin;
	if (used >= HELP_COLUMN) {
		text_append(text, "\n", 1);
		used = 0;
	}
	text_printf(text, "%*s%s\n", (int)(HELP_COLUMN - used), "",
		    verbs[index].summary);
}

void verb_help(struct text *text, enum fields_format format)
{
	struct fields record;

	fields_begin(&record, text, format);
	fields_list_begin(&record, "verbs");
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (format == FIELDS_TEXT) {
			help_line(text, i);
			continue;
		}
		fields_item_begin(&record);
		fields_string(&record, "name", verbs[i].name);
		fields_string(&record, "arguments", verbs[i].arguments);
		fields_string(&record, "summary", verbs[i].summary);
		fields_item_end(&record);
	}
	fields_list_end(&record);
	fields_end(&record);
	if (format == FIELDS_TEXT)
		text_printf(text,
			    "each but mark also takes "
			    "format=text|json|plain, fault before RULES\n");
}
