/* SPDX-License-Identifier: MIT */
/*
 * The term engine: what a point does when it is hit, as gofail writes it,
 *
 *	3*off->1*return(ENOSPC)->50%sleep(10ms)
 *
 * `terms_parse` makes an immutable program of such a string, with a place for
 * its counters; `terms_decide` says which term, if any, a hit runs. The engine
 * only decides. The host performs the action, so that no lock of the engine is
 * ever held while somebody sleeps: the failpoint library and the file system's
 * fault rules are two hosts. docs/failpoints.md has the grammar and the rules.
 *
 * A chain runs the first term whose modifiers all allow it, and stops there.
 * Modifiers are tried from the left, stop at the first refusal, and what those
 * before it spent stays spent.
 *
 * Threads: parsing is reentrant. terms_decide() may be called by any number of
 * threads at once and from a signal handler: it takes no lock, allocates
 * nothing, and `N*` lets exactly N hits pass whatever their number. The n-th
 * hit tosses the same in every run with the same seed, whatever other programs
 * do.
 */
#ifndef FLAKEY_FAILPOINTS_TERMS_H
#define FLAKEY_FAILPOINTS_TERMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct errmsg;
struct text;

/* A longer string is refused. */
#define TERMS_LENGTH_MAX ((size_t)64 << 10)
/* More terms in a chain, modifiers of a term, or arguments of an action are
 * refused. */
#define TERMS_COUNT_MAX 4096
#define TERMS_MODIFIERS_MAX 16
#define TERMS_ARGS_MAX 8

/* What an argument is. As bits, for terms_param.kinds. */
enum terms_kind {
	TERMS_NONE = 0,
	TERMS_INT = 1 << 0,    /* 12, -1, 0x10 */
	TERMS_STRING = 1 << 1, /* "quoted" or `raw`: no NUL inside */
	TERMS_BOOL = 1 << 2,   /* true, false */
	TERMS_ERRNO = 1 << 3,  /* EIO */
	/* 10ms, 1h15m30.918s; where no TERMS_STRING is taken, "10ms" too. */
	TERMS_DURATION = 1 << 4,
	TERMS_PERCENT = 1 << 5, /* 50%, 0.5%, at most 100% */
	TERMS_WORD = 1 << 6,	/* one of terms_param.words */
};

struct terms_value {
	enum terms_kind kind;
	/* The number, 0 or 1, the errno (positive), nanoseconds, or parts of a
	 * billion, by kind; for a word its index in terms_param.words. */
	int64_t number;
	/* TERMS_STRING, TERMS_WORD, and a duration that was written as a
	 * string: ends with a NUL, owned by the program. Else NULL. */
	const char *text;
	size_t length_bytes;
};

/* One argument that an action takes, in its place or as NAME=VALUE. */
struct terms_param {
	const char *name;
	unsigned int kinds; /* of enum terms_kind, or-ed */
	bool required;
	/* For TERMS_INT: the smallest and largest allowed, both 0 for no limit.
	 * Durations are never negative, percents are 0 to 100. */
	int64_t least;
	int64_t most;
	const char *const *words; /* for TERMS_WORD; ends with NULL */
};

/* An action. The engine's own are below; a host adds some by a language. All of
 * it is borrowed for as long as programs of it live. Names, of parameters and
 * words too, are letters, digits, '_' and inner '-', a letter first. */
struct terms_action {
	const char *name;
	int id; /* the host's, from TERMS_HOST on */
	const struct terms_param *params;
	size_t param_count; /* at most TERMS_ARGS_MAX */
};

/* The engine's own actions, which every host has. "A value" is optional, one,
 * and of any kind but percent and word. */
enum terms_id {
	TERMS_OFF,    /* a value, without meaning */
	TERMS_RETURN, /* a value */
	TERMS_SLEEP,  /* required: a duration, or an int of milliseconds */
	TERMS_PANIC,  /* a value */
	TERMS_BREAK,  /* a value, without meaning */
	TERMS_PRINT,  /* a value */
	TERMS_PAUSE,
	TERMS_YIELD,
	TERMS_DELAY, /* as sleep, without giving up the processor */
	TERMS_EXIT,  /* an int of 0..255, optional: the status, else 1 */
	TERMS_KILL,  /* SIGKILL to the own process */
	TERMS_HOST,
};

/* Those of the engine; NULL behind the last. */
const struct terms_action *terms_own_action(size_t index);

struct terms_language {
	const struct terms_action *actions;
	size_t action_count;
};

/* "50%" or "3*". */
struct terms_modifier {
	bool percent;
	/* Parts of a billion, at most that; or how many hits may pass, at most
	 * INT64_MAX. What is finer than a billionth is rounded, but never to 0%
	 * or 100%. */
	uint64_t number;
};

/* A term of a program, as it was parsed. */
struct terms_term {
	const struct terms_action *action;
	/* One for each of action->params, in their order; kind TERMS_NONE where
	 * it was not given. */
	const struct terms_value *args;
	const struct terms_modifier *modifiers; /* in their order */
	size_t modifier_count;
	size_t offset; /* of the action's name in the source */
};

struct terms;

/* What a hit is to run. Borrowed from the program. */
struct terms_decision {
	int id; /* enum terms_id, or the host's */
	const struct terms_action *action;
	const struct terms_value *args; /* as in terms_term */
	size_t term;			/* index in the chain */
	uint64_t hit;			/* the number of this hit, from 1 */
};

struct terms_counts {
	uint64_t hits;	/* calls of terms_decide() */
	uint64_t fired; /* of which some term was run, `off` included */
};

/* The seed of one point among many: of a seed and the point's name. */
uint64_t terms_seed(uint64_t seed, const char *name);

/*
 * Parses length_bytes of source, which need not end with a NUL. language: the
 * host's further actions, or NULL. seed: of the tosses, see terms_seed().
 * Returns 0 and a program that the caller frees; -EINVAL and in
 * reterr_why "offset N: what was wrong; what was expected" (N counts bytes of
 * source from 0); or -ENOMEM. Takes time and memory linear in length_bytes.
 */
int terms_parse(const char *source, size_t length_bytes,
		const struct terms_language *language, uint64_t seed,
		struct terms **ret_terms, struct errmsg *reterr_why);

/* terms may be NULL. Nobody may be deciding. */
void terms_free(struct terms *terms);

/* Counts a hit. Returns true and the term to run, or false: none allows it. */
bool terms_decide(struct terms *terms, struct terms_decision *ret_decision);

struct terms_counts terms_counts(const struct terms *terms);

/*
 * 64 random bits of a hit, the same in every run with the same seed: for
 * choices that an action leaves to chance, such as which bit to flip. stream
 * tells apart several choices of one hit. Safe as terms_decide() is.
 */
uint64_t terms_random(const struct terms *terms, uint64_t hit, uint32_t stream);

/* The terms of the chain, from index 0; NULL behind the last. With it a host
 * can refuse what makes no sense at a point, by offset. */
const struct terms_term *terms_at(const struct terms *terms, size_t index);

/* How long a TERMS_DURATION is, or a TERMS_INT of milliseconds. */
int64_t terms_nanoseconds(const struct terms_value *value);

/* The string it was parsed from, with a NUL. Lives as long as the program. */
const char *terms_source(const struct terms *terms);

/* Appends the normal form: parsing that gives the same program again. */
void terms_print(const struct terms *terms, struct text *text);
/* Appends parts of it: "3*50%", "(1, at=2)" or nothing, and a value. */
void terms_print_modifiers(const struct terms_term *term, struct text *text);
void terms_print_args(const struct terms_term *term, struct text *text);
void terms_print_value(const struct terms_value *value, struct text *text);

#endif
