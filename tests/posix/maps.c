/* SPDX-License-Identifier: MIT */
/* mmap(2), shared and private, beside all other ways to the same bytes. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

#define PAGE 4096

static sigjmp_buf back;

static void jump_back(int signal)
{
	siglongjmp(back, signal);
}

/* One byte, or the signal that looking for it raised. */
static void see_byte(const char *key, const volatile char *at)
{
	volatile char byte = 0;

	(void)signal(SIGBUS, jump_back);
	(void)signal(SIGSEGV, jump_back);
	int signal = sigsetjmp(back, 1);
	if (signal == 0) {
		byte = *at;
		see_say("%s=%02x", key, (unsigned char)byte);
	} else {
		see_say("%s=SIG%s", key, sigabbrev_np(signal));
	}
}

static void see_store(const char *key, volatile char *at, char value)
{
	(void)signal(SIGBUS, jump_back);
	(void)signal(SIGSEGV, jump_back);
	int signal = sigsetjmp(back, 1);
	if (signal == 0) {
		*at = value;
		see_say("%s=ok", key);
	} else {
		see_say("%s=SIG%s", key, sigabbrev_np(signal));
	}
}

static char *map_file(int fd, size_t length, int protection, int flags)
{
	char *map = mmap(NULL, length, protection, flags, fd, 0);

	if (map == MAP_FAILED) {
		see_ok("mmap", -1);
		_exit(9);
	}
	return map;
}

/* Which open goes with which mapping. */
static void may_map(const struct stage_choice *choice)
{
	static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR,
				    O_RDWR | O_APPEND, O_PATH};
	static const int kinds[] = {MAP_SHARED, MAP_PRIVATE,
				    MAP_SHARED_VALIDATE};

	thing_filled("f", 'f', 2 * PAGE);
	int fd = thing_open("f", flags[choice->a]);
	for (int protection = 0; protection < 8; protection++) {
		void *map =
			mmap(NULL, PAGE, protection, kinds[choice->b], fd, 0);
		see_ok("map", map == MAP_FAILED ? -1 : 0);
	}
	see_ok("odd", mmap(NULL, PAGE, PROT_READ, kinds[choice->b], fd, 100) ==
				      MAP_FAILED
			      ? -1
			      : 0);
	see_ok("none",
	       mmap(NULL, 0, PROT_READ, kinds[choice->b], fd, 0) == MAP_FAILED
		       ? -1
		       : 0);
}

static void writes_show_in_maps(const struct stage_choice *choice)
{
	thing_filled("f", 'f', 2 * PAGE);
	int fd = thing_open("f", O_RDWR);
	char *map = map_file(fd, 2 * PAGE, PROT_READ,
			     choice->a ? MAP_PRIVATE : MAP_SHARED);
	see_byte("before", map);
	see_number("write", pwrite(fd, "w", 1, 0));
	see_byte("written", map);
	see_ok("punch",
	       fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 PAGE));
	see_byte("punched", map);
	see_byte("second", map + PAGE);
}

static void maps_show_in_reads(const struct stage_choice *choice)
{
	char bytes[4];

	thing_filled("f", 'f', 2 * PAGE);
	int fd = thing_open("f", O_RDWR), other = thing_open("f", O_RDONLY);
	char *map = map_file(fd, 2 * PAGE, PROT_READ | PROT_WRITE,
			     choice->a ? MAP_PRIVATE : MAP_SHARED);
	map[1] = 'm';
	map[PAGE] = 'n';
	see_bytes("same", bytes, pread(fd, bytes, 4, 0));
	see_bytes("other", bytes, pread(other, bytes, 4, 0));
	see_ok("msync", msync(map, 2 * PAGE, MS_SYNC));
	see_bytes("synced", bytes, pread(other, bytes, 4, 0));
	see_ok("unmap", munmap(map, 2 * PAGE));
	see_ok("close", close(fd));
	see_content("f", "f");
}

/* The rest of the last page is zero, and stays out of the file. */
static void bytes_behind_the_end(const struct stage_choice *choice)
{
	thing_filled("f", 'f', 100);
	int fd = thing_open("f", O_RDWR);
	char *map = map_file(fd, 2 * PAGE, PROT_READ | PROT_WRITE,
			     choice->a ? MAP_PRIVATE : MAP_SHARED);
	see_byte("last", map + 99);
	see_byte("behind", map + 100);
	see_store("store", map + 200, 's');
	see_byte("next_page", map + PAGE);
	see_store("next_page", map + PAGE, 'n');
	see_ok("msync", msync(map, PAGE, MS_SYNC));
	see_file("f", "f");
	see_ok("munmap", munmap(map, 2 * PAGE));
	see_ok("grow", ftruncate(fd, 300));
	see_content("f", "f");
}

static void truncate_under(const struct stage_choice *choice)
{
	thing_filled("f", 'f', 3 * PAGE);
	int fd = thing_open("f", O_RDWR);
	char *map = map_file(fd, 3 * PAGE, PROT_READ | PROT_WRITE,
			     choice->a ? MAP_PRIVATE : MAP_SHARED);
	map[0] = 'a';
	map[PAGE] = 'b';
	map[2 * PAGE] = 'c';
	see_ok("truncate",
	       choice->b ? truncate("f", PAGE + 10) : ftruncate(fd, PAGE + 10));
	see_byte("first", map);
	see_byte("second", map + PAGE);
	see_byte("cut", map + PAGE + 10);
	see_byte("third", map + 2 * PAGE);
	see_ok("grow", ftruncate(fd, 3 * PAGE));
	see_byte("grown", map + 2 * PAGE);
	see_byte("cut", map + PAGE + 10);
	see_content("f", "f");
}

static void maps_outlive(const struct stage_choice *choice)
{
	thing_filled("f", 'f', PAGE);
	int fd = thing_open("f", O_RDWR);
	char *map = map_file(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	see_ok("link", link("f", "g"));
	see_ok("close", close(fd));
	if (choice->a) {
		see_ok("unlink", unlink("f"));
		see_ok("unlink", unlink("g"));
	}
	see_store("store", map + 5, 'z');
	see_byte("load", map + 5);
	see_ok("msync", msync(map, PAGE, MS_SYNC));
	see_ok("munmap", munmap(map, PAGE));
	see_content("g", "g");
}

static void hole_is_filled(const struct stage_choice *choice)
{
	(void)choice;
	int fd = thing_open("f", O_RDWR | O_CREAT);
	see_ok("grow", ftruncate(fd, 4 * PAGE));
	char *map = map_file(fd, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	see_byte("hole", map + PAGE);
	map[2 * PAGE + 7] = 'h';
	see_ok("msync", msync(map, 4 * PAGE, MS_SYNC));
	see_content("f", "f");
	see_map("map", fd);
}

static void two_maps_agree(const struct stage_choice *choice)
{
	(void)choice;
	thing_filled("f", 'f', PAGE);
	int one = thing_open("f", O_RDWR), other = thing_open("f", O_RDWR);
	char *a = map_file(one, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *b = map_file(other, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *c = map_file(other, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	a[0] = '1';
	see_byte("b", b);
	see_byte("c", c);
	c[1] = '2';
	see_byte("a", a + 1);
	b[1] = '3';
	see_byte("a", a + 1);
	see_byte("c", c + 1);
	see_ok("msync", msync(a, PAGE, MS_SYNC));
	see_content("f", "f");
}

static void shared_with_a_child(const struct stage_choice *choice)
{
	(void)choice;
	thing_filled("f", 'f', PAGE);
	int fd = thing_open("f", O_RDWR);
	char *map = map_file(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	pid_t child = fork();
	if (child == 0) {
		map[0] = 'k';
		_exit(0);
	}
	while (*(volatile char *)map != 'k')
		continue;
	see_byte("byte", map);
	see_content("f", "f");
}

static void map_empty_and_dir(const struct stage_choice *choice)
{
	(void)choice;
	int fd = thing_open("f", O_RDWR | O_CREAT);
	char *map = map_file(fd, PAGE, PROT_READ, MAP_SHARED);
	see_byte("empty", map);
	see_number("write", write(fd, "x", 1));
	see_byte("written", map);
	int dir = thing_open(".", O_RDONLY | O_DIRECTORY);
	see_ok("dir",
	       mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dir, 0) == MAP_FAILED
		       ? -1
		       : 0);
}

static void replaced_under(const struct stage_choice *choice)
{
	(void)choice;
	thing_filled("f", 'f', PAGE);
	thing_filled("g", 'g', PAGE);
	int fd = thing_open("f", O_RDWR);
	char *map = map_file(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	see_ok("rename", rename("g", "f"));
	see_byte("old", map);
	map[0] = 'o';
	see_ok("msync", msync(map, PAGE, MS_SYNC));
	see_content("f", "f");
	see_fd("fd", fd);
}

static void advice_and_locks(const struct stage_choice *choice)
{
	unsigned char resident = 0;

	(void)choice;
	thing_filled("f", 'f', PAGE);
	int fd = thing_open("f", O_RDWR);
	char *map = map_file(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	map[0] = 'x';
	see_ok("dontneed", madvise(map, PAGE, MADV_DONTNEED));
	see_byte("kept", map);
	see_ok("mlock", mlock(map, PAGE));
	see_ok("mincore", mincore(map, PAGE, &resident));
	see_say("resident=%d", resident & 1);
	see_ok("async", msync(map, PAGE, MS_ASYNC));
	see_ok("invalidate", msync(map, PAGE, MS_SYNC | MS_INVALIDATE));
	see_ok("remap",
	       mremap(map, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1
									 : 0);
	see_ok("fadvise", posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	see_content("f", "f");
}

static const struct stage_case cases[] = {
	{"hole_is_filled", hole_is_filled},
	{"two_maps_agree", two_maps_agree},
	{"shared_with_a_child", shared_with_a_child},
	{"map_empty_and_dir", map_empty_and_dir},
	{"replaced_under", replaced_under},
	{"advice_and_locks", advice_and_locks},
};

void maps_theme(void)
{
	static const struct {
		const char *name;
		stage_body body;
	} both[] = {
		{"writes_show_in_maps", writes_show_in_maps},
		{"maps_show_in_reads", maps_show_in_reads},
		{"bytes_behind_the_end", bytes_behind_the_end},
		{"maps_outlive", maps_outlive},
	};

	for (int a = 0; a < 5; a++)
		for (int b = 0; b < 3; b++)
			stage_run(may_map,
				  (struct stage_choice){.a = a, .b = b},
				  "mmap.open%d.kind%d", a, b);
	for (int i = 0; i < 4; i++)
		for (int a = 0; a < 2; a++)
			stage_run(both[i].body, (struct stage_choice){.a = a},
				  "mmap.%s.%d", both[i].name, a);
	for (int a = 0; a < 2; a++)
		for (int b = 0; b < 2; b++)
			stage_run(truncate_under,
				  (struct stage_choice){.a = a, .b = b},
				  "mmap.truncate_under.%s.%s",
				  a ? "private" : "shared",
				  b ? "path" : "descriptor");
	STAGE_RUN_ALL("mmap", cases);
}
