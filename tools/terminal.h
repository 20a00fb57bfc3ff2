/* SPDX-License-Identifier: MIT */
/*
 * What may be shown where: colours and lines that change only on a terminal that
 * can, and never in a file or a pipe.
 */
#ifndef FLAKEY_TOOLS_TERMINAL_H
#define FLAKEY_TOOLS_TERMINAL_H

#include <stdbool.h>

/* A terminal on which a line can be written over: no TERM=dumb. */
bool terminal_is_live(int fd);

/* ... and whose user did not set NO_COLOR (no-color.org) to anything. */
bool terminal_has_colours(int fd);

#endif
