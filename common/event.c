/* SPDX-License-Identifier: MIT */
/*
 * A ring of bytes that always begins and ends at a line. Byte n of the file
 * lies at ring[n % EVENT_BYTES_MAX], so offsets need no bookkeeping.
 */
#include "common/event.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/text.h"

/* One line may not push everything else out. */
#define LINE_BYTES_MAX (EVENT_BYTES_MAX / 8)

struct event_log {
	pthread_mutex_t mutex; /* guards all below */
	uint64_t sequence;     /* of the newest line */
	uint64_t dropped;      /* lines lost since the newest one */
	uint64_t begin;	       /* file offset of the oldest byte kept */
	uint64_t end;	       /* file offset behind the newest byte */
	char ring[EVENT_BYTES_MAX];
};

struct event_log *event_new(void)
{
	struct event_log *log = calloc(1, sizeof(*log));

	if (log)
		pthread_mutex_init(&log->mutex, NULL);
	return log;
}

void event_free(struct event_log *log)
{
	if (!log)
		return;
	pthread_mutex_destroy(&log->mutex);
	free(log);
}

static void append_time(struct text *line)
{
	struct timespec now;
	char seconds[32];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	text_printf(line, ",\"time\":\"%s.%06ldZ\"", seconds,
		    now.tv_nsec / 1000);
}

/* Copies between the ring and flat memory, in at most two pieces. */
static void ring_put(struct event_log *log, const char *data, size_t size_bytes)
{
	size_t at = log->end % EVENT_BYTES_MAX;
	size_t first = EVENT_BYTES_MAX - at;

	if (first > size_bytes)
		first = size_bytes;
	memcpy(log->ring + at, data, first);
	memcpy(log->ring, data + first, size_bytes - first);
	log->end += size_bytes;
}

static void ring_get(const struct event_log *log, uint64_t offset, char *buffer,
		     size_t size_bytes)
{
	size_t at = offset % EVENT_BYTES_MAX;
	size_t first = EVENT_BYTES_MAX - at;

	if (first > size_bytes)
		first = size_bytes;
	memcpy(buffer, log->ring + at, first);
	memcpy(buffer + first, log->ring, size_bytes - first);
}

/* Forgets whole old lines until size_bytes more fit. */
static void make_room_locked(struct event_log *log, size_t size_bytes)
{
	while (log->end + size_bytes - log->begin > EVENT_BYTES_MAX) {
		while (log->ring[log->begin % EVENT_BYTES_MAX] != '\n')
			log->begin++;
		log->begin++;
	}
}

static void add_locked(struct event_log *log, const char *kind,
		       const char *fields)
{
	struct text line;

	text_init(&line);
	line.limit_bytes = LINE_BYTES_MAX;
	text_printf(&line, "{\"seq\":%" PRIu64, log->sequence + 1);
	append_time(&line);
	text_printf(&line, ",\"event\":");
	text_json_string(&line, kind);
	if (log->dropped)
		text_printf(&line, ",\"dropped\":%" PRIu64, log->dropped);
	if (fields[0])
		text_printf(&line, ",%s", fields);
	text_printf(&line, "}\n");
	if (text_result(&line) < 0) {
		log->dropped++;
	} else {
		make_room_locked(log, line.length_bytes);
		ring_put(log, line.data, line.length_bytes);
		log->sequence++;
		log->dropped = 0;
	}
	text_done(&line);
}

void event_add(struct event_log *log, const char *kind, const char *fields, ...)
{
	char *members = NULL;
	int length = 0;

	if (fields) {
		va_list args;

		va_start(args, fields);
		length = vasprintf(&members, fields, args);
		va_end(args);
	}
	pthread_mutex_lock(&log->mutex);
	if (length < 0)
		log->dropped++;
	else
		add_locked(log, kind, members ? members : "");
	pthread_mutex_unlock(&log->mutex);
	if (length >= 0)
		free(members); /* undefined after a failed vasprintf() */
}

size_t event_read(struct event_log *log, off_t offset_bytes, void *buffer,
		  size_t size_bytes, off_t *ret_offset_bytes)
{
	uint64_t offset = offset_bytes < 0 ? 0 : (uint64_t)offset_bytes;

	pthread_mutex_lock(&log->mutex);
	if (offset < log->begin)
		offset = log->begin;
	if (offset >= log->end)
		size_bytes = 0;
	else if (size_bytes > log->end - offset)
		size_bytes = log->end - offset;
	ring_get(log, offset, buffer, size_bytes);
	pthread_mutex_unlock(&log->mutex);
	*ret_offset_bytes = (off_t)offset;
	return size_bytes;
}

off_t event_size(struct event_log *log)
{
	off_t size;

	pthread_mutex_lock(&log->mutex);
	size = (off_t)log->end;
	pthread_mutex_unlock(&log->mutex);
	return size;
}
