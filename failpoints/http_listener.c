/* SPDX-License-Identifier: MIT */
#include "failpoints/http_listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"

#define UNIX_PREFIX "unix:"
#define FORMS "use HOST:PORT, [HOST]:PORT or unix:/PATH"
#define HOST_MAX 256
#define PORT_MAX 32

/* Somebody answers there, or it cannot be known. */
static bool is_alive(const struct sockaddr_un *where)
{
	cleanup_fd int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ||
	       connect(fd, (const struct sockaddr *)where, sizeof(*where)) ==
		       0 ||
	       errno != ECONNREFUSED;
}

static bool is_left_behind(const struct sockaddr_un *where)
{
	struct stat st;

	return lstat(where->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	       !is_alive(where);
}

static int bind_unix(int fd, const struct sockaddr_un *where)
{
	const struct sockaddr *address = (const struct sockaddr *)where;

	/* The socket's mode is that of the file: nobody else may connect, not
	 * even in the moment after bind(2). */
	if (fchmod(fd, 0600) < 0)
		return -errno;
	if (bind(fd, address, sizeof(*where)) == 0)
		return 0;
	if (errno != EADDRINUSE || !is_left_behind(where))
		return -errno;
	if (unlink(where->sun_path) < 0)
		return -errno;
	return bind(fd, address, sizeof(*where)) < 0 ? -errno : 0;
}

static int open_unix(const char *path, struct http_listener *listener,
		     struct errmsg *reterr_why)
{
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	cleanup_fd int fd = -1;
	struct stat st;
	int r;

	if (strlen(path) == 0 || strlen(path) >= sizeof(where.sun_path)) {
		errmsg_set(reterr_why,
			   "a path of 1 to %zu bytes has to follow 'unix:'",
			   sizeof(where.sun_path) - 1);
		return -EINVAL;
	}
	memcpy(where.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = fd < 0 ? -errno : bind_unix(fd, &where);
	if (r == 0 && (listen(fd, SOMAXCONN) < 0 || lstat(path, &st) < 0))
		r = -errno;
	if (r < 0) {
		errmsg_set(reterr_why, "%s", strerrordesc_np(-r));
		return r;
	}
	listener->device = st.st_dev;
	listener->inode = st.st_ino;
	(void)snprintf(listener->address, sizeof(listener->address), "%s%s",
		       UNIX_PREFIX, path); /* fits: checked above */
	listener->fd = steal_fd(&fd);
	return 0;
}

/* Cuts "[HOST]:PORT" or "HOST:PORT". */
static int split(const char *address, char host[static HOST_MAX],
		 char port[static PORT_MAX], struct errmsg *reterr_why)
{
	const char *colon = strrchr(address, ':');
	size_t length = colon ? (size_t)(colon - address) : 0;
	bool brackets =
		length >= 2 && address[0] == '[' && address[length - 1] == ']';

	if (!colon || strlen(colon + 1) >= PORT_MAX || length >= HOST_MAX ||
	    (!brackets && memchr(address, ':', length))) {
		errmsg_set(reterr_why, "it is no address; " FORMS);
		return -EINVAL;
	}
	if (brackets) {
		address++;
		length -= 2;
	}
	memcpy(host, address, length);
	host[length] = '\0';
	memcpy(port, colon + 1, strlen(colon + 1) + 1);
	return 0;
}

/* A number too large would lose its upper bits in getaddrinfo(3). */
static int check_port(const char *port, struct errmsg *reterr_why)
{
	bool digits = *port && strspn(port, "0123456789") == strlen(port);

	if (*port && (!digits || (strlen(port) <= 5 && atoi(port) <= 65535)))
		return 0;
	errmsg_set(reterr_why, "'%s' is no port: use 0 to 65535", port);
	return -EINVAL;
}

static int bind_one(const struct addrinfo *info, int *ret_fd)
{
	cleanup_fd int fd = socket(info->ai_family,
				   SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				   info->ai_protocol);
	const int yes = 1;

	if (fd < 0)
		return -errno;
	/* A port whose last user has just gone is free. If this fails, bind
	 * says so. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 ||
	    listen(fd, SOMAXCONN) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* Of a name, its IPv4 address if it has one, as Go takes it; of no name, IPv6
 * if there is any, which takes IPv4 along. */
static int bind_first(const struct addrinfo *list, bool named, int *ret_fd)
{
	const int first = named ? AF_INET : AF_INET6;
	int r = -EADDRNOTAVAIL;

	for (int pass = 0; pass < 2; pass++) {
		const struct addrinfo *info = list;

		for (; info; info = info->ai_next) {
			if ((info->ai_family == first) != (pass == 0))
				continue;
			r = bind_one(info, ret_fd);
			if (r == 0)
				return 0;
		}
	}
	return r;
}

static int describe(struct http_listener *listener)
{
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof(address);
	char host[HTTP_LISTENER_ADDRESS_MAX - 16];
	char port[8];

	if (getsockname(listener->fd, (struct sockaddr *)&address, &size) < 0)
		return -errno;
	if (getnameinfo((struct sockaddr *)&address, size, host, sizeof(host),
			port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return -EINVAL;
	(void)snprintf(listener->address, sizeof(listener->address),
		       address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
		       host, port); /* fits, by the sizes */
	return 0;
}

static int open_tcp(const char *address, struct http_listener *listener,
		    struct errmsg *reterr_why)
{
	const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *list;
	char host[HOST_MAX];
	char port[PORT_MAX];
	int r = split(address, host, port, reterr_why);

	if (r == 0)
		r = check_port(port, reterr_why);
	if (r < 0)
		return r;
	r = getaddrinfo(*host ? host : NULL, port, &hints, &list);
	if (r != 0) {
		errmsg_set(reterr_why, "%s",
			   r == EAI_SYSTEM ? strerrordesc_np(errno)
					   : gai_strerror(r));
		return -EADDRNOTAVAIL;
	}
	r = bind_first(list, *host != '\0', &listener->fd);
	freeaddrinfo(list);
	if (r == 0)
		r = describe(listener);
	if (r < 0)
		errmsg_set(reterr_why, "%s", strerrordesc_np(-r));
	return r;
}

int http_listener_open(const char *address, struct http_listener *ret_listener,
		       struct errmsg *reterr_why)
{
	struct http_listener listener = {.fd = -1};
	struct errmsg why;
	int r;

	if (strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		r = open_unix(address + strlen(UNIX_PREFIX), &listener, &why);
	else
		r = open_tcp(address, &listener, &why);
	if (r < 0) {
		errmsg_set(reterr_why, "cannot listen on '%.200s': %s", address,
			   why.text);
		if (listener.fd >= 0)
			(void)close(listener.fd); /* nothing written */
		return r;
	}
	*ret_listener = listener;
	return 0;
}

void http_listener_remove(const struct http_listener *listener)
{
	const char *path = listener->address + strlen(UNIX_PREFIX);
	struct stat st;

	if (strncmp(listener->address, UNIX_PREFIX, strlen(UNIX_PREFIX)) != 0)
		return;
	if (lstat(path, &st) == 0 && st.st_dev == listener->device &&
	    st.st_ino == listener->inode)
		(void)unlink(path); /* the next one would replace it */
}
