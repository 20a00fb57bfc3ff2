/* SPDX-License-Identifier: MIT */
/* stat(2), statx(2), statfs(2), and special files: fifos, sockets. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/posix/see.h"
#include "tests/posix/stage.h"
#include "tests/posix/themes.h"
#include "tests/posix/thing.h"

/* Straight to the kernel: an old glibc may do something of its own. */
static int ask(const char *path, int flags, unsigned int mask,
	       struct statx *ret_x)
{
	memset(ret_x, 0, sizeof(*ret_x));
	return (int)syscall(SYS_statx, AT_FDCWD, path, flags, mask, ret_x);
}

static void statx_mask(const struct stage_choice *choice)
{
	static const unsigned int bits[] = {
		STATX_TYPE, STATX_MODE,	 STATX_NLINK, STATX_UID,
		STATX_GID,  STATX_ATIME, STATX_MTIME, STATX_CTIME,
		STATX_INO,  STATX_SIZE,	 STATX_BLOCKS};
	struct statx x;

	thing_make(choice->a, "t");
	see_ok("all", ask("t", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &x));
	see_say("mask=%x", x.stx_mask & STATX_BASIC_STATS);
	for (int i = 0; i < 11; i++) {
		(void)ask("t", AT_SYMLINK_NOFOLLOW, bits[i], &x);
		see_say("has=%d", (x.stx_mask & bits[i]) != 0);
	}
	see_say("attributes=%llx", (unsigned long long)(x.stx_attributes));
	see_ok("follow", ask("t", 0, STATX_BASIC_STATS, &x));
	see_ok("force", ask("t", AT_STATX_FORCE_SYNC, STATX_SIZE, &x));
	see_ok("dont", ask("t", AT_STATX_DONT_SYNC, STATX_SIZE, &x));
	see_ok("both", ask("t", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC,
			   STATX_SIZE, &x));
	see_ok("bad_mask", ask("t", 0, 0x80000000U, &x));
}

static void statx_birth(const struct stage_choice *choice)
{
	struct statx x;

	(void)choice;
	thing_file("f", "x");
	see_ok("statx", ask("f", 0, STATX_BTIME, &x));
	see_say("birth=%d", (x.stx_mask & STATX_BTIME) != 0);
}

static void stat_and_statx_agree(const struct stage_choice *choice)
{
	struct statx x;
	struct stat st, by_fd;

	(void)choice;
	thing_filled("f", 'f', 5000);
	int fd = thing_open("f", O_RDWR);
	see_ok("stat", stat("f", &st));
	see_ok("fstat", fstat(fd, &by_fd));
	see_ok("statx", ask("f", 0, STATX_BASIC_STATS, &x));
	see_say("ino=%d size=%d", st.st_ino == x.stx_ino,
		(uint64_t)st.st_size == x.stx_size);
	see_say("dev=%d",
		st.st_dev == makedev(x.stx_dev_major, x.stx_dev_minor));
	see_say("fstat=%d%d%d", st.st_ino == by_fd.st_ino,
		st.st_dev == by_fd.st_dev, st.st_blocks == by_fd.st_blocks);
	see_say("blksize=%d", st.st_blksize >= 512 && st.st_blksize % 512 == 0);
}

/* Numbers stay with the file, whatever happens to its names. */
static void numbers_stay(const struct stage_choice *choice)
{
	struct stat first, now;

	thing_make(choice->a, "t");
	see_must("stat", lstat("t", &first));
	see_ok("rename", rename("t", "u"));
	see_must("stat", lstat("u", &now));
	see_say("renamed=%d", first.st_ino == now.st_ino);
	see_must("chmod", fchmodat(AT_FDCWD, ".", 0755, 0));
	int dir = thing_open(".", O_RDONLY | O_DIRECTORY);
	see_ok("sync", fsync(dir));
	see_must("stat", lstat("u", &now));
	see_say("synced=%d ctime=%d", first.st_ino == now.st_ino,
		now.st_ctim.tv_sec >= first.st_ctim.tv_sec);
	thing_file("other", "x");
	see_must("stat", lstat("other", &now));
	see_say("distinct=%d", first.st_ino != now.st_ino);
	see_say("device=%d", first.st_dev == now.st_dev);
}

static void directories_have_a_size(const struct stage_choice *choice)
{
	struct stat st;

	(void)choice;
	see_must("prepare", mkdir("d", 0755));
	see_must("stat", stat("d", &st));
	see_say("size=%d", st.st_size > 0);
}

static void statfs_of(const struct stage_choice *choice)
{
	struct statfs fs;
	struct statvfs vfs;

	thing_make(choice->a, "t");
	see_ok("statfs", statfs("t", &fs));
	see_ok("statvfs", statvfs("t", &vfs));
	see_ok("slash", statfs("t/", &fs));
	int fd = open("t", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	see_ok("fstatfs", fstatfs(fd, &fs));
}

static void statfs_numbers(const struct stage_choice *choice)
{
	struct statvfs vfs;

	(void)choice;
	see_ok("statvfs", statvfs(".", &vfs));
	see_say("name_max=%lu", vfs.f_namemax);
	see_say("sane=%d%d%d", vfs.f_blocks > 0, vfs.f_bfree <= vfs.f_blocks,
		vfs.f_bavail <= vfs.f_bfree);
	see_say("files=%d%d", vfs.f_files > 0, vfs.f_ffree <= vfs.f_files);
	see_say("sizes=%lu,%lu", vfs.f_bsize, vfs.f_frsize);
	see_say("readonly=%d", (vfs.f_flag & ST_RDONLY) != 0);
}

static void configuration(const struct stage_choice *choice)
{
	(void)choice;
	see_number("link_max", pathconf(".", _PC_LINK_MAX));
	see_number("name_max", pathconf(".", _PC_NAME_MAX));
	see_number("path_max", pathconf(".", _PC_PATH_MAX));
	see_number("pipe_buf", pathconf(".", _PC_PIPE_BUF));
	see_number("no_trunc", pathconf(".", _PC_NO_TRUNC));
	see_number("chown", pathconf(".", _PC_CHOWN_RESTRICTED));
	see_number("symlink", pathconf(".", _PC_SYMLINK_MAX));
	see_number("size_bits", pathconf(".", _PC_FILESIZEBITS));
}

static void fifo_passes_bytes(const struct stage_choice *choice)
{
	char bytes[8];

	(void)choice;
	see_ok("mkfifo", mkfifo("p", 0644));
	see_ok("write_alone", open("p", O_WRONLY | O_NONBLOCK | O_CLOEXEC));
	int reader = thing_open("p", O_RDONLY | O_NONBLOCK);
	see_number("nobody", read(reader, bytes, sizeof(bytes)));
	int writer = thing_open("p", O_WRONLY | O_NONBLOCK);
	see_number("empty", read(reader, bytes, sizeof(bytes)));
	see_number("write", write(writer, "hello", 5));
	see_bytes("read", bytes, read(reader, bytes, sizeof(bytes)));
	see_number("seek", lseek(reader, 0, SEEK_CUR));
	see_ok("truncate", ftruncate(writer, 0));
	see_ok("fsync", fsync(writer));
	see_ok("unlink", unlink("p"));
	see_number("write", write(writer, "still", 5));
	see_bytes("read", bytes, read(reader, bytes, sizeof(bytes)));
	see_ok("close", close(writer));
	see_number("end", read(reader, bytes, sizeof(bytes)));
}

static void fifo_by_two_names(const struct stage_choice *choice)
{
	char bytes[8];

	(void)choice;
	see_ok("mkfifo", mkfifo("p", 0644));
	see_ok("link", link("p", "q"));
	int reader = thing_open("p", O_RDONLY | O_NONBLOCK);
	int writer = thing_open("q", O_WRONLY | O_NONBLOCK);
	see_number("write", write(writer, "x", 1));
	see_bytes("read", bytes, read(reader, bytes, sizeof(bytes)));
	see_ok("rename", rename("p", "r"));
	int again = thing_open("r", O_WRONLY | O_NONBLOCK);
	see_number("write", write(again, "y", 1));
	see_bytes("read", bytes, read(reader, bytes, sizeof(bytes)));
}

static void sockets_meet(const struct stage_choice *choice)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "s"};
	int kind = choice->a ? SOCK_DGRAM : SOCK_STREAM;
	int server = socket(AF_UNIX, kind | SOCK_CLOEXEC, 0);
	int client = socket(AF_UNIX, kind | SOCK_CLOEXEC, 0);
	int late = socket(AF_UNIX, kind | SOCK_CLOEXEC, 0);
	const struct sockaddr *at = (const struct sockaddr *)&address;

	see_ok("nobody", connect(client, at, sizeof(address)));
	see_ok("bind", bind(server, at, sizeof(address)));
	see_ok("twice", bind(late, at, sizeof(address)));
	see_file("s", "s");
	see_ok("listen", listen(server, 1));
	see_ok("connect", connect(client, at, sizeof(address)));
	see_ok("open", open("s", O_RDWR | O_CLOEXEC));
	see_ok("rename", rename("s", "t"));
	see_ok("old", connect(late, at, sizeof(address)));
	address.sun_path[0] = 't';
	see_ok("new", connect(late, at, sizeof(address)));
	see_ok("unlink", unlink("t"));
	see_ok("close", close(server));
}

static void socket_permissions(const struct stage_choice *choice)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "s"};
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static const mode_t modes[] = {0777, 0755, 0700, 0722};

	see_ok("bind",
	       bind(server, (struct sockaddr *)&address, sizeof(address)));
	see_ok("listen", listen(server, 1));
	see_ok("chmod", chmod("s", modes[choice->a]));
	stage_act_as(STAGE_ANN);
	see_ok("connect",
	       connect(client, (struct sockaddr *)&address, sizeof(address)));
}

static void syncs(const struct stage_choice *choice)
{
	thing_make(choice->a, "t");
	int fd = open("t", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	see_ok("fsync", fsync(fd));
	see_ok("fdatasync", fdatasync(fd));
	see_ok("syncfs", syncfs(fd));
	see_ok("range", sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	int path = open("t", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	see_ok("path", fsync(path));
}

static const struct stage_case cases[] = {
	{"birth", statx_birth},
	{"agree", stat_and_statx_agree},
	{"directories_have_a_size", directories_have_a_size},
	{"numbers", statfs_numbers},
	{"configuration", configuration},
	{"fifo_passes_bytes", fifo_passes_bytes},
	{"fifo_by_two_names", fifo_by_two_names},
};

void stating_theme(void)
{
	for (int a = 0; a < THING_COUNT; a++) {
		stage_run(statx_mask, (struct stage_choice){.a = a}, "statx.%s",
			  thing_name(a));
		stage_run(statfs_of, (struct stage_choice){.a = a}, "statfs.%s",
			  thing_name(a));
		stage_run(syncs, (struct stage_choice){.a = a}, "sync.%s",
			  thing_name(a));
		if (a != THING_MISSING)
			stage_run(numbers_stay, (struct stage_choice){.a = a},
				  "stat.numbers_stay.%s", thing_name(a));
	}
	STAGE_RUN_ALL("stat", cases);
	for (int a = 0; a < 2; a++)
		stage_run(sockets_meet, (struct stage_choice){.a = a},
			  "socket.%s", a ? "datagram" : "stream");
	for (int a = 0; a < 4 && stage_is_root(); a++)
		stage_run(socket_permissions, (struct stage_choice){.a = a},
			  "socket.mode%d", a);
}
