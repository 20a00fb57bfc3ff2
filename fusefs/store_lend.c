/* SPDX-License-Identifier: MIT */
/*
 * A note says "MODE INODE PATH": the path as the kernel has it for the
 * descriptor, below the root, so that no search is needed. Notes are found by
 * their names, one for each slot.
 */
#include "fusefs/store_lend.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "fusefs/store_touched.h"

#define NOTE_BYTES (PATH_MAX + 64)
#define NAME_BYTES 32
#define PROC_BYTES 32

static void note_name(int slot, char *name)
{
	snprintf(name, NAME_BYTES, "user.flakey.lent.%d", slot);
}

static void proc_path(int fd, char *path)
{
	snprintf(path, PROC_BYTES, "/proc/self/fd/%d", fd);
}

/* The path of an open object, NUL-terminated; its length, or a negative errno. */
static ssize_t path_of(int fd, char *path)
{
	char proc[PROC_BYTES];
	proc_path(fd, proc);
	ssize_t n = readlink(proc, path, PATH_MAX);
	if (n < 0 || n == PATH_MAX)
		return n < 0 ? -errno : -ENAMETOOLONG;
	path[n] = '\0';
	return n;
}

static int describe(int root_fd, int fd, const struct stat *st, char *note)
{
	char root[PATH_MAX];
	char path[PATH_MAX];
	ssize_t length = path_of(root_fd, root);
	ssize_t n = path_of(fd, path);
	if (length < 0 || n < 0)
		return (int)(length < 0 ? length : n);
	if (strcmp(root, "/") == 0)
		length = 0;
	if (strncmp(path, root, (size_t)length) != 0)
		return -ENOENT; /* somebody has moved it out of the store */
	return snprintf(note, NOTE_BYTES, "%o %llu %s", st->st_mode & 07777,
			(unsigned long long)st->st_ino, path + length);
}

static int take_slot(struct store_lend *lend)
{
	uint32_t slots = lend->slots;
	for (int i = 0; i < STORE_LEND_SLOTS; i++) {
		uint32_t bit = UINT32_C(1) << i;
		/* Taken by another meanwhile: the next one is tried. */
		if (!(slots & bit) &&
		    !(atomic_fetch_or(&lend->slots, bit) & bit))
			return i;
	}
	return -1;
}

static void give_slot(struct store_lend *lend, int slot)
{
	atomic_fetch_and(&lend->slots, ~(UINT32_C(1) << slot));
}

/* The slot of the note, or -1: the step matters more. */
static int leave_note(struct store_lend *lend, int fd, const struct stat *st)
{
	char note[NOTE_BYTES];
	char name[NAME_BYTES];
	int n = describe(lend->root_fd, fd, st, note);
	int slot = n < 0 ? -1 : take_slot(lend);
	if (slot < 0)
		return -1;
	note_name(slot, name);
	if (fsetxattr(lend->root_fd, name, note, (size_t)n, 0) == 0)
		return slot;
	give_slot(lend, slot);
	return -1;
}

static void remove_note(struct store_lend *lend, int slot)
{
	char name[NAME_BYTES];
	if (slot < 0)
		return;
	note_name(slot, name);
	/* One that stays is settled again, and changes nothing then. */
	(void)fremovexattr(lend->root_fd, name);
	give_slot(lend, slot);
}

bool store_lend_begin(struct store_lend *lend, int fd, const struct stat *st,
		      struct store_loan *ret_loan)
{
	char proc[PROC_BYTES];
	mode_t mode = st->st_mode & 07777;
	if (S_ISLNK(st->st_mode) || st->st_uid != geteuid() ||
	    (mode & 0700) == 0700)
		return false;
	store_touched_add(lend->touched, st->st_ino);
	proc_path(fd, proc);
	int slot = leave_note(lend, fd, st);
	if (chmod(proc, mode | 0700) < 0) {
		remove_note(lend, slot);
		return false;
	}
	/* The root itself can take a note only now. */
	if (slot < 0)
		slot = leave_note(lend, fd, st);
	*ret_loan = (struct store_loan){.lend = lend,
					.fd = fd,
					.mode = mode,
					.slot = slot,
					.lent = true};
	return true;
}

void store_lend_end(struct store_loan *loan)
{
	char proc[PROC_BYTES];
	if (!loan->lent)
		return;
	proc_path(loan->fd, proc);
	bool root = loan->fd == loan->lend->root_fd;
	if (root)
		remove_note(loan->lend, loan->slot);
	(void)chmod(proc, loan->mode); /* best effort */
	if (!root)
		remove_note(loan->lend, loan->slot);
	loan->lent = false;
}

/* A descriptor of the object, walking without following a link. */
static int find(struct store_lend *lend, char *path)
{
	int fd = fcntl(lend->root_fd, F_DUPFD_CLOEXEC, 0);
	char *rest = path;
	for (char *name = strsep(&rest, "/"); name != NULL && fd >= 0;
	     name = strsep(&rest, "/")) {
		if (*name == '\0')
			continue;
		int next = -1;
		errno = EINVAL; /* nobody but a forger writes ".." */
		if (strcmp(name, "..") != 0)
			next = openat(fd, name,
				      O_PATH | O_NOFOLLOW | O_CLOEXEC);
		int r = errno;
		close(fd);
		errno = r;
		fd = next;
	}
	return fd < 0 ? -errno : fd;
}

static void settle(struct store_lend *lend, char *note)
{
	char proc[PROC_BYTES];
	unsigned int mode;
	unsigned long long number;
	int used = 0;
	if (sscanf(note, "%o %llu %n", &mode, &number, &used) < 2 || used == 0)
		return;
	cleanup_fd int fd = find(lend, note + used);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_ino != number ||
	    S_ISLNK(st.st_mode) ||
	    (st.st_mode & 07777) != ((mode & 07777) | 0700))
		return;
	proc_path(fd, proc);
	(void)chmod(proc, mode & 07777); /* best effort */
}

/* The latest first: it may lie in a directory that was lent before it. */
void store_lend_recover(struct store_lend *lend)
{
	char name[NAME_BYTES];
	char note[NOTE_BYTES + 1];
	for (int slot = STORE_LEND_SLOTS - 1; slot >= 0; slot--) {
		note_name(slot, name);
		ssize_t n = fgetxattr(lend->root_fd, name, note, NOTE_BYTES);
		if (n < 0)
			continue;
		note[n] = '\0';
		settle(lend, note);
		(void)fremovexattr(lend->root_fd, name); /* as above */
	}
}
