/* SPDX-License-Identifier: MIT */
/*
 * failing DIR HOOK "op;op;..."
 *
 * Plays a program on the file system at DIR while its disk fails, and prints what
 * the program was told and saw, in one line. The same line comes from a real file
 * system over dm-flakey and from a mount of flakey: only HOOK differs, a command
 * that is called with DIR and the words of an op that begins with '!'.
 *
 * Descriptors are numbered 0 to 9 by the program.
 *
 *	o N F     open, O_RDWR|O_CREAT        oS N F    with O_SYNC
 *	oD N F    with O_DIRECT               oR N P    O_RDONLY
 *	x N       close                       wb N      write-back begins
 *	u N M     dup: N is M                 t N SIZE  ftruncate
 *	w N OFF LEN CHAR  pwrite              a N LEN CHAR  write
 *	m N OFF LEN CHAR  store by mmap, msync(MS_SYNC)
 *	f N  fd N fsync, fdatasync            ff N      fsync in a child process
 *	g N OFF   pread of one byte
 *	c P       what a path holds, in runs; its size
 *	h P       its segments of data (SEEK_DATA)
 *	s N       mtime becomes 1000          k P       is it still that
 *	d P  rm P  mv A B  ln A B  sl P  mkdir, unlink, rename, link, symlink
 *	ch P  tr P SIZE  xa P  ga P      chmod, truncate, setxattr, listxattr
 *	st P  ls P  sf P  op P           stat, readdir, statfs, open for reading
 *	abc       f, open as 0, has a page each of a, b and c, and the time 1000
 *	! WORD... the hook; "!crash", "!remount" close all descriptors first
 *
 * f, fd, ff, m and the like always say what came of them, "f0=0" or "f0=EIO"; other
 * ops only say why they failed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FDS 10
#define WORDS 6
#define PAGE 4096
#define STAMP 1000

struct player {
	const char *directory;
	const char *hook;
	int fds[FDS];
};

static const char *name_of(int error)
{
	const char *name = error == 0 ? "0" : strerrorname_np(error);
	return name != NULL ? name : "?";
}

/* What an op that only matters when it fails has to say. */
static void say_failure(char **words, long r)
{
	if (r < 0)
		printf(" %s_%s=%s", words[0], words[1], name_of(errno));
}

static void say_result(char **words, long r)
{
	printf(" %s%s=%s", words[0], words[1], name_of(r < 0 ? errno : 0));
}

static int fd_of(const struct player *player, const char *word)
{
	int n = word[0] - '0';
	return n >= 0 && n < FDS ? player->fds[n] : -1;
}

static char *filled(long length, char fill)
{
	char *buffer = aligned_alloc(PAGE, ((size_t)length / PAGE + 1) * PAGE);
	if (buffer == NULL)
		abort();
	memset(buffer, fill, (size_t)length);
	return buffer;
}

static long write_some(int fd, long offset, long length, char fill)
{
	char *buffer = filled(length, fill);
	long r = offset < 0 ? write(fd, buffer, (size_t)length)
			    : pwrite(fd, buffer, (size_t)length, offset);
	free(buffer);
	return r;
}

static long store_mapped(int fd, long offset, long length, char fill)
{
	char *map = mmap(NULL, (size_t)(offset + length),
			 PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -1;
	memset(map + offset, fill, (size_t)length);
	long r = msync(map, (size_t)(offset + length), MS_SYNC);
	int saved = errno;
	(void)munmap(map, (size_t)(offset + length));
	errno = saved;
	return r;
}

static long sync_in_child(int fd)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(fsync(fd) < 0 ? errno : 0);
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	errno = WEXITSTATUS(status);
	return errno == 0 ? 0 : -1;
}

static void print_runs(const char *buffer, long size)
{
	long begin = 0;
	for (long i = 1; i <= size; i++) {
		if (i < size && buffer[i] == buffer[begin])
			continue;
		printf("%s%c*%ld", begin > 0 ? " " : "",
		       buffer[begin] ? buffer[begin] : '0', i - begin);
		begin = i;
	}
}

static void show_content(const char *path)
{
	static char buffer[1 << 20];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer));
	if (n < 0 || fstat(fd, &st) < 0) {
		printf(" %s!%s", path, name_of(errno));
	} else {
		printf(" %s[%ld:", path, (long)st.st_size);
		print_runs(buffer, n);
		printf("]");
	}
	if (fd >= 0)
		(void)close(fd);
}

static void show_segments(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t to = 0;
	printf(" %s{", path);
	while (fd >= 0) {
		off_t from = lseek(fd, to, SEEK_DATA);
		if (from < 0)
			break;
		printf("%s%ld-", to > 0 ? " " : "", (long)from);
		to = lseek(fd, from, SEEK_HOLE);
		printf("%ld", (long)to);
	}
	printf("}");
	if (fd >= 0)
		(void)close(fd);
}

static void show_time(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		printf(" k_%s=%s", path, name_of(errno));
	else
		printf(" %s:mtime=%s", path,
		       st.st_mtime == STAMP ? "old" : "new");
}

static void show_byte(char **words, int fd)
{
	char byte = 0;
	ssize_t n = pread(fd, &byte, 1, atol(words[2]));
	if (n < 0)
		printf(" g%s=%s", words[1], name_of(errno));
	else
		printf(" g%s=%c", words[1], n == 0 ? '-' : byte ? byte : '0');
}

static long list(const char *path)
{
	DIR *directory = opendir(path);
	if (directory == NULL)
		return -1;
	errno = 0;
	while (readdir(directory) != NULL)
		;
	int error = errno;
	(void)closedir(directory);
	errno = error;
	return error == 0 ? 0 : -1;
}

/* Where on the disk the byte is, in sectors; what a hook of a real disk needs. */
static long sector_of(const char *path, long offset)
{
	_Alignas(struct fiemap) char room[sizeof(struct fiemap) +
					  sizeof(struct fiemap_extent)] = {0};
	struct fiemap *request = (struct fiemap *)room;
	request->fm_start = (unsigned long)offset;
	request->fm_length = 1;
	request->fm_extent_count = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long sector = -1;
	if (fd >= 0 && ioctl(fd, FS_IOC_FIEMAP, request) == 0 &&
	    request->fm_mapped_extents == 1)
		sector = (long)(request->fm_extents[0].fe_physical +
				(unsigned long)offset -
				request->fm_extents[0].fe_logical) /
			 512;
	if (fd >= 0)
		(void)close(fd);
	return sector;
}

static void run_hook(struct player *player, char **words)
{
	if (strcmp(words[0], "!crash") == 0 ||
	    strcmp(words[0], "!remount") == 0) {
		for (int i = 0; i < FDS; i++)
			if (player->fds[i] >= 0)
				(void)close(player->fds[i]);
		for (int i = 0; i < FDS; i++)
			player->fds[i] = -1;
		if (chdir("/") < 0)
			abort();
	}
	char sector[32] = "";
	if (strcmp(words[0], "!bad") == 0)
		(void)snprintf(sector, sizeof(sector), "%ld",
			       sector_of(words[1], atol(words[2])));
	pid_t pid = fork();
	if (pid == 0) {
		execlp(player->hook, player->hook, player->directory,
		       words[0] + 1, words[1], words[2], words[3], sector,
		       (char *)NULL);
		_exit(127);
	}
	int status = -1;
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		printf(" hook-%s-failed", words[0] + 1);
	if (chdir(player->directory) < 0)
		printf(" gone");
}

static long open_file(char **words)
{
	int flags = O_RDWR | O_CREAT;
	if (words[0][1] == 'R')
		flags = O_RDONLY;
	if (words[0][1] == 'S')
		flags |= O_SYNC;
	if (words[0][1] == 'D')
		flags |= O_DIRECT;
	return open(words[2], flags | O_CLOEXEC, 0644);
}

static bool run_on_descriptor(struct player *player, char **words)
{
	const char *op = words[0];
	int fd = fd_of(player, words[1]);
	if (op[0] == 'o' && op[1] != 'p') {
		long r = open_file(words);
		player->fds[words[1][0] - '0'] = (int)r;
		say_failure(words, r);
	} else if (strcmp(op, "x") == 0) {
		say_failure(words, close(fd));
		player->fds[words[1][0] - '0'] = -1;
	} else if (strcmp(op, "u") == 0) {
		player->fds[words[1][0] - '0'] =
			fcntl(fd_of(player, words[2]), F_DUPFD_CLOEXEC, 0);
	} else if (strcmp(op, "w") == 0) {
		say_failure(words, write_some(fd, atol(words[2]),
					      atol(words[3]), words[4][0]));
	} else if (strcmp(op, "a") == 0) {
		say_failure(words,
			    write_some(fd, -1, atol(words[2]), words[3][0]));
	} else if (strcmp(op, "m") == 0) {
		say_result(words, store_mapped(fd, atol(words[2]),
					       atol(words[3]), words[4][0]));
	} else if (strcmp(op, "t") == 0) {
		say_failure(words, ftruncate(fd, atol(words[2])));
	} else if (strcmp(op, "f") == 0) {
		say_result(words, fsync(fd));
	} else if (strcmp(op, "fd") == 0) {
		say_result(words, fdatasync(fd));
	} else if (strcmp(op, "ff") == 0) {
		say_result(words, sync_in_child(fd));
	} else if (strcmp(op, "wb") == 0) {
		say_failure(words,
			    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	} else if (strcmp(op, "g") == 0) {
		show_byte(words, fd);
	} else if (strcmp(op, "s") == 0) {
		const struct timespec times[2] = {{STAMP, 0}, {STAMP, 0}};
		say_failure(words, futimens(fd, times));
	} else {
		return false;
	}
	return true;
}

static int open_and_close(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : close(fd);
}

static void make_abc(struct player *player)
{
	const struct timespec times[2] = {{STAMP, 0}, {STAMP, 0}};
	int fd = open("f", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	bool made = fd >= 0;
	for (int i = 0; i < 3; i++)
		made &= write_some(fd, (long)i * PAGE, PAGE, (char)('a' + i)) ==
			PAGE;
	made &= fd >= 0 && futimens(fd, times) == 0;
	if (!made)
		printf(" abc=%s", name_of(errno));
	player->fds[0] = fd;
}

static bool run_on_path(char **words)
{
	const char *op = words[0];
	const char *path = words[1];
	struct stat st;
	struct statfs fs;
	if (strcmp(op, "c") == 0)
		show_content(path);
	else if (strcmp(op, "h") == 0)
		show_segments(path);
	else if (strcmp(op, "k") == 0)
		show_time(path);
	else if (strcmp(op, "d") == 0)
		say_failure(words, mkdir(path, 0755));
	else if (strcmp(op, "rm") == 0)
		say_failure(words, unlink(path));
	else if (strcmp(op, "mv") == 0)
		say_failure(words, rename(path, words[2]));
	else if (strcmp(op, "ln") == 0)
		say_failure(words, link(path, words[2]));
	else if (strcmp(op, "sl") == 0)
		say_failure(words, symlink("x", path));
	else if (strcmp(op, "ch") == 0)
		say_failure(words, chmod(path, 0600));
	else if (strcmp(op, "tr") == 0)
		say_failure(words, truncate(path, atol(words[2])));
	else if (strcmp(op, "xa") == 0)
		say_failure(words, setxattr(path, "user.k", "v", 1, 0));
	else if (strcmp(op, "ga") == 0)
		say_failure(words, listxattr(path, NULL, 0));
	else if (strcmp(op, "st") == 0)
		say_failure(words, stat(path, &st));
	else if (strcmp(op, "ls") == 0)
		say_failure(words, list(path));
	else if (strcmp(op, "sf") == 0)
		say_failure(words, statfs(path, &fs));
	else if (strcmp(op, "op") == 0)
		say_failure(words, open_and_close(path));
	else
		return false;
	return true;
}

static void run_op(struct player *player, char *op)
{
	char *words[WORDS + 1] = {NULL};
	char *rest = op;
	char *word;
	int count = 0;
	static char nothing[] = "";
	while (count < WORDS && (word = strsep(&rest, " ")) != NULL)
		if (*word != '\0')
			words[count++] = word;
	if (count == 0)
		return;
	while (count <= WORDS)
		words[count++] = nothing;
	if (words[0][0] == '!')
		run_hook(player, words);
	else if (strcmp(words[0], "abc") == 0)
		make_abc(player);
	else if (!run_on_descriptor(player, words) && !run_on_path(words))
		printf(" ?%s", words[0]);
}

/* A page that cannot be read: the line ends here. */
static void end_line(int signal)
{
	static const char word[] = " SIGBUS\n";
	(void)signal;
	_exit(write(STDOUT_FILENO, word, sizeof(word) - 1) < 0);
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: failing DIR HOOK OPS\n");
		return 2;
	}
	struct player player = {.directory = argv[1], .hook = argv[2]};
	for (int i = 0; i < FDS; i++)
		player.fds[i] = -1;
	if (chdir(argv[1]) < 0) {
		perror(argv[1]);
		return 1;
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	(void)signal(SIGBUS, end_line);
	char *op;
	while ((op = strsep(&argv[3], ";")) != NULL)
		run_op(&player, op);
	printf("\n");
	return 0;
}
