/* SPDX-License-Identifier: MIT */
/*
 * The control language: one line, parsed into what is to be done. Nothing is
 * done here.
 */
#ifndef FLAKEY_COMMON_VERB_H
#define FLAKEY_COMMON_VERB_H

#include "common/backend.h"
#include "common/fields.h"
#include "common/mode.h"
#include "common/plan.h"

struct errmsg;
struct text;

enum verb_kind {
	VERB_CRASH,
	VERB_EVICT,
	VERB_FAULT,
	VERB_FAULT_LIST,
	VERB_HELP,
	VERB_MARK,
	VERB_MODE,
	VERB_SNAPSHOT,
	VERB_STATUS,
	VERB_SYNC,
	VERB_UNSYNCED,
	VERB_WAIT,
};

/* More KEY=VALUE words than any verb knows are refused. */
#define VERB_KEYS_MAX 16

struct verb {
	enum verb_kind kind;
	enum fields_format format;
	struct plan plan;      /* of VERB_CRASH and VERB_SNAPSHOT */
	struct mode mode;      /* of VERB_MODE */
	const char *remark;    /* of VERB_MARK: points into the line */
	const char *directory; /* of VERB_SNAPSHOT: likewise; begins with '/' */
	/* Of VERB_FAULT: rules, or names of rules, in the line. */
	enum backend_fault_change change;
	const char *rules;
	struct backend_wait wait; /* of VERB_WAIT; rule is in the line */
};

/* Parses a line, whose memory it changes and keeps pointing into. Returns 0,
 * -EINVAL (malformed) or -ENOENT (unknown verb, mode or key). */
int verb_parse(char *line, struct verb *ret_verb, struct errmsg *reterr_why);

/* What stands behind `fault` and `wait`: see verb_fault.c. */
int verb_parse_fault(char *arguments, struct verb *verb,
		     struct errmsg *reterr_why);
int verb_parse_wait(char *arguments, struct verb *verb,
		    struct errmsg *reterr_why);
/* text, json or plain. -EINVAL with a sentence. */
int verb_parse_format(const char *name, enum fields_format *ret_format,
		      struct errmsg *reterr_why);

/* What `help` answers. */
void verb_help(struct text *text, enum fields_format format);

#endif
