/* SPDX-License-Identifier: MIT */
/*
 * The op language of the crash tables: "op;op;...", each op a word and up to
 * four arguments between blanks. An op opens, acts and closes by itself; new
 * files are 0644 and new directories 0755. A failing op writes
 * " [op: reason]" and the run goes on. When an op's open fails, the act is
 * still tried on the descriptor -1, so its reason is that of the act ("Bad file
 * descriptor"): the tables were measured so. A store by mmap behind the file's last
 * page is EFAULT instead of a signal.
 *
 *	c F                create, O_EXCL     w F OFF LEN CHAR   write
 *	a F LEN CHAR       append             tw F LEN CHAR      O_TRUNC, write
 *	sw F OFF LEN CHAR  write, O_SYNC      ds F OFF LEN CHAR  write, O_DSYNC
 *	dw F OFF LEN CHAR  write, O_DIRECT    mm F OFF LEN CHAR  store by mmap
 *	ms F OFF LEN CHAR  mm, MS_SYNC        ma F OFF LEN CHAR  mm, MS_ASYNC
 *	f P  fd P          fsync, fdatasync   y P                syncfs
 *	sfr F              sync_file_range    t F SIZE           truncate
 *	r A B              rename             rx A B  rn A B     EXCHANGE, NOREPLACE
 *	l A B              link               s TARGET NAME      symlink
 *	u F  m D  rd D     unlink, mkdir, rmdir
 *	fa F OFF LEN MODE  fallocate          ch P OCTAL         chmod
 *	x P VALUE          setxattr user.k    xr P               removexattr
 *
 * Ops on descriptors that stay open, numbered from 0 as they were opened:
 *
 *	o F  od F          open O_RDWR; with O_DSYNC
 *	ot F               open O_RDWR|O_CREAT|O_TRUNC
 *	ou D               open O_TMPFILE in D
 *	du N               dup, which takes the next number
 *	wo N OFF LEN CHAR  write              to N SIZE          ftruncate
 *	fo N  fdo N        fsync, fdatasync   lo N NAME          linkat
 *	co N               close
 */
#ifndef FLAKEY_TESTS_LITMUS_OPLANG_H
#define FLAKEY_TESTS_LITMUS_OPLANG_H

#include <stddef.h>
#include <stdio.h>

#define OPLANG_KEPT_MAX 64
#define OPLANG_LINE_MAX 4096

enum oplang_sync {
	OPLANG_SYNC_REAL,    /* fsync and syncfs are what they are */
	OPLANG_SYNC_NONE,    /* only checked for a good descriptor */
	OPLANG_SYNC_CONTROL, /* y asks the mount's .flakey/control */
};

struct oplang {
	int root; /* where paths begin; borrowed */
	enum oplang_sync sync;
	size_t kept_count;
	int kept[OPLANG_KEPT_MAX]; /* -1 when closed */
};

void oplang_init(struct oplang *lang, int root, enum oplang_sync sync);
/* Closes what the ops kept open. */
void oplang_done(struct oplang *lang);

/* Runs ops and writes their failures to out. Changes the working directory to
 * lang->root. Returns 0, or -EINVAL for an op that the language has not: then
 * the rest is not run. */
int oplang_run(struct oplang *lang, const char *ops, FILE *out);

#endif
