/* SPDX-License-Identifier: MIT */
/*
 * The control surface: the files of the hidden directory `.flakey/`, without
 * the file system that shows them. A backend's FUSE code looks names up here,
 * opens a handle, and passes reads and writes on.
 *
 *	mode      read: the mode line in force     write: a mode line
 *	control   write: a verb line, then read on the same handle: its answer
 *	faults    read: the fault rules with counters    write: rules are added;
 *		  truncating removes all, but not for rules that are refused
 *	status    read: JSON
 *	unsynced  read: what a crash now would lose
 *	log       read: the event log, JSON lines
 *	error     read: the sentence of the last refused line
 *
 * Verb lines of `control`: `VERB [KEY=VALUE ...] [format=text|json|plain]`.
 *	crash [keep=none|all] [digest=yes]   sync   evict   mark TEXT   mode LINE
 *	status   unsynced       help   fault add|set|remove|clear|list [RULES]
 *	wait RULE [fired=N] [timeout=TIME]
 * and the mode names as verbs: `drop-writes for=2s`.
 *
 * A handle that was written to answers reads with its own answer (or the
 * sentence of the refusal); a fresh handle of `control` reads the newest answer
 * of anybody. The formats are those of record.h; `mark` takes none, its text is
 * the whole rest of the line. Behind a line `fault add`, `fault set` or `fault
 * remove` without more, the rest of the write are its rules, one a line. Contents of status and unsynced are made at open, so that one
 * reader sees one moment. A trailing newline is optional; several lines in one
 * write are executed in order up to the first refusal, and that refusal says
 * how many were done. A line must come in one write(2): of a line that was too
 * long and comes in pieces, the later pieces are refused as well. The kernel may
 * cut a write of more than its own limit (at least 128 KiB) into several, which
 * are refused with the first.
 *
 * Logged here: marks. All else is the backend's.
 *
 * Threads: control_write() of a verb may take long and must not run on a thread
 * that the backend needs for its own work to go on; the backend calls it from
 * one thread of its own at a time. All else may be called from any thread, so
 * get_mode, status and unsynced of the backend may be, too.
 */
#ifndef FLAKEY_COMMON_CONTROL_H
#define FLAKEY_COMMON_CONTROL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONTROL_DIRECTORY ".flakey"
/* A longer write is refused as a whole with EINVAL. */
#define CONTROL_LINE_MAX 65536
/* But rules may be as many as the kernel surely hands over at once. */
#define CONTROL_FAULTS_MAX ((128 << 10) - 4096)
/* A write of more lines is refused as a whole, too, but for rules. */
#define CONTROL_LINES_MAX 256

struct backend;
struct backend_ops;
struct control;
struct control_handle;
struct event_log;

/* Files are numbered 0 .. control_file_count()-1. */
size_t control_file_count(void);
const char *control_file_name(size_t index);
bool control_file_writable(size_t index);
/* -1: no such name */
int control_file_find(const char *name);

/* Borrows all arguments until control_free(). NULL: out of memory. */
struct control *control_new(struct backend *backend,
			    const struct backend_ops *ops,
			    struct event_log *events);
void control_free(struct control *control);

/* Current size of a file, for getattr: exact for log, else 0. */
off_t control_file_size(struct control *control, size_t index);

/* 0, -ENOMEM, or what the backend's unsynced() answered. The handle is owned by
 * the caller. */
int control_open(struct control *control, size_t index,
		 struct control_handle **ret_handle);
void control_close(struct control_handle *handle);

/* Like pread(2): bytes, 0 at the end, or a negative errno. */
ssize_t control_read(struct control_handle *handle, void *buffer,
		     size_t size_bytes, off_t offset_bytes);

/* Executes lines; returns when the thing has happened. size_bytes, or a
 * negative errno (EINVAL a malformed line, ENOENT an unknown verb, mode or
 * key's name, others from the verb): then nothing of the refused line has
 * happened. */
ssize_t control_write(struct control_handle *handle, const char *data,
		      size_t size_bytes);

/* Truncates a file, which only has a meaning for faults. */
void control_truncate(struct control *control, size_t index);
/* The same for the file of a handle that was opened so: rules that are refused
 * when they are written next leave those that were there. */
void control_truncate_open(struct control_handle *handle);

/* Whether the write is only a verb that waits for something that may never be:
 * it needs a thread of its own, and control_wait(), which is control_write() but
 * that it ends, with -ECANCELED, after *cancelled was set and control_cancel()
 * called. */
bool control_write_waits(const struct control_handle *handle, const char *data,
			 size_t size_bytes);
ssize_t control_wait(struct control_handle *handle, const char *data,
		     size_t size_bytes, const atomic_bool *cancelled);
void control_cancel(struct control *control);

/* The most that a write may have; more is refused. */
size_t control_write_max(const struct control_handle *handle);

/* True when the write has to wait for a verb's work: not a plain read. */
bool control_write_blocks(const struct control_handle *handle);

#endif
