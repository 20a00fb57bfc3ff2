/* SPDX-License-Identifier: MIT */
/*
 * What a backend offers to the control surface (control.c), which is the same
 * for all backends. The control server owns no state of the backend and calls
 * one verb at a time, from its own thread: a backend need not make verbs safe
 * against each other, but does against its own traffic. get_mode, status and
 * unsynced only look, and may be called from any thread at any moment, also
 * while a verb works.
 */
#ifndef FLAKEY_COMMON_BACKEND_H
#define FLAKEY_COMMON_BACKEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct backend; /* defined by each backend */
struct errmsg;
struct mode;
struct plan;
struct text;

/* What a crash did, or would have done at the moment of a snapshot; counts are of
 * what was lost and what was kept. */
struct backend_report {
	uint64_t incarnation; /* the new one */
	uint64_t lost_records;
	uint64_t lost_bytes;
	uint64_t lost_files; /* inodes that lost data or their last name */
	uint64_t kept_records;
	uint64_t kept_bytes;
	uint64_t elapsed_us;
	uint64_t frozen_us; /* for which no request was served */
	uint64_t held_us;   /* for which syncs waited, with that */
	uint64_t seed;	    /* of all chance in it, if there was any */
	uint64_t digest;    /* of the surviving tree, if the plan asks */
	uint64_t killed;    /* processes */
	bool uncounted;	    /* what was lost and kept, only the disk knows */
	/* unsynced() just before, one line each as answer_losses_add() writes
	 * it as text, or NULL; these are owned */
	char *lost_list;
	char *kept_list;   /* the same of what survived by the plan */
	char *killed_list; /* "PID NAME" a line, for those that could not be
			      killed "PID NAME: reason" */
};

/* Frees the lists, which are NULL then. */
void backend_report_done(struct backend_report *report);

struct backend_status {
	const char *backend; /* "fuse", "dm" */
	const char *profile; /* "ext4" */
	const char *source;
	const char *mountpoint;
	const char *device; /* NULL: none; with one, nothing below "incarnation"
			     * is known */
	const char *state;  /* "ok", "read-only" */
	int pid;
	uint64_t incarnation;
	uint64_t journal_records;
	uint64_t dirty_bytes;
	uint64_t dirty_files;
	uint64_t dropped_bytes; /* acknowledged while dropping, never stored */
	uint64_t dropped_records;
	uint64_t lost_commits; /* needed something that was dropped */
	uint64_t read_errors;  /* of the modes, as are the next */
	uint64_t corruptions;
	uint64_t commits;
	uint64_t requests;
	uint64_t open_files;
	uint64_t inodes; /* in memory */
	uint64_t scratch_bytes;
	uint64_t scratch_limit_bytes;
	const char *http; /* where fault rules are served; NULL: not */
	uint64_t seed;	  /* of the fault rules */
	uint64_t faults;
};

/* One thing that a crash now would lose. */
struct backend_loss {
	const char *kind;     /* "data", "size", "entry", "attributes", ... */
	const char *path;     /* from the mount's root, starting with '/' */
	const char *path2;    /* the other name of a rename or link, or NULL */
	const char *what;     /* "created", "renamed", "written", ... */
	const char *remedy;   /* "fsync the directory '/d'", or NULL */
	int64_t offset_bytes; /* -1: no range */
	int64_t length_bytes;
	int64_t since_ns; /* CLOCK_REALTIME of the oldest change */
	int dropped;	  /* acknowledged by a sync, but writes were dropped */
};

/* Returns 0 to go on. */
typedef int backend_loss_fn(void *user, const struct backend_loss *loss);

/* How fault rules are changed: `text` are rules, or names of rules. */
enum backend_fault_change {
	BACKEND_FAULT_ADD, /* or replace those of the same name */
	BACKEND_FAULT_SET, /* they become all that there are */
	BACKEND_FAULT_REMOVE,
	BACKEND_FAULT_CLEAR, /* without a text */
};

/* A fault rule as it is now. */
struct backend_fault {
	const char *name;
	const char *terms;
	uint64_t hits;
	uint64_t fired;
};
typedef void backend_fault_fn(void *user, const struct backend_fault *fault);

/* What is waited for: that a rule has fired so often. */
struct backend_wait {
	const char *rule;
	uint64_t fired;
	int64_t timeout_ms;
	const atomic_bool *cancelled; /* NULL: cannot be */
};

/* All return 0 or a negative errno, with a sentence in reterr_why. */
struct backend_ops {
	/* The random modes follow a seed. */
	bool seeded_modes;
	int (*set_mode)(struct backend *backend, const struct mode *mode,
			struct errmsg *reterr_why);
	/* The mode line in force, and the milliseconds since the switch. */
	void (*get_mode)(struct backend *backend, struct mode *ret_mode,
			 int64_t *ret_elapsed_ms);
	int (*crash)(struct backend *backend, const struct plan *plan,
		     struct backend_report *ret_report,
		     struct errmsg *reterr_why);
	/* Writes what a crash with this plan would leave now into a directory,
	 * which is new or empty. NULL: it cannot. */
	int (*snapshot)(struct backend *backend, const struct plan *plan,
			const char *directory,
			struct backend_report *ret_report,
			struct errmsg *reterr_why);
	int (*sync)(struct backend *backend, struct errmsg *reterr_why);
	/* Drops clean cached pages: programs then see what the disk has. */
	int (*evict)(struct backend *backend, uint64_t *ret_bytes,
		     struct errmsg *reterr_why);
	void (*status)(struct backend *backend,
		       struct backend_status *ret_status);
	/* NULL: it cannot know. */
	int (*unsynced)(struct backend *backend, backend_loss_fn *each,
			void *user);
	/* Fault rules. fault_change is NULL for a backend without any, and so
	 * are the others, which come from any thread. Notes are lines that a
	 * user should read. */
	int (*fault_change)(struct backend *backend,
			    enum backend_fault_change change, const char *text,
			    struct text *notes, struct errmsg *reterr_why);
	void (*fault_each)(struct backend *backend, backend_fault_fn *each,
			   void *user);
	/* May take long; ends early after fault_cancel(). */
	int (*fault_wait)(struct backend *backend,
			  const struct backend_wait *wait, uint64_t *ret_fired,
			  struct errmsg *reterr_why);
	void (*fault_cancel)(struct backend *backend);
	/* Removes all rules, and returns what brings them back, or NULL: one of
	 * the other two takes it. */
	void *(*fault_empty)(struct backend *backend);
	void (*fault_refill)(struct backend *backend, void *emptied);
	void (*fault_forget)(struct backend *backend, void *emptied);
};

#endif
