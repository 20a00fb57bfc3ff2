/* SPDX-License-Identifier: MIT */
/* The themes of the conformance suite: X_theme() is in X.c and plays its
 * cases. */
#ifndef FLAKEY_TESTS_POSIX_THEMES_H
#define FLAKEY_TESTS_POSIX_THEMES_H

void access_theme(void);
void acls_theme(void);
void copying_theme(void);
void linking_theme(void);
void listing_theme(void);
void locks_theme(void);
void making_theme(void);
void maps_theme(void);
void modes_theme(void);
void opening_theme(void);
void paths_theme(void);
void renaming_theme(void);
void sizes_theme(void);
void stating_theme(void);
void times_theme(void);
void unnamed_theme(void);
void xattrs_theme(void);

#endif
