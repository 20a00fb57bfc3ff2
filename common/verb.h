/* SPDX-License-Identifier: MIT */
/*
 * The control language: one line, parsed into what is to be done. Nothing is
 * done here.
 */
#ifndef FLAKEY_COMMON_VERB_H
#define FLAKEY_COMMON_VERB_H

#include "common/fields.h"
#include "common/mode.h"
#include "common/plan.h"

struct errmsg;
struct text;

enum verb_kind {
	VERB_CRASH,
	VERB_EVICT,
	VERB_HELP,
	VERB_MARK,
	VERB_MODE,
	VERB_SNAPSHOT,
	VERB_STATUS,
	VERB_SYNC,
	VERB_UNSYNCED,
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
};

/* Parses a line, whose memory it changes and keeps pointing into. Returns 0,
 * -EINVAL (malformed) or -ENOENT (unknown verb, mode or key). */
int verb_parse(char *line, struct verb *ret_verb, struct errmsg *reterr_why);

/* What `help` answers. */
void verb_help(struct text *text, enum fields_format format);

#endif
