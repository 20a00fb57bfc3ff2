/* SPDX-License-Identifier: MIT */
/*
 * The fault rules of a mount over HTTP, with gofail's protocol: docs/fault-rules.md
 * says how their names look there.
 */
#ifndef FLAKEY_RULES_RULES_HTTP_H
#define FLAKEY_RULES_RULES_HTTP_H

struct errmsg;
struct http_host;
struct rules;
struct rules_http;

/* Serves the rules at an address: see failpoints/http_listener.h. 0, or a
 * negative errno and a sentence. */
int rules_http_start(struct rules *rules, const char *address,
		     struct rules_http **ret_http, struct errmsg *reterr_why);
/* Takes NULL. */
void rules_http_stop(struct rules_http *http);

/* "127.0.0.1:22381" */
const char *rules_http_address(const struct rules_http *http);

/* The rules as http_reply.h wants to see them; data of ret_host are the rules. */
void rules_http_host(struct rules *rules, struct http_host *ret_host);

#endif
