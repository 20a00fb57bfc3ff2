/* SPDX-License-Identifier: MIT */
/*
 * Whether this kernel follows an O_DSYNC write with an FSYNC of its own, for
 * page-cache and for O_DIRECT writes. Found out by doing it: a version number
 * would not tell. Without knowing, either an explicit fsync could be taken for
 * the kernel's and swallowed, or a synchronous write would pay for the whole
 * file instead of its range.
 */
#ifndef FLAKEY_FUSEFS_PROBE_H
#define FLAKEY_FUSEFS_PROBE_H

struct fusefs;

/* Called while the loop serves the mount, before anybody else uses it. */
void probe_kernel(struct fusefs *fusefs);

#endif
