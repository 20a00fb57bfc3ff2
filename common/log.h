/* SPDX-License-Identifier: MIT */
/*
 * Messages of the programs (libraries never print): one line, lower case, no
 * full stop, values quoted. To stderr until log_to_syslog(), which a daemon
 * calls when it leaves its terminal.
 *
 * Thread-safe; log_set_name(), log_set_level(), log_set_colours() and log_to_syslog() are for the
 * start of main().
 */
#ifndef FLAKEY_COMMON_LOG_H
#define FLAKEY_COMMON_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* The program that speaks, "flakey" at first. name must live as long as the
 * process. */
void log_set_name(const char *name);
const char *log_name(void);

/* Messages above level are dropped; LOG_LEVEL_INFO at first. */
void log_set_level(enum log_level level);

/* The kind of a message to stderr stands out; not at first. */
void log_set_colours(bool colours);

/* ident must live as long as the process. */
void log_to_syslog(const char *ident);

__attribute__((format(printf, 2, 3))) void log_write(enum log_level level,
						     const char *format, ...);

/* Appends the text of the errno; error may be negative. Returns -|error|. */
__attribute__((format(printf, 3, 4))) int
log_write_errno(enum log_level level, int error, const char *format, ...);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_error_errno(error, ...)                                            \
	log_write_errno(LOG_LEVEL_ERROR, error, __VA_ARGS__)
#define log_warning_errno(error, ...)                                          \
	log_write_errno(LOG_LEVEL_WARNING, error, __VA_ARGS__)

#endif
