/* SPDX-License-Identifier: MIT */
/* The points of this process, as http_reply.h wants to see them. */
#ifndef FLAKEY_FAILPOINTS_HTTP_POINTS_H
#define FLAKEY_FAILPOINTS_HTTP_POINTS_H

struct http_host;

/* Its functions may be called by any thread. */
const struct http_host *http_points(void);

#endif
