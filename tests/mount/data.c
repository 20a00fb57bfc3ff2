/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/mount/groups.h"

#define BLOCK 4096

static int open_new(const char *path, int flags)
{
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC | flags, 0644);
}

static bool fill(int fd, char byte, off_t offset, size_t length)
{
	char buffer[BLOCK];

	memset(buffer, byte, sizeof(buffer));
	while (length) {
		size_t part = length < BLOCK ? length : BLOCK;

		if (pwrite(fd, buffer, part, offset) != (ssize_t)part)
			return false;
		offset += (off_t)part;
		length -= part;
	}
	return true;
}

static bool all(int fd, char byte, off_t offset, size_t length)
{
	char buffer[BLOCK];

	while (length) {
		size_t part = length < BLOCK ? length : BLOCK;

		if (pread(fd, buffer, part, offset) != (ssize_t)part)
			return false;
		for (size_t i = 0; i < part; i++)
			if (buffer[i] != byte)
				return false;
		offset += (off_t)part;
		length -= part;
	}
	return true;
}

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_size : -1;
}

static enum case_result writes_overlap_as_written(void)
{
	int fd = open_new("f", 0);

	CHECK(fd >= 0 && fill(fd, 'a', 0, 10000) && fill(fd, 'b', 3000, 4000));
	CHECK(fill(fd, 'c', 6999, 2) && all(fd, 'a', 0, 3000));
	CHECK(all(fd, 'b', 3000, 3999) && all(fd, 'c', 6999, 2));
	CHECK(all(fd, 'a', 7001, 2999) && size_of(fd) == 10000);
	CHECK(fsync(fd) == 0 && fill(fd, 'd', 0, 1) && all(fd, 'a', 1, 2999));
	CHECK(close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result append_goes_to_the_end(void)
{
	int a = open_new("f", O_APPEND), b = open_new("f", O_APPEND);

	CHECK(a >= 0 && b >= 0);
	CHECK(write(a, "1", 1) == 1 && write(b, "2", 1) == 1);
	CHECK(write(a, "3", 1) == 1 && lseek(b, 0, SEEK_SET) == 0);
	CHECK(write(b, "4", 1) == 1);
	CHECK(close(a) == 0 && close(b) == 0 && cases_file_is("f", "1234"));
	return CASE_PASSED;
}

static enum case_result vectors_and_large_writes_work(void)
{
	size_t size = (size_t)3 << 20;
	char *big = malloc(size), *back = malloc(size);
	char text[] = "abcde";
	struct iovec parts[] = {{text, 2}, {text, 0}, {text + 2, 3}};
	int fd = open_new("f", 0);

	CHECK(big && back && fd >= 0);
	CHECK(writev(fd, parts, 3) == 5);
	for (size_t i = 0; i < size; i++)
		big[i] = (char)(i * 31 >> 3);
	CHECK(pwrite(fd, big, size, 5) == (ssize_t)size);
	CHECK(pread(fd, back, size, 5) == (ssize_t)size);
	CHECK(memcmp(big, back, size) == 0 && size_of(fd) == (off_t)size + 5);
	CHECK(pread(fd, back, 10, (off_t)size + 5) == 0);
	CHECK(close(fd) == 0);
	free(big);
	free(back);
	return CASE_PASSED;
}

static enum case_result truncate_cuts_and_zero_fills(void)
{
	int fd = open_new("f", 0);

	CHECK(fd >= 0 && fill(fd, 'a', 0, 10000));
	CHECK(ftruncate(fd, 100) == 0 && size_of(fd) == 100);
	CHECK(truncate("f", 9000) == 0 && size_of(fd) == 9000);
	CHECK(all(fd, 'a', 0, 100) && all(fd, 0, 100, 8900));
	CHECK(fsync(fd) == 0 && all(fd, 0, 100, 8900));
	CHECK_ERRNO(EINVAL, ftruncate(fd, -1));
	CHECK(close(fd) == 0);
	CHECK_ERRNO(EISDIR, truncate(".", 0));
	fd = open("f", O_WRONLY | O_TRUNC | O_CLOEXEC);
	CHECK(fd >= 0 && size_of(fd) == 0 && close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result sparse_files_stay_sparse(void)
{
	struct stat st;
	int fd = open_new("f", 0);

	CHECK(fd >= 0 && ftruncate(fd, INT64_C(1) << 40) == 0);
	CHECK(fill(fd, 'x', INT64_C(1) << 39, 10) && fsync(fd) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == INT64_C(1) << 40);
	CHECK(st.st_blocks < 1000);
	CHECK(all(fd, 0, 12345, 5000) && all(fd, 'x', INT64_C(1) << 39, 10));
	CHECK(ftruncate(fd, 0) == 0 && close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result seek_finds_holes_and_data(void)
{
	off_t far = 64 * BLOCK;
	int fd = open_new("f", 0);

	CHECK(fd >= 0 && fill(fd, 'x', far, BLOCK));
	CHECK(ftruncate(fd, 3 * far) == 0);
	for (int synced = 0; synced < 2; synced++) {
		off_t data = lseek(fd, 0, SEEK_DATA);

		CHECK(data > 0 && data <= far);
		CHECK(lseek(fd, 0, SEEK_HOLE) == 0);
		CHECK(lseek(fd, far, SEEK_DATA) == far);
		CHECK(lseek(fd, far, SEEK_HOLE) >= far + BLOCK);
		CHECK(lseek(fd, far, SEEK_HOLE) < 2 * far);
		CHECK_ERRNO(ENXIO, lseek(fd, 2 * far, SEEK_DATA));
		CHECK_ERRNO(ENXIO, lseek(fd, 3 * far, SEEK_HOLE));
		CHECK(fsync(fd) == 0);
	}
	CHECK(close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result fallocate_reserves(void)
{
	int fd = open_new("f", 0);

	CHECK(fd >= 0 && fallocate(fd, 0, 0, 3 * BLOCK) == 0);
	CHECK(size_of(fd) == 3 * BLOCK && all(fd, 0, 0, 3 * BLOCK));
	CHECK(fill(fd, 'x', 0, BLOCK));
	CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 9 * BLOCK) == 0);
	CHECK(size_of(fd) == 3 * BLOCK && all(fd, 'x', 0, BLOCK));
	CHECK(posix_fallocate(fd, 0, 4 * BLOCK) == 0);
	CHECK(size_of(fd) == 4 * BLOCK && all(fd, 'x', 0, BLOCK));
	CHECK_ERRNO(EINVAL, fallocate(fd, 0, 0, 0));
	CHECK_ERRNO(EOPNOTSUPP, fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1));
	CHECK(close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result fallocate_punches_and_zeroes(void)
{
	int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	int fd = open_new("f", 0);

	CHECK(fd >= 0 && fill(fd, 'x', 0, 8 * BLOCK));
	if (fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 1) < 0 &&
	    errno == EOPNOTSUPP)
		return cases_skip("no zero range here");
	for (int synced = 0; synced < 2; synced++) {
		CHECK(fallocate(fd, punch, 100, BLOCK) == 0);
		CHECK(all(fd, 'x', 1, 99) && all(fd, 0, 100, BLOCK));
		CHECK(all(fd, 'x', 100 + BLOCK, BLOCK));
		CHECK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 4 * BLOCK, BLOCK) ==
		      0);
		CHECK(all(fd, 0, 4 * BLOCK, BLOCK));
		CHECK(all(fd, 'x', 5 * BLOCK, BLOCK));
		CHECK(size_of(fd) == 8 * BLOCK && fsync(fd) == 0);
	}
	CHECK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 7 * BLOCK, 2 * BLOCK) == 0);
	CHECK(size_of(fd) == 9 * BLOCK && close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result fallocate_collapses_and_inserts(void)
{
	int fd = open_new("f", 0);

	CHECK(fd >= 0 && fill(fd, 'a', 0, BLOCK) &&
	      fill(fd, 'b', BLOCK, BLOCK));
	CHECK(fill(fd, 'c', 2 * BLOCK, BLOCK));
	CHECK(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, BLOCK, BLOCK) == 0);
	CHECK(size_of(fd) == 2 * BLOCK && all(fd, 'a', 0, BLOCK));
	CHECK(all(fd, 'c', BLOCK, BLOCK));
	CHECK(fallocate(fd, FALLOC_FL_INSERT_RANGE, BLOCK, BLOCK) == 0);
	CHECK(size_of(fd) == 3 * BLOCK && all(fd, 0, BLOCK, BLOCK));
	CHECK(all(fd, 'c', 2 * BLOCK, BLOCK));
	CHECK_ERRNO(EINVAL, fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 1, BLOCK));
	CHECK_ERRNO(EINVAL,
		    fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 2 * BLOCK, BLOCK));
	CHECK_ERRNO(EINVAL,
		    fallocate(fd, FALLOC_FL_INSERT_RANGE, 3 * BLOCK, BLOCK));
	CHECK(fsync(fd) == 0 && all(fd, 'c', 2 * BLOCK, BLOCK));
	CHECK(close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result fallocate_collapses_where_it_can(void)
{
	int fd = open_new("f", 0);
	int r;

	CHECK(fd >= 0 && fill(fd, 'a', 0, 2 * BLOCK));
	r = fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, BLOCK);
	CHECK(close(fd) == 0);
	if (r < 0 && errno == EOPNOTSUPP)
		return cases_skip("no collapse range here");
	return fallocate_collapses_and_inserts();
}

static enum case_result shared_mappings_are_the_file(void)
{
	int fd = open_new("f", 0);
	char *map, *other, byte;

	CHECK(fd >= 0 && fill(fd, 'a', 0, 3 * BLOCK));
	map = mmap(NULL, 3 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	other = mmap(NULL, 3 * BLOCK, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED && other != MAP_FAILED);
	map[BLOCK] = 'm';
	CHECK(other[BLOCK] == 'm');
	CHECK(pread(fd, &byte, 1, BLOCK) == 1 && byte == 'm');
	CHECK(pwrite(fd, "w", 1, 5) == 1 && map[5] == 'w');
	CHECK(msync(map, 3 * BLOCK, MS_SYNC) == 0);
	CHECK(close(fd) == 0);
	map[2 * BLOCK] = 'z';
	CHECK(munmap(map, 3 * BLOCK) == 0 && munmap(other, 3 * BLOCK) == 0);
	fd = open("f", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && pread(fd, &byte, 1, 2 * BLOCK) == 1 && byte == 'z');
	CHECK(all(fd, 'a', 2 * BLOCK + 1, BLOCK - 1) && close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result private_mappings_stay_private(void)
{
	int fd = open_new("f", 0);
	char *map;

	CHECK(fd >= 0 && fill(fd, 'a', 0, BLOCK));
	map = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED && map[7] == 'a');
	map[7] = 'p';
	CHECK(all(fd, 'a', 0, BLOCK));
	CHECK(munmap(map, BLOCK) == 0 && close(fd) == 0);
	return CASE_PASSED;
}

static enum case_result mapping_outlives_the_name(void)
{
	int fd = open_new("f", 0);
	char *map;

	CHECK(fd >= 0 && ftruncate(fd, 2 * BLOCK) == 0);
	map = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED && unlink("f") == 0 && close(fd) == 0);
	memset(map, 'x', 2 * BLOCK);
	CHECK(map[2 * BLOCK - 1] == 'x' && munmap(map, 2 * BLOCK) == 0);
	return CASE_PASSED;
}

static enum case_result direct_io_works(void)
{
	char *block = aligned_alloc(BLOCK, BLOCK);
	int fd = open_new("f", O_DIRECT);

	if (fd < 0 && errno == EINVAL)
		return cases_skip("no O_DIRECT here");
	CHECK(fd >= 0 && block);
	memset(block, 'd', BLOCK);
	CHECK(pwrite(fd, block, BLOCK, 0) == BLOCK);
	memset(block, 'e', BLOCK);
	CHECK(pwrite(fd, block, BLOCK, BLOCK) == BLOCK);
	CHECK(pread(fd, block, BLOCK, 0) == BLOCK && block[100] == 'd');
	CHECK(close(fd) == 0);
	fd = open("f", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && all(fd, 'e', BLOCK, BLOCK) && close(fd) == 0);
	free(block);
	return CASE_PASSED;
}

static enum case_result files_copy_within_the_mount(void)
{
	loff_t from = 0, to = 0;
	int a = open_new("a", 0), b = open_new("b", 0), c = open_new("c", 0);

	CHECK(a >= 0 && b >= 0 && c >= 0 && fill(a, 'a', 0, 5 * BLOCK));
	CHECK(copy_file_range(a, &from, b, &to, 5 * BLOCK, 0) == 5 * BLOCK);
	CHECK(all(b, 'a', 0, 5 * BLOCK) && size_of(b) == 5 * BLOCK);
	CHECK(lseek(a, 0, SEEK_SET) == 0);
	CHECK(sendfile(c, a, NULL, 5 * BLOCK) == 5 * BLOCK);
	CHECK(all(c, 'a', 0, 5 * BLOCK));
	CHECK(close(a) == 0 && close(b) == 0 && close(c) == 0);
	return CASE_PASSED;
}

static enum case_result children_share_the_offset(void)
{
	int fd = open_new("f", 0);
	pid_t child;
	int status;

	CHECK(fd >= 0 && write(fd, "ab", 2) == 2);
	child = fork();
	CHECK(child >= 0);
	if (child == 0)
		_exit(write(fd, "cd", 2) != 2);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(write(fd, "ef", 2) == 2 && close(fd) == 0);
	CHECK(cases_file_is("f", "abcdef"));
	return CASE_PASSED;
}

static const struct case_entry entries[] = {
	{"writes_overlap_as_written", writes_overlap_as_written},
	{"append_goes_to_the_end", append_goes_to_the_end},
	{"vectors_and_large_writes_work", vectors_and_large_writes_work},
	{"truncate_cuts_and_zero_fills", truncate_cuts_and_zero_fills},
	{"sparse_files_stay_sparse", sparse_files_stay_sparse},
	{"seek_finds_holes_and_data", seek_finds_holes_and_data},
	{"fallocate_reserves", fallocate_reserves},
	{"fallocate_punches_and_zeroes", fallocate_punches_and_zeroes},
	{"fallocate_collapses_and_inserts", fallocate_collapses_where_it_can},
	{"shared_mappings_are_the_file", shared_mappings_are_the_file},
	{"private_mappings_stay_private", private_mappings_stay_private},
	{"mapping_outlives_the_name", mapping_outlives_the_name},
	{"direct_io_works", direct_io_works},
	{"files_copy_within_the_mount", files_copy_within_the_mount},
	{"children_share_the_offset", children_share_the_offset},
};

const struct case_group data_group = CASE_GROUP("data", entries);
