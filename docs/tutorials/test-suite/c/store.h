/* SPDX-License-Identifier: MIT */
#ifndef STORE_H
#define STORE_H

/* Puts text into the file NAME of a directory: all of it or nothing, and for good
 * when this returns 0; else a negative errno. */
int store_put(const char *directory, const char *name, const char *text);

#endif
