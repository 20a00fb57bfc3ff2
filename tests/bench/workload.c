/* SPDX-License-Identifier: MIT */
/*
 * What programs ask of a file system, in small pieces that are timed one by one:
 *
 *	workload DIR CLIENTS MS GROUP...
 *
 * For each group, CLIENTS processes work at once, each below DIR in a directory
 * of its own, and a line "ROW RATE" is printed for each row of the group. Rows
 * that need no preparation run for MS milliseconds, the others for what those
 * have left behind. A rate is operations a second, or MB a second, of all
 * clients together: from the first beginning to the last end.
 *
 *	files	create+write 100 B+close, the first stat after that, rename,
 *		unlink
 *	append	4 KiB write + fsync, each behind the last
 *	random	4 KiB write + fsync, each somewhere in a file that is stored
 *	stream	sequential write; first and second read of what was written
 *
 * Before the first read the file is synced and the pages of this file system
 * are dropped. With -k (the native directory) they are not: there, dropping
 * them would measure the disk and not the file system.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 64
#define ROWS_MAX 4
#define PAGE 4096
#define STREAM_BUFFER (128 << 10) /* what cp(1) takes */
#define STREAM_MAX (INT64_C(192) << 20)
#define RANDOM_BYTES (INT64_C(16) << 20)

/* What one client did in one row. */
struct lap {
	int64_t begin_ns;
	int64_t end_ns;
	int64_t amount;
};

/* Shared by all clients. */
struct board {
	pthread_barrier_t barrier;
	struct lap laps[ROWS_MAX][CLIENTS_MAX];
};

struct client {
	struct board *board;
	int index;
	int dir_fd;
	int64_t duration_ns;
	bool keep_pages;
	int row;
	struct lap *lap; /* of the row that runs */
};

struct group {
	const char *name;
	void (*run)(struct client *client);
	const char *rows[ROWS_MAX + 1];
	double unit; /* of the amounts in a unit of the rate */
};

static char buffer[STREAM_BUFFER];

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* All clients begin a row together. */
static void begin(struct client *client)
{
	client->lap = &client->board->laps[client->row++][client->index];
	pthread_barrier_wait(&client->board->barrier);
	client->lap->begin_ns = now_ns();
}

static void end(struct client *client, int64_t amount)
{
	client->lap->end_ns = now_ns();
	client->lap->amount = amount;
	pthread_barrier_wait(&client->board->barrier);
}

static bool is_over(const struct client *client)
{
	return now_ns() - client->lap->begin_ns >= client->duration_ns;
}

static int open_file(const struct client *client, const char *name, int flags)
{
	int fd = openat(client->dir_fd, name, flags | O_CLOEXEC, 0644);
	if (fd < 0)
		err(1, "open '%s'", name);
	return fd;
}

static void write_at(int fd, size_t size, int64_t offset)
{
	ssize_t n = pwrite(fd, buffer, size, offset);
	if (n < 0)
		err(1, "write");
	if ((size_t)n != size)
		errx(1, "short write");
}

static void write_synced(int fd, int64_t offset)
{
	write_at(fd, PAGE, offset);
	if (fsync(fd) < 0)
		err(1, "fsync");
}

static void unlink_file(const struct client *client, const char *name)
{
	if (unlinkat(client->dir_fd, name, 0) < 0)
		err(1, "unlink '%s'", name);
}

static void run_files(struct client *client)
{
	char name[32];
	char other[32];
	int64_t count = 0;
	begin(client);
	for (; !is_over(client); count++) {
		snprintf(name, sizeof(name), "file-%06ld", (long)count);
		int fd = open_file(client, name, O_CREAT | O_EXCL | O_WRONLY);
		write_at(fd, 100, 0);
		close(fd);
	}
	end(client, count);
	begin(client);
	for (int64_t i = 0; i < count; i++) {
		struct stat st;
		snprintf(name, sizeof(name), "file-%06ld", (long)i);
		if (fstatat(client->dir_fd, name, &st, 0) < 0)
			err(1, "stat '%s'", name);
		if (st.st_size != 100)
			errx(1, "'%s' has %ld bytes", name, (long)st.st_size);
	}
	end(client, count);
	begin(client);
	for (int64_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "file-%06ld", (long)i);
		snprintf(other, sizeof(other), "renamed-%06ld", (long)i);
		if (renameat(client->dir_fd, name, client->dir_fd, other) < 0)
			err(1, "rename '%s'", name);
	}
	end(client, count);
	begin(client);
	for (int64_t i = 0; i < count; i++) {
		snprintf(other, sizeof(other), "renamed-%06ld", (long)i);
		unlink_file(client, other);
	}
	end(client, count);
}

static void run_append(struct client *client)
{
	int fd = open_file(client, "append", O_CREAT | O_TRUNC | O_WRONLY);
	int64_t count = 0;
	begin(client);
	for (; !is_over(client); count++)
		write_synced(fd, count * PAGE);
	end(client, count);
	close(fd);
	unlink_file(client, "append");
}

static void run_random(struct client *client)
{
	int fd = open_file(client, "random", O_CREAT | O_TRUNC | O_WRONLY);
	for (int64_t at = 0; at < RANDOM_BYTES; at += STREAM_BUFFER)
		write_at(fd, STREAM_BUFFER, at);
	if (fsync(fd) < 0)
		err(1, "fsync");
	/* The same places in every run. */
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)client->index;
	int64_t count = 0;
	begin(client);
	for (; !is_over(client); count++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		write_synced(fd,
			     (int64_t)(state % (RANDOM_BYTES / PAGE)) * PAGE);
	}
	end(client, count);
	close(fd);
	unlink_file(client, "random");
}

static void read_all(struct client *client, int fd, int64_t size)
{
	int64_t done = 0;
	begin(client);
	while (done < size) {
		ssize_t n = pread(fd, buffer, STREAM_BUFFER, done);
		if (n < 0)
			err(1, "read");
		if (n == 0)
			errx(1, "only %ld of %ld bytes could be read",
			     (long)done, (long)size);
		done += n;
	}
	end(client, done);
}

static void run_stream(struct client *client)
{
	int fd = open_file(client, "stream", O_CREAT | O_TRUNC | O_RDWR);
	int64_t size = 0;
	begin(client);
	for (; size < STREAM_MAX && !is_over(client); size += STREAM_BUFFER)
		write_at(fd, STREAM_BUFFER, size);
	end(client, size);
	if (fsync(fd) < 0)
		err(1, "fsync");
	if (!client->keep_pages)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	read_all(client, fd, size);
	read_all(client, fd, size);
	close(fd);
	unlink_file(client, "stream");
}

static const struct group groups[] = {
	{"files", run_files, {"create", "stat", "rename", "unlink"}, 1},
	{"append", run_append, {"append-fsync"}, 1},
	{"random", run_random, {"random-fsync"}, 1},
	{"stream", run_stream, {"write", "first-read", "second-read"}, 1e6},
};

static const struct group *find_group(const char *name)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strcmp(groups[i].name, name) == 0)
			return &groups[i];
	errx(2, "there is no group '%s'", name);
}

static void start_client(const struct client *setup, int index,
			 const struct group *group, const char *dir)
{
	pid_t pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid > 0)
		return;
	struct client client = *setup;
	client.index = index;
	char path[4096];
	snprintf(path, sizeof(path), "%s/client-%d", dir, index);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		err(1, "mkdir '%s'", path);
	client.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (client.dir_fd < 0)
		err(1, "open '%s'", path);
	group->run(&client);
	_exit(0);
}

/* A client that failed leaves the others at a barrier: they are ended, too. */
static void wait_for_all(int count)
{
	for (int i = 0; i < count; i++) {
		int status = 0;
		if (wait(&status) < 0)
			err(1, "wait");
		if (status != 0) {
			kill(0, SIGTERM);
			errx(1, "a client failed");
		}
	}
}

static double rate_of(const struct lap *laps, int count)
{
	struct lap all = laps[0];
	for (int i = 1; i < count; i++) {
		if (laps[i].begin_ns < all.begin_ns)
			all.begin_ns = laps[i].begin_ns;
		if (laps[i].end_ns > all.end_ns)
			all.end_ns = laps[i].end_ns;
		all.amount += laps[i].amount;
	}
	return (double)all.amount * 1e9 / (double)(all.end_ns - all.begin_ns);
}

static void run_group(struct client *setup, const struct group *group,
		      int count, const char *dir)
{
	pthread_barrierattr_t attributes;
	pthread_barrierattr_init(&attributes);
	pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&setup->board->barrier, &attributes,
			     (unsigned int)count);
	for (int i = 0; i < count; i++)
		start_client(setup, i, group, dir);
	wait_for_all(count);
	for (int row = 0; group->rows[row] != NULL; row++)
		printf("%s %.1f\n", group->rows[row],
		       rate_of(setup->board->laps[row], count) / group->unit);
	fflush(stdout);
	pthread_barrier_destroy(&setup->board->barrier);
}

int main(int argc, char **argv)
{
	struct client setup = {.keep_pages =
				       argc > 1 && strcmp(argv[1], "-k") == 0};
	if (setup.keep_pages)
		argv++, argc--;
	if (argc < 5)
		errx(2, "usage: workload [-k] DIR CLIENTS MS GROUP...");
	int clients = atoi(argv[2]);
	setup.duration_ns = atoll(argv[3]) * 1000000;
	if (clients < 1 || clients > CLIENTS_MAX || setup.duration_ns <= 0)
		errx(2, "1 to %d clients, for at least 1 ms", CLIENTS_MAX);
	setpgid(0, 0); /* see wait_for_all() */
	memset(buffer, 'x', sizeof(buffer));
	setup.board = mmap(NULL, sizeof(*setup.board), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (setup.board == MAP_FAILED)
		err(1, "mmap");
	for (int i = 4; i < argc; i++)
		run_group(&setup, find_group(argv[i]), clients, argv[1]);
	return 0;
}
