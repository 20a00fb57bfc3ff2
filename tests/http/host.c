/* SPDX-License-Identifier: MIT */
/*
 * A program with failpoints, which the tests of HTTP talk to: over the library's
 * server, or over a small one of its own. Commands come on stdin, one a line,
 * and each is answered with one line.
 *
 *	host		served by the library, at $GOFAIL_HTTP if anywhere
 *	host ADDRESS	the same, at ADDRESS
 *	host --own	a server of its own, on any port
 */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failpoints/failpoint.h"

#define ADDRESS_MAX 128
#define LINE_MAX_BYTES 512
#define REQUEST_MAX_BYTES (2 << 20)

/* The points. Some names look like a question. */

static bool hit_plain(void)
{
	return FAILPOINT("plain", "says whether it was hit");
}

static bool hit_commit(void)
{
	int64_t value = -1;

	return FAILPOINT_INT("db/commit", &value, "before the commit");
}

static bool hit_open(void)
{
	int value = EIO;

	return FAILPOINT_ERRNO("db/open", &value);
}

static bool hit_escaped(void)
{
	return FAILPOINT("a%2Fb");
}

static bool hit_status(void)
{
	return FAILPOINT("odd/status");
}

static bool hit_query(void)
{
	return FAILPOINT("q?ab");
}

static const struct {
	const char *name;
	bool (*hit)(void);
} points[] = {
	{"plain", hit_plain},	    {"db/commit", hit_commit},
	{"db/open", hit_open},	    {"a%2Fb", hit_escaped},
	{"odd/status", hit_status}, {"q?ab", hit_query},
};

static bool hit(const char *name)
{
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		if (strcmp(points[i].name, name) == 0)
			return points[i].hit();
	return false;
}

static char spun[LINE_MAX_BYTES];

static void *spin(void *user)
{
	(void)user;
	for (;;)
		(void)hit(spun);
	return NULL;
}

static void *hit_once(void *user)
{
	(void)hit(user);
	free(user);
	return NULL;
}

static void in_thread(void *(*run)(void *), void *user)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, user) != 0 ||
	    pthread_detach(thread) != 0)
		abort();
}

/* The child lives until it is killed, or has lived for a minute. */
static void do_fork(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)close(STDOUT_FILENO);
		(void)close(STDERR_FILENO);
		(void)alarm(60);
		for (;;)
			(void)pause();
	}
	printf("%d\n", (int)pid);
}

static void start(const char *address)
{
	char real[ADDRESS_MAX];

	if (failpoint_http_start(address) < 0 ||
	    failpoint_http_address(real, sizeof(real)) < 0)
		printf("error: %s\n", failpoint_error());
	else
		printf("%s\n", real);
}

static void obey(char *line)
{
	char *word = strsep(&line, " ");

	if (strcmp(word, "hit") == 0) {
		printf("%d\n", hit(line));
	} else if (strcmp(word, "thread") == 0) {
		in_thread(hit_once, strdup(line));
		printf("started\n");
	} else if (strcmp(word, "spin") == 0) {
		(void)snprintf(spun, sizeof(spun), "%s", line);
		in_thread(spin, NULL);
		printf("spinning\n");
	} else if (strcmp(word, "fork") == 0) {
		do_fork();
	} else if (strcmp(word, "start") == 0) {
		start(line);
	} else if (strcmp(word, "stop") == 0) {
		failpoint_http_stop();
		printf("stopped\n");
	} else {
		printf("what?\n");
	}
}

/* The server of its own: one connection at a time, one request each. */

/* Returns the length of what is in front of the body, or 0 without one. */
static size_t read_request(int fd, char *buffer, size_t *ret_length)
{
	const char *end = NULL;
	size_t length = 0;
	size_t wanted = 0;

	while (!end || length < wanted) {
		ssize_t got;
		const char *header;

		got = read(fd, buffer + length, REQUEST_MAX_BYTES - length);
		if (got <= 0)
			return 0;
		length += (size_t)got;
		buffer[length] = '\0';
		end = strstr(buffer, "\r\n\r\n");
		if (!end)
			continue;
		header = strcasestr(buffer, "\r\nContent-Length:");
		wanted = (size_t)(end + 4 - buffer);
		if (header && header < end)
			wanted += strtoul(header + 17, NULL, 10);
	}
	*ret_length = length;
	return (size_t)(end + 4 - buffer);
}

static void send_reply(int fd, const struct failpoint_http_reply *reply,
		       bool head)
{
	char *text;
	int length;

	length = asprintf(&text,
			  "HTTP/1.1 %d %s\r\n%s%s%s%s%s%s"
			  "Content-Length: %zu\r\nConnection: close\r\n\r\n",
			  reply->status, reply->phrase,
			  reply->content_type ? "Content-Type: " : "",
			  reply->content_type ? reply->content_type : "",
			  reply->content_type ? "\r\n" : "",
			  reply->allow ? "Allow: " : "",
			  reply->allow ? reply->allow : "",
			  reply->allow ? "\r\n" : "", reply->body_bytes);
	if (length < 0)
		abort();
	(void)!send(fd, text, (size_t)length, MSG_NOSIGNAL);
	if (!head)
		(void)!send(fd, reply->body, reply->body_bytes, MSG_NOSIGNAL);
	free(text);
}

static void serve_one(int fd, char *buffer)
{
	struct failpoint_http_reply reply;
	size_t length = 0;
	size_t front = read_request(fd, buffer, &length);
	char *rest = buffer;
	const char *method = strsep(&rest, " ");
	const char *target = rest ? strsep(&rest, " ") : NULL;
	const struct failpoint_http_request request = {
		.size = sizeof(request),
		.method = method,
		.target = target,
		.body = buffer + front,
		.body_bytes = length - front,
		.wait_max_ms = -1,
	};

	if (front == 0 || !target)
		return;
	if (failpoint_http_handle(&request, &reply) < 0)
		abort();
	send_reply(fd, &reply, strcmp(method, "HEAD") == 0);
	failpoint_http_sent(&reply);
}

static void *serve_all(void *user)
{
	int listener = *(int *)user;
	char *buffer = malloc(REQUEST_MAX_BYTES + 1);

	if (!buffer)
		abort();
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			break;
		serve_one(fd, buffer);
		(void)close(fd);
	}
	free(buffer);
	return NULL;
}

static void start_own(void)
{
	static int listener;
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	socklen_t size = sizeof(address);

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&address, size) < 0 ||
	    listen(listener, SOMAXCONN) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		abort();
	in_thread(serve_all, &listener);
	printf("127.0.0.1:%d\n", ntohs(address.sin_port));
}

int main(int argc, char **argv)
{
	char line[LINE_MAX_BYTES];
	char address[ADDRESS_MAX];

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	/* Of children that a test makes. */
	(void)signal(SIGCHLD, SIG_IGN);
	if (argc > 1 && strcmp(argv[1], "--own") == 0)
		start_own();
	else if (argc > 1)
		start(argv[1]);
	else if (failpoint_http_address(address, sizeof(address)) < 0)
		printf("error: %s\n", failpoint_error());
	else
		printf("%s\n", address);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		obey(line);
	}
	return 0;
}
