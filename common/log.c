/* SPDX-License-Identifier: MIT */
#include "common/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/errmsg.h"

#define COLOUR_END "\033[0m"

static struct {
	const char *name;
	enum log_level level;
	bool syslog;
	bool colours;
} log_state = {.name = "flakey", .level = LOG_LEVEL_INFO};

static const struct {
	const char *prefix; /* behind the name */
	int priority;
	const char *colour; /* of both */
} log_levels[] = {
	[LOG_LEVEL_ERROR] = {": ", LOG_ERR, "\033[1;31m"},
	[LOG_LEVEL_WARNING] = {": warning: ", LOG_WARNING, "\033[1;33m"},
	[LOG_LEVEL_INFO] = {": ", LOG_INFO, "\033[1m"},
	[LOG_LEVEL_DEBUG] = {": debug: ", LOG_DEBUG, "\033[2m"},
};

void log_set_name(const char *name)
{
	log_state.name = name;
}

const char *log_name(void)
{
	return log_state.name;
}

void log_set_level(enum log_level level)
{
	log_state.level = level;
}

void log_set_colours(bool colours)
{
	log_state.colours = colours;
}

void log_to_syslog(const char *ident)
{
	openlog(ident, LOG_PID | LOG_CONS, LOG_DAEMON);
	log_state.syslog = true;
}

/* One call to the system for a line, so that two threads' lines stay whole. */
static void emit(enum log_level level, const char *text)
{
	struct errmsg line;

	/* errmsg also keeps control characters of a name out of the log. */
	errmsg_set(&line, "%s", text);
	if (log_state.syslog)
		syslog(log_levels[level].priority, "%s", line.text);
	else
		/* Where would we report it? */
		(void)fprintf(stderr, "%s%s%s%s%s\n",
			      log_state.colours ? log_levels[level].colour : "",
			      log_state.name, log_levels[level].prefix,
			      log_state.colours ? COLOUR_END : "", line.text);
}

__attribute__((format(printf, 3, 0))) static void
format_line(char *line, size_t size_bytes, const char *format, va_list args)
{
	if (vsnprintf(line, size_bytes, format, args) < 0)
		line[0] = '\0';
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[ERRMSG_MAX];
	va_list args;

	if (level > log_state.level)
		return;
	va_start(args, format);
	format_line(line, sizeof(line), format, args);
	va_end(args);
	emit(level, line);
}

int log_write_errno(enum log_level level, int error, const char *format, ...)
{
	char line[ERRMSG_MAX];
	va_list args;
	size_t length;

	error = abs(error);
	if (level > log_state.level)
		return -error;
	va_start(args, format);
	format_line(line, sizeof(line), format, args);
	va_end(args);
	length = strlen(line);
	/* A cut line is better than none. */
	(void)snprintf(line + length, sizeof(line) - length, ": %s",
		       strerrordesc_np(error) ? strerrordesc_np(error) : "?");
	emit(level, line);
	return -error;
}
