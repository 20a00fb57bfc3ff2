/* SPDX-License-Identifier: MIT */
#include "failpoints/http_reply.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/fields.h"
#include "failpoints/duration.h"
#include "failpoints/terms_multi.h"

#define TEXT_PLAIN "text/plain; charset=utf-8"
#define TEXT_JSON "application/json"
/* So much of a bad entry is repeated. */
#define QUOTE_MAX 1000

/* gofail's own words: clients look for them. */
#define UNKNOWN "failpoint: failpoint does not exist"
#define DISABLED "failpoint: failpoint is disabled"
#define UNPARSED "failpoint: could not parse terms"

/* Answers with one or more lines, to which a line feed is added. */
__attribute__((format(printf, 3, 4))) static void
say(struct http_reply *reply, unsigned int status, const char *format, ...)
{
	cleanup_free char *line = NULL;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&line, format, args);
	va_end(args);
	reply->status = status;
	reply->content_type = TEXT_PLAIN;
	if (length < 0) {
		line = NULL; /* undefined */
		reply->body.failed = true;
		return;
	}
	text_append(&reply->body, line, (size_t)length);
	text_append(&reply->body, "\n", 1);
}

static void say_done(struct http_reply *reply)
{
	reply->status = 204;
}

/* What one visit has seen of a point. */
struct look {
	struct text *terms; /* of an armed point appended; may be NULL */
	bool pending;
	bool armed;
	uint64_t fired;
};

static void look_at(void *context, const struct http_point *point)
{
	struct look *look = context;

	look->pending = point->pending;
	look->armed = point->terms != NULL;
	look->fired = point->fired;
	if (point->terms && look->terms)
		text_append(look->terms, point->terms, strlen(point->terms));
}

/* 0, -ENOENT, or -EALREADY for one that is disabled. One that only waits for
 * its point to appear does not exist yet, for gofail's clients. */
static int find(const struct http_host *host, const char *name,
		struct text *terms, uint64_t *ret_fired)
{
	struct look look = {.terms = terms};
	int r = host->visit(host->data, name, look_at, &look);

	if (r < 0)
		return r;
	if (look.pending)
		return -ENOENT;
	if (!look.armed)
		return -EALREADY;
	if (ret_fired)
		*ret_fired = look.fired;
	return 0;
}

static const char *words_of(int r)
{
	if (r == -ENOENT)
		return UNKNOWN;
	if (r == -EALREADY)
		return DISABLED;
	return r == -ENOMEM ? "out of memory" : "failpoint: cannot be done";
}

static void get_terms(const struct http_host *host, const char *name,
		      struct http_reply *reply)
{
	int r = find(host, name, &reply->body, NULL);

	if (r == 0) {
		say(reply, 200, "%s", "");
		return;
	}
	text_clear(&reply->body);
	say(reply, 404, "failed to GET: %s", words_of(r));
}

static void get_count(const struct http_host *host, const char *name,
		      struct http_reply *reply)
{
	uint64_t fired = 0;
	int r = find(host, name, NULL, &fired);

	if (r < 0) {
		say(reply, r == -ENOENT ? 404 : 500, "failed to GET: %s",
		    words_of(r));
		return;
	}
	reply->status = 200;
	reply->content_type = TEXT_PLAIN;
	text_printf(&reply->body, "%" PRIu64, fired);
}

static void list_line(void *context, const struct http_point *point)
{
	struct text *body = context;

	if (!point->pending)
		text_printf(body, "%s=%s\n", point->name,
			    point->terms ? point->terms : "");
}

static void get_list(const struct http_host *host, struct http_reply *reply)
{
	/* Of names that came and went meanwhile nothing is said. */
	(void)host->visit(host->data, NULL, list_line, &reply->body);
	reply->status = 200;
	reply->content_type = TEXT_PLAIN;
	/* gofail ends the empty list with a line feed, too. */
	if (reply->body.length_bytes == 0)
		text_append(&reply->body, "\n", 1);
}

/* The questions that gofail does not know. */

struct query {
	enum fields_format format;
	uint64_t fired;
	int64_t timeout_ns;
};

static int parse_count(const char *value, uint64_t *ret_count)
{
	char *end;

	if (*value < '0' || *value > '9')
		return -EINVAL;
	errno = 0;
	*ret_count = strtoull(value, &end, 10);
	return *end || errno ? -EINVAL : 0;
}

static int parse_timeout(const char *value, int64_t *ret_ns,
			 struct errmsg *reterr_why)
{
	struct errmsg why;

	if (duration_parse(value, strlen(value), 0, ret_ns, &why) < 0) {
		errmsg_set(reterr_why, "timeout=%.40s: %s", value, why.text);
		return -EINVAL;
	}
	if (*ret_ns > HTTP_REPLY_WAIT_MAX_NS) {
		errmsg_set(reterr_why, "timeout=%.40s: longer than an hour",
			   value);
		return -EINVAL;
	}
	return 0;
}

static int parse_pair(const char *key, const char *value, bool wait,
		      struct query *query, struct errmsg *reterr_why)
{
	if (wait && strcmp(key, "fired") == 0) {
		if (parse_count(value, &query->fired) == 0)
			return 0;
		errmsg_set(reterr_why, "fired=%.40s: is no number", value);
		return -EINVAL;
	}
	if (wait && strcmp(key, "timeout") == 0)
		return parse_timeout(value, &query->timeout_ns, reterr_why);
	if (!wait && strcmp(key, "format") == 0) {
		query->format = FIELDS_TEXT;
		if (strcmp(value, "text") == 0)
			return 0;
		query->format = FIELDS_JSON;
		if (strcmp(value, "json") == 0)
			return 0;
		errmsg_set(reterr_why, "format=%.40s: is not text or json",
			   value);
		return -EINVAL;
	}
	errmsg_set(reterr_why, "unknown '%.40s'; use %s", key,
		   wait ? "fired=N or timeout=TIME" : "format=json");
	return -EINVAL;
}

/* Takes the text apart. */
static int parse_query(char *text, bool wait, struct query *ret_query,
		       struct errmsg *reterr_why)
{
	struct query query = {.format = FIELDS_TEXT,
			      .fired = 1,
			      .timeout_ns = HTTP_REPLY_WAIT_NS};
	char *pair;

	while ((pair = strsep(&text, "&"))) {
		char *value = pair;
		int r;

		if (!*pair)
			continue;
		(void)strsep(&value, "=");
		r = parse_pair(pair, value ? value : "", wait, &query,
			       reterr_why);
		if (r < 0)
			return r;
	}
	*ret_query = query;
	return 0;
}

static void describe(struct fields *record, const struct http_point *point)
{
	const char *state = point->terms ? "armed" : "disabled";

	fields_string(record, "name", point->name);
	fields_string(record, "state", point->pending ? "pending" : state);
	fields_string(record, "terms", point->terms ? point->terms : "");
	fields_unsigned(record, "hits", point->hits);
	fields_unsigned(record, "fired", point->fired);
	fields_unsigned(record, "paused", point->paused);
	fields_string(record, "location",
		      point->location ? point->location : "");
	fields_string(record, "type", point->type ? point->type : "");
	fields_string(record, "doc", point->doc ? point->doc : "");
}

static void describe_one(void *context, const struct http_point *point)
{
	describe(context, point);
}

static void describe_next(void *context, const struct http_point *point)
{
	struct fields *record = context;

	if (record->format != FIELDS_JSON && record->index > 0)
		text_append(record->text, "\n", 1);
	fields_item_begin(record);
	describe(record, point);
	fields_item_end(record);
}

/* One point, or with NULL all of them. */
static void get_status(const struct http_host *host, const char *name,
		       const struct query *query, struct http_reply *reply)
{
	struct fields record;
	int r;

	fields_begin(&record, &reply->body, query->format);
	if (name) {
		r = host->visit(host->data, name, describe_one, &record);
	} else {
		fields_list_begin(&record, "failpoints");
		r = host->visit(host->data, NULL, describe_next, &record);
		fields_list_end(&record);
	}
	fields_end(&record);
	if (r < 0) {
		text_clear(&reply->body);
		say(reply, r == -ENOENT ? 404 : 500, "failed to GET: %s",
		    words_of(r));
		return;
	}
	text_append(&reply->body, "", 0);
	reply->status = 200;
	reply->content_type =
		query->format == FIELDS_JSON ? TEXT_JSON : TEXT_PLAIN;
}

static void get_wait(const struct http_host *host, const char *name,
		     const struct query *query, bool late,
		     struct http_reply *reply)
{
	struct look look = {0};
	int r = host->visit(host->data, name, look_at, &look);

	if (r < 0)
		say(reply, r == -ENOENT ? 404 : 500, "failed to GET: %s",
		    words_of(r));
	else if (look.fired >= query->fired)
		say(reply, 200, "%" PRIu64, look.fired);
	else if (late || query->timeout_ns == 0)
		say(reply, 504,
		    "failed to GET: failpoint: has fired %" PRIu64
		    " of %" PRIu64 " times",
		    look.fired, query->fired);
	else
		reply->timeout_ns = query->timeout_ns;
}

static bool cut_suffix(char *name, const char *suffix)
{
	size_t length = strlen(name);
	size_t cut = strlen(suffix);

	if (length < cut || strcmp(name + length - cut, suffix) != 0)
		return false;
	name[length - cut] = '\0';
	return true;
}

/* False: it is no question of ours. Takes key apart if it is. */
static bool get_ours(const struct http_host *host, char *key, bool late,
		     struct http_reply *reply)
{
	char *mark = strrchr(key, '?');
	struct query query;
	struct errmsg why;
	bool all;
	bool wait = false;

	if (mark)
		*mark = '\0';
	all = strcasecmp(key, "failpoints") == 0;
	if (!all && !cut_suffix(key, "/status")) {
		wait = cut_suffix(key, "/wait");
		if (!wait) {
			if (mark)
				*mark = '?';
			return false;
		}
	}
	if (parse_query(mark ? mark + 1 : NULL, wait, &query, &why) < 0)
		say(reply, 400, "failed to GET: %s", why.text);
	else if (wait)
		get_wait(host, key, &query, late, reply);
	else
		get_status(host, all ? NULL : key, &query, reply);
	return true;
}

/* Whether there is such a point; if it is armed does not matter. */
static bool is_known(const struct http_host *host, const char *name)
{
	return find(host, name, NULL, NULL) != -ENOENT;
}

/* key: may be taken apart. A point whose name ends like a question is found
 * by its name, but gofail always takes "/count" for one. */
static void decide_get(const struct http_host *host, char *key, bool late,
		       struct http_reply *reply)
{
	size_t length = strlen(key);

	if (length == 0) {
		get_list(host, reply);
		return;
	}
	if (cut_suffix(key, "/count")) {
		if (is_known(host, key)) {
			get_count(host, key, reply);
			return;
		}
		key[strlen(key)] = '/';
	}
	if (!is_known(host, key) && get_ours(host, key, late, reply))
		return;
	get_terms(host, key, reply);
}

static void say_not_set(struct http_reply *reply, int r, const char *reason)
{
	const char *words = r == -EINVAL ? UNPARSED : words_of(r);

	say(reply, r == -ENOMEM ? 500 : 400, "fail to set failpoint: %s%s%s",
	    words, *reason ? "\n" : "", reason);
}

static void put_one(const struct http_host *host, const char *name,
		    const struct http_request *request,
		    struct http_reply *reply)
{
	struct errmsg why = {0};
	int r = host->enable(host->data, name, request->body,
			     request->body_bytes, &why);

	/* Of a point that is not there gofail says no more. */
	if (r < 0)
		say_not_set(reply, r, r == -ENOENT ? "" : why.text);
	else
		say_done(reply);
}

/* As Go's %q, near enough. */
static void quote(struct text *text, const char *bytes, size_t length_bytes)
{
	static const char escaped[] = "\a\b\f\n\r\t\v\"\\";
	static const char letters[] = "abfnrtv\"\\";
	size_t count = length_bytes < QUOTE_MAX ? length_bytes : QUOTE_MAX;

	text_append(text, "\"", 1);
	for (size_t i = 0; i < count; i++) {
		unsigned char c = (unsigned char)bytes[i];
		const char *found = c ? strchr(escaped, c) : NULL;

		if (found)
			text_printf(text, "\\%c", letters[found - escaped]);
		else if (c < ' ' || c == 0x7f)
			text_printf(text, "\\x%02x", c);
		else
			text_append(text, &bytes[i], 1);
	}
	text_append(text, "\"", 1);
	if (count < length_bytes)
		text_append(text, "...", 3);
}

static void say_bad_entry(struct http_reply *reply,
			  const struct terms_multi_entry *entry,
			  const char *reason)
{
	text_printf(&reply->body, "fail to parse failpoint: bad failpoint ");
	quote(&reply->body, entry->text, entry->length_bytes);
	say(reply, 400, "\n%s", reason);
}

/* Finds the first bad entry, which gofail repeats in its answer. */
static bool is_well_formed(const struct http_request *request,
			   struct http_reply *reply)
{
	struct terms_multi_entry entry;
	struct errmsg why;
	size_t cursor = 0;
	int r;

	do {
		r = terms_multi_next(request->body, request->body_bytes,
				     &cursor, &entry, &why);
	} while (r > 0);
	if (r < 0)
		say_bad_entry(reply, &entry, why.text);
	return r == 0;
}

static void put_all(const struct http_host *host,
		    const struct http_request *request,
		    struct http_reply *reply)
{
	struct errmsg why = {0};
	int r;

	if (!is_well_formed(request, reply))
		return;
	r = host->enable_all(host->data, request->body, request->body_bytes,
			     &why);
	if (r < 0)
		say_not_set(reply, r, why.text);
	else
		say_done(reply);
}

static bool is_all(const char *name)
{
	return strcasecmp(name, "failpoints") == 0;
}

static void decide_put(const struct http_host *host, const char *name,
		       const struct http_request *request,
		       struct http_reply *reply)
{
	if (host->hold_deaths) {
		host->hold_deaths(host->data);
		reply->held = host;
	}
	if (is_all(name))
		put_all(host, request, reply);
	else
		put_one(host, name, request, reply);
}

static void decide_delete(const struct http_host *host, const char *name,
			  struct http_reply *reply)
{
	int r = host->disable(host->data, name);

	if (r == -ENOENT && is_all(name)) {
		host->disable_all(host->data);
		r = 0;
	}
	if (r < 0)
		say(reply, 400, "failed to delete failpoint %s", words_of(r));
	else
		say_done(reply);
}

static void decide(const struct http_host *host,
		   const struct http_request *request, struct http_reply *reply)
{
	char name[HTTP_REPLY_TARGET_MAX];
	size_t length = request->target_bytes;

	if (length == 0 || request->target[0] != '/' ||
	    memchr(request->target, '\0', length)) {
		say(reply, 400, "malformed request URI");
		return;
	}
	if (length > HTTP_REPLY_TARGET_MAX) {
		say(reply, 414, "the path is longer than %zu bytes",
		    HTTP_REPLY_TARGET_MAX);
		return;
	}
	if (request->body_too_long) {
		say(reply, 413, "the body is longer than %zu bytes",
		    HTTP_REPLY_BODY_MAX);
		return;
	}
	memcpy(name, request->target + 1, length - 1);
	name[length - 1] = '\0';
	if (strcmp(request->method, "PUT") == 0) {
		decide_put(host, name, request, reply);
	} else if (strcmp(request->method, "GET") == 0) {
		decide_get(host, name, request->late, reply);
	} else if (strcmp(request->method, "DELETE") == 0) {
		decide_delete(host, name, reply);
	} else {
		say(reply, 405, "Method not allowed");
		reply->allow = "DELETE, GET, PUT";
	}
}

void http_reply_decide(const struct http_host *host,
		       const struct http_request *request,
		       struct http_reply *ret_reply)
{
	struct http_reply reply = {0};

	text_init(&reply.body);
	decide(host, request, &reply);
	if (reply.status != 0 && text_result(&reply.body) < 0) {
		text_done(&reply.body);
		reply.status = 500;
		reply.content_type = NULL;
	}
	*ret_reply = reply;
}

void http_reply_done(struct http_reply *reply)
{
	text_done(&reply->body);
	if (reply->held)
		reply->held->release_deaths(reply->held->data);
	*reply = (struct http_reply){0};
}

const char *http_reply_phrase(unsigned int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 204:
		return "No Content";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 408:
		return "Request Timeout";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 500:
		return "Internal Server Error";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	default:
		return "Unknown";
	}
}
