/* SPDX-License-Identifier: MIT */
/*
 * The event log: one JSON line for each thing that a user must be able to tell
 * from a fault of their own program: a mode switch, a crash, a lost commit, a
 * failed store operation. Lines are numbered from 1 without gaps. The newest
 * EVENT_BYTES_MAX bytes are kept; a file offset always means the same byte, so
 * that `tail -f` works over the control file.
 *
 * Thread-safe: one mutex inside. event_*() never blocks on I/O.
 */
#ifndef FLAKEY_COMMON_EVENT_H
#define FLAKEY_COMMON_EVENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define EVENT_BYTES_MAX (1 << 20)

struct event_log;

struct event_log *event_new(void);
void event_free(struct event_log *log);

/* Adds {"seq":N,"time":"2026-...Z","event":KIND, FIELDS...}. fields is NULL
 * or a printf format of JSON members without braces; strings in it must have
 * been escaped with text_json_string(). A line that cannot be formed for want
 * of memory is counted in the next line as "dropped". */
__attribute__((format(printf, 3, 4))) void
event_add(struct event_log *log, const char *kind, const char *fields, ...);

/* Reads from a byte offset; what is no longer kept reads as nothing until the
 * first kept byte: a short read is returned from the first line kept, and
 * *ret_offset_bytes says where it begins. Returns bytes copied. */
size_t event_read(struct event_log *log, off_t offset_bytes, void *buffer,
		  size_t size_bytes, off_t *ret_offset_bytes);

/* All bytes ever added: the size of the log file. */
off_t event_size(struct event_log *log);

#endif
