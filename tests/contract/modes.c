/* SPDX-License-Identifier: MIT */
/*
 * What the modes that read and corrupt do to the bytes of a file. On a disk of
 * their own: whatever is written meanwhile may be wrong from then on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/flakey.h"
#include "tests/contract/contract.h"
#include "tests/contract/points.h"

#define PAGE 4096
/* A byte of the kernel's random modes may become what it was. */
#define TRIES 20

struct subject {
	const struct contract *contract;
	struct flakey *disk;
	int fd; /* keeps the inode in memory: only data is read */
	char page[PAGE];
};

/* Whether a mode is in force; else it said why not, and nothing happened. */
static bool is_set(const struct subject *subject, int r, const char *mode)
{
	struct flakey *disk = subject->disk;

	if (r == 0)
		return ok(contract_becomes(disk, mode), mode);
	if (!ok(subject->contract->dm && r == -EOPNOTSUPP, mode))
		printf("# %d: %s\n", r, flakey_error(disk));
	says(flakey_error(disk), "not supported by this kernel: ",
	     "differs: dm needs a kernel that has it");
	ok(contract_becomes(disk, "allow-writes"), "and nothing has happened");
	return false;
}

/* What the disk has, into the page: 0 or the negative errno. */
static int read_again(struct subject *subject)
{
	ssize_t size;

	if (flakey_evict(subject->disk) < 0)
		printf("# evict: %s\n", flakey_error(subject->disk));
	size = pread(subject->fd, subject->page, PAGE, 0);
	if (size < 0)
		return -errno;
	return size == PAGE ? 0 : -ENODATA;
}

static int write_anew(struct subject *subject, char letter)
{
	memset(subject->page, letter, PAGE);
	if (pwrite(subject->fd, subject->page, PAGE, 0) != PAGE ||
	    fdatasync(subject->fd) < 0)
		return -errno;
	return 0;
}

static bool is_all(const struct subject *subject, char letter)
{
	const char *page = subject->page;

	return page[0] == letter && memcmp(page, page + 1, PAGE - 1) == 0;
}

/* A read gives the page with that byte at that place, or says that it is wrong. */
static void one_byte_differs(struct subject *subject, size_t at, char letter,
			     char wrong)
{
	int r = read_again(subject);

	if (contract_has_checksums(subject->contract)) {
		is(r, -EIO, "differs: btrfs sees that a byte is wrong");
		return;
	}
	is(r, 0, "the page is read");
	ok(subject->page[at] == wrong, "that byte is another");
	subject->page[at] = letter;
	ok(is_all(subject, letter), "and the others are right");
}

/* Until it does: 0, or how often it was tried in vain. */
static bool comes_wrong(struct subject *subject, char letter, bool anew)
{
	for (int i = 0; i < TRIES; i++) {
		int r = anew ? write_anew(subject, letter) : 0;

		if (r == 0)
			r = read_again(subject);
		if (r < 0)
			return contract_has_checksums(subject->contract);
		if (!is_all(subject, letter))
			return true;
	}
	return false;
}

static void is_right(struct subject *subject, char letter, const char *name)
{
	is(flakey_allow_writes(subject->disk), 0, "the disk is good again");
	ok(read_again(subject) == 0 && is_all(subject, letter), name);
}

static void reads_fail(struct subject *subject)
{
	if (!is_set(subject, flakey_error_reads(subject->disk, NULL),
		    "error-reads"))
		return;
	is(read_again(subject), -EIO, "what must be read fails");
	is_right(subject, 'a', "nothing has happened to what is stored");
}

static void reads_are_wrong(struct subject *subject)
{
	if (is_set(subject,
		   flakey_corrupt_bio_byte(subject->disk, 1, FLAKEY_READS, 'X',
					   0, NULL),
		   "corrupt-bio-byte")) {
		one_byte_differs(subject, 0, 'a', 'X');
		is_right(subject, 'a', "only the reading was wrong");
	}
	if (is_set(subject,
		   flakey_random_read_corrupt(subject->disk,
					      FLAKEY_PROBABILITY_ALWAYS, NULL),
		   "random-read-corrupt")) {
		ok(comes_wrong(subject, 'a', false), "some byte is another");
		is_right(subject, 'a', "only the reading was wrong");
	}
}

static void writes_are_wrong(struct subject *subject)
{
	if (is_set(subject,
		   flakey_corrupt_bio_byte(subject->disk, 2, FLAKEY_WRITES, 'Y',
					   0, NULL),
		   "corrupt-bio-byte")) {
		is(write_anew(subject, 'b'), 0, "a write succeeds");
		is(flakey_allow_writes(subject->disk), 0, "and after it");
		one_byte_differs(subject, 1, 'b', 'Y');
	}
	if (is_set(subject,
		   flakey_random_write_corrupt(subject->disk,
					       FLAKEY_PROBABILITY_ALWAYS, NULL),
		   "random-write-corrupt"))
		ok(comes_wrong(subject, 'c', true), "some byte is another");
	is(flakey_allow_writes(subject->disk), 0, "the disk is good again");
	is(write_anew(subject, 'd'), 0, "a write succeeds");
	ok(read_again(subject) == 0 && is_all(subject, 'd'), "and is right");
}

void modes_act(const struct contract *about)
{
	struct subject subject = {.contract = about};

	subject.disk = contract_start(about, "rot", "mnt2");
	subject.fd = open("mnt2/page", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	is(write_anew(&subject, 'a'), 0, "a page is there");
	is(flakey_sync(subject.disk), 0, "and durable");
	reads_fail(&subject);
	reads_are_wrong(&subject);
	writes_are_wrong(&subject);
	(void)close(subject.fd); /* nothing is unsynced */
	is(flakey_stop(subject.disk), 0, "it stops");
	flakey_free(subject.disk);
}
