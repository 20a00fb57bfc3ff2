/* SPDX-License-Identifier: MIT */
/*
 * A fault rule, and the seam between those who decide and those who act:
 *
 *	fs/write{path=*.wal,offset=0..4096}=3*off->1*return(ENOSPC)
 *
 * An operation that has reached a point asks rules_decide() (rules.h), with what
 * it knows of itself in a rule_hit, and gets verdicts: what it shall do, in
 * their order. Deciding takes no lock of the volume, and the verdicts are
 * performed outside of any lock: they hold a reference to their rules, which may
 * be replaced meanwhile. docs/fault-rules.md is the reference.
 *
 * Threads: any. A rule does not change, but for its counters.
 */
#ifndef FLAKEY_RULES_RULE_H
#define FLAKEY_RULES_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "failpoints/terms.h"

struct errmsg;
struct plan;
struct rule;
struct text;

/* Where rules act. rule_points.c names them, and has the table of what can be
 * done there. At most 64. */
enum rule_point {
	RULE_FS_LOOKUP, /* hit by no class: a program's `ls` goes on working */
	RULE_FS_GETATTR,
	RULE_FS_OPENDIR,
	RULE_FS_READDIR,
	RULE_FS_OPEN,
	RULE_FS_CREATE, /* open(2) that makes a file: not RULE_FS_OPEN as well */
	RULE_FS_TMPFILE,
	RULE_FS_CLOSE, /* the last of a description; it has no answer */
	RULE_FS_READ,
	RULE_FS_WRITE,
	RULE_FS_TRUNCATE, /* and ftruncate */
	RULE_FS_FALLOCATE,
	RULE_FS_SEEK, /* SEEK_DATA and SEEK_HOLE */
	RULE_FS_FSYNC,
	RULE_FS_FDATASYNC,
	RULE_FS_FSYNCDIR, /* of both kinds, on a directory */
	RULE_FS_MKDIR,
	RULE_FS_MKNOD,
	RULE_FS_SYMLINK,
	RULE_FS_LINK, /* path: the old name; to: the new one */
	RULE_FS_UNLINK,
	RULE_FS_RMDIR,
	RULE_FS_RENAME, /* path: the old name; to: the new one */
	RULE_FS_READLINK,
	RULE_FS_CHMOD,
	RULE_FS_CHOWN,
	RULE_FS_UTIMES,
	RULE_FS_STATFS,
	RULE_FS_SETXATTR,
	RULE_FS_GETXATTR,
	RULE_FS_LISTXATTR,
	RULE_FS_REMOVEXATTR,
	RULE_STORE_READ,   /* one transfer of data from the store */
	RULE_STORE_WRITE,  /* one transfer of data to it */
	RULE_STORE_COMMIT, /* a commit, before anything of it arrives */
	RULE_POINT_COUNT,
};

/* Appends a name of what is operated on, from the mount's root: "/d/file". A
 * file may have several: index counts them from 0. Returns 0, or -ENOENT behind
 * the last. Is called only if some rule wants to know, or for the log. */
typedef int rule_name_fn(void *data, size_t index, struct text *text);

/* What an operation knows of itself. */
struct rule_hit {
	enum rule_point point;
	bool after;	      /* it was done: asks the rules with when=after */
	pid_t pid;	      /* the thread that asked for it; 0: nobody */
	uid_t uid;	      /* (uid_t)-1: nobody */
	int flags;	      /* of open(2); -1: there are none */
	int64_t offset_bytes; /* -1: there is no range */
	int64_t length_bytes;
	rule_name_fn *path; /* NULL: it has no name */
	rule_name_fn *to;   /* the second name of a rename or link, or NULL */
	void *data;	    /* for both */
};

/* The actions that a file system adds to the engine's; in the comments their
 * arguments, in the order of rule_verdict.args. kind is TERMS_NONE where one was
 * not given. */
enum rule_action {
	/* size: TERMS_INT bytes, or TERMS_PERCENT of the length. The rest is
	 * neither read nor written, and the answer says so. */
	RULE_SHORT = TERMS_HOST,
	/* Acknowledged, and never stored. */
	RULE_DROP,
	/* kind: a word whose number is an enum rule_corruption; count: how many
	 * bits or bytes, else 1; at: where in the transfer, else by chance. */
	RULE_CORRUPT,
	/* verdict.plan; the arguments are of no interest. */
	RULE_CRASH,
	/* dir: an absolute path, and verdict.plan. */
	RULE_SNAPSHOT,
	/* bytes: rule_take() says how many are left. */
	RULE_NOSPACE,
	/* verdict.error: the effect happens, the error is returned all the
	 * same. */
	RULE_FAIL_AFTER,
	/* Sleeps for rule_sleep_ns(). */
	RULE_SLOW,
	RULE_ACTION_END,
};

enum rule_corruption {
	RULE_CORRUPT_BITFLIP,
	RULE_CORRUPT_ZERO,
	RULE_CORRUPT_GARBAGE,
};

/* One thing to do. */
struct rule_verdict {
	int id; /* enum terms_id, but never TERMS_OFF, or enum rule_action */
	const struct terms_value *args;
	int error;		 /* of TERMS_RETURN and RULE_FAIL_AFTER: EIO */
	const struct plan *plan; /* of TERMS_PANIC, RULE_CRASH, _SNAPSHOT */
	struct rule *rule;	 /* referenced */
	size_t term;		 /* in the rule's chain */
	uint64_t hit;		 /* of the rule, from 1 */
	uint64_t sequence;	 /* when it was decided: rules_sleep() */
};

/* More rules than that do not act on one hit. */
#define RULE_VERDICTS_MAX 16

struct rule_verdicts {
	size_t count;
	/* In the order of the rules. What ends an operation is the last: behind
	 * TERMS_RETURN, TERMS_PANIC, RULE_CRASH, TERMS_EXIT and TERMS_KILL no
	 * rule is asked. */
	struct rule_verdict list[RULE_VERDICTS_MAX];
};

/* What an action did, for the log. */
struct rule_effect {
	const char *what;     /* "EIO", "3 of 10 bytes", "bit 5", ... */
	int64_t offset_bytes; /* of what was corrupted, in the file; -1: none */
	int64_t length_bytes;
};

/* Whether a crash with the plan, or a snapshot of it into directory (else NULL),
 * is one that those who act could do now: 0; -EINVAL and why not; -ENOMEM. */
typedef int rule_check_fn(void *user, const struct plan *plan,
			  const char *directory, struct errmsg *reterr_why);

/* "fs/write{path=*.wal}": what the rule is called, and its terms. */
const char *rule_name(const struct rule *rule);
const char *rule_terms(const struct rule *rule);

/* 64 random bits of this firing; stream tells apart several choices. */
uint64_t rule_random(const struct rule_verdict *verdict, uint32_t stream);

/* Of RULE_NOSPACE: takes bytes of what is left, and returns how many there
 * were, at most that; what cannot be had in parts is taken whole or not at all. */
uint64_t rule_take(const struct rule_verdict *verdict, uint64_t bytes,
		   bool parts);

/* Of RULE_SHORT: how many bytes of a transfer of that size go through. */
size_t rule_short_bytes(const struct rule_verdict *verdict, size_t size_bytes);

/* Whether the ranges of its selector have to do with a byte in [from, to); of a
 * rule without any, each byte. */
bool rule_selects_range(const struct rule *rule, int64_t from, int64_t to);

/* The first bytes of [*from, *to) that its ranges have to do with. False: none. */
bool rule_narrow_range(const struct rule *rule, int64_t *from, int64_t *to);

/* Of TERMS_SLEEP, TERMS_DELAY and RULE_SLOW: for how long, for a transfer of
 * that size (0 for others). TERMS_PAUSE: -1, for ever. */
int64_t rule_sleep_ns(const struct rule_verdict *verdict, size_t size_bytes);

/* Two threads may let go of one at once. */
void rule_ref(struct rule *rule);
void rule_unref(struct rule *rule);

#endif
