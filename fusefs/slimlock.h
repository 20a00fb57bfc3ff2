/* SPDX-License-Identifier: MIT */
/*
 * A lock for many readers or one writer that takes 4 bytes: every inode in
 * memory has one, and the 56 bytes of a pthread_rwlock_t would be an eighth of
 * what a clean file may cost. Like that one it prefers readers, so a thread may
 * take it for reading twice. All zeros is unlocked; nothing needs freeing.
 */
#ifndef FLAKEY_FUSEFS_SLIMLOCK_H
#define FLAKEY_FUSEFS_SLIMLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct slimlock {
	_Atomic uint32_t state;
};

void slimlock_read(struct slimlock *lock);
void slimlock_write(struct slimlock *lock);
/* For writing, if nobody has it, the caller neither. */
bool slimlock_try_write(struct slimlock *lock);
/* Whichever way the caller has it. */
void slimlock_unlock(struct slimlock *lock);

#endif
