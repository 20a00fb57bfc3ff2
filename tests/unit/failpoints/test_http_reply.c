/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "failpoints/http_reply.h"
#include "tests/unit/common/jsoncheck.h"
#include "tests/unit/failpoints/pointtable.h"

#define MISSING "failpoint: failpoint does not exist\n"
#define OFF "failpoint: failpoint is disabled\n"

/* Points as a program may have them, for each test anew. */
struct scene {
	struct pointtable_row rows[8];
	struct pointtable table;
	struct http_reply reply;
};

static int make_scene(void **state)
{
	static const struct pointtable_row rows[] = {
		{.point = {.name = "a%2Fb"}, .terms = "print"},
		{.point = {.name = "armed",
			   .hits = 7,
			   .fired = 2,
			   .paused = 1,
			   .location = "a.c:12",
			   .type = "int",
			   .doc = "says \"a\""},
		 .terms = "5*off->return(1)"},
		{.point = {.name = "dir/x", .fired = 3}, .terms = "print"},
		{.point = {.name = "idle"}},
		{.point = {.name = "idle/count", .fired = 9}, .terms = "off"},
		{.point = {.name = "later", .pending = true}, .terms = "print"},
		{.point = {.name = "odd/status"}, .terms = "sleep(1)"},
		{.point = {.name = "q?a=b"}, .terms = "yield"},
	};
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	memcpy(scene->rows, rows, sizeof(rows));
	pointtable_init(&scene->table, scene->rows,
			sizeof(rows) / sizeof(rows[0]));
	*state = scene;
	return 0;
}

static int drop_scene(void **state)
{
	struct scene *scene = *state;

	http_reply_done(&scene->reply);
	/* Every reply lets those die that it held. */
	assert_int_equal(scene->table.held, 0);
	free(scene);
	return 0;
}

static void ask_all(struct scene *scene, const struct http_request *request)
{
	http_reply_done(&scene->reply);
	http_reply_decide(&scene->table.host, request, &scene->reply);
}

static void ask(struct scene *scene, const char *method, const char *target,
		const char *body)
{
	ask_all(scene, &(struct http_request){.method = method,
					      .target = target,
					      .target_bytes = strlen(target),
					      .body = body,
					      .body_bytes = strlen(body)});
}

/* Is asked for, and has to answer so. A NULL body: there is none. */
static void says(struct scene *scene, const char *request, const char *sent,
		 unsigned int status, const char *body)
{
	char method[16];
	size_t length = strcspn(request, " ");

	assert_true(length < sizeof(method));
	memcpy(method, request, length);
	method[length] = '\0';
	ask(scene, method, request + length + 1, sent);
	if (scene->reply.status != status)
		print_error("%s\n", request);
	assert_int_equal(scene->reply.status, status);
	if (body) {
		assert_string_equal(scene->reply.body.data, body);
		assert_string_equal(scene->reply.content_type,
				    "text/plain; charset=utf-8");
	} else {
		assert_int_equal(scene->reply.body.length_bytes, 0);
		assert_null(scene->reply.content_type);
	}
}

static void list_is_sorted_and_leaves_out_what_is_not_there(void **state)
{
	struct scene *scene = *state;

	says(scene, "GET /", "", 200,
	     "a%2Fb=print\narmed=5*off->return(1)\ndir/x=print\nidle=\n"
	     "idle/count=off\nodd/status=sleep(1)\nq?a=b=yield\n");
	scene->table.count = 0;
	says(scene, "GET /", "", 200, "\n");
}

static void terms_are_shown(void **state)
{
	struct scene *scene = *state;

	says(scene, "GET /armed", "", 200, "5*off->return(1)\n");
	says(scene, "GET /dir/x", "", 200, "print\n");
	says(scene, "GET /idle", "", 404, "failed to GET: " OFF);
	says(scene, "GET /none", "", 404, "failed to GET: " MISSING);
	says(scene, "GET /later", "", 404, "failed to GET: " MISSING);
	says(scene, "GET /armed/", "", 404, "failed to GET: " MISSING);
	says(scene, "GET //armed", "", 404, "failed to GET: " MISSING);
}

static void counts_are_bare_numbers(void **state)
{
	struct scene *scene = *state;

	says(scene, "GET /armed/count", "", 200, "2");
	says(scene, "GET /dir/x/count", "", 200, "3");
	/* It is the count of idle, not the terms of idle/count. */
	says(scene, "GET /idle/count", "", 500, "failed to GET: " OFF);
	says(scene, "GET /idle/count/count", "", 200, "9");
	says(scene, "GET /none/count", "", 404, "failed to GET: " MISSING);
	says(scene, "GET /later/count", "", 404, "failed to GET: " MISSING);
	says(scene, "GET /count", "", 404, "failed to GET: " MISSING);
	says(scene, "GET //count", "", 404, "failed to GET: " MISSING);
}

static void count_of_nothing_may_be_a_name(void **state)
{
	struct scene *scene = *state;

	scene->rows[3].point.name = "gone";
	says(scene, "GET /idle/count", "", 200, "off\n");
}

static void names_are_raw(void **state)
{
	struct scene *scene = *state;

	says(scene, "GET /a%2Fb", "", 200, "print\n");
	says(scene, "GET /a/b", "", 404, "failed to GET: " MISSING);
	says(scene, "GET /q?a=b", "", 200, "yield\n");
	says(scene, "GET /armed?x", "", 404, "failed to GET: " MISSING);
	says(scene, "GET /odd/status", "", 200, "sleep(1)\n");
	says(scene, "PUT /armed?x", "off", 400,
	     "fail to set failpoint: " MISSING);
}

static void put_arms(void **state)
{
	struct scene *scene = *state;

	says(scene, "PUT /idle", "2*off->print", 204, NULL);
	says(scene, "GET /idle", "", 200, "2*off->print\n");
	says(scene, "PUT /armed", "off", 204, NULL);
	says(scene, "GET /armed/count", "", 200, "0");
}

static void put_that_fails_changes_nothing(void **state)
{
	struct scene *scene = *state;

	says(scene, "PUT /none", "off", 400, "fail to set failpoint: " MISSING);
	says(scene, "PUT /armed", "bad", 400,
	     "fail to set failpoint: failpoint: could not parse terms\n"
	     "offset 0: these are no terms\n");
	says(scene, "PUT /armed", "", 400,
	     "fail to set failpoint: failpoint: could not parse terms\n"
	     "offset 0: these are no terms\n");
	says(scene, "PUT /", "off", 400, "fail to set failpoint: " MISSING);
	says(scene, "GET /armed/count", "", 200, "2");
	scene->table.next = -ENOMEM;
	says(scene, "PUT /armed", "off", 500,
	     "fail to set failpoint: out of memory\n");
}

static void put_of_many_is_all_or_nothing(void **state)
{
	struct scene *scene = *state;

	says(scene, "PUT /failpoints", "", 204, NULL);
	says(scene, "PUT /failpoints", ";;", 204, NULL);
	says(scene, "PUT /FailPoints", "idle=off;armed=print;", 204, NULL);
	says(scene, "GET /idle", "", 200, "off\n");
	says(scene, "GET /armed", "", 200, "print\n");
	says(scene, "PUT /failpoints", "idle=yield;none=off", 400,
	     "fail to set failpoint: failpoint: failpoint does not exist\n"
	     "no point 'none'\n");
	says(scene, "PUT /failpoints", "idle=yield;armed=bad", 400,
	     "fail to set failpoint: failpoint: could not parse terms\n"
	     "offset 0: these are no terms\n");
	says(scene, "GET /idle", "", 200, "off\n");
}

static void bad_entry_is_repeated(void **state)
{
	struct scene *scene = *state;
	const char *start =
		"fail to parse failpoint: bad failpoint \"id\\\"le\\x01\"\n";

	ask(scene, "PUT", "/failpoints", "armed=off;id\"le\001");
	assert_int_equal(scene->reply.status, 400);
	assert_memory_equal(scene->reply.body.data, start, strlen(start));
	assert_non_null(strstr(scene->reply.body.data, "\noffset "));
	says(scene, "GET /armed", "", 200, "5*off->return(1)\n");
}

static void long_bad_entry_is_cut(void **state)
{
	struct scene *scene = *state;
	size_t length = HTTP_REPLY_BODY_MAX;
	char *body = malloc(length + 1);

	assert_non_null(body);
	memset(body, 'x', length);
	body[length] = '\0';
	ask(scene, "PUT", "/failpoints", body);
	free(body);
	assert_int_equal(scene->reply.status, 400);
	assert_true(scene->reply.body.length_bytes < 2000);
	assert_non_null(strstr(scene->reply.body.data, "xxx\"...\n"));
}

static void delete_disarms(void **state)
{
	struct scene *scene = *state;

	says(scene, "DELETE /armed", "", 204, NULL);
	says(scene, "DELETE /armed", "", 400,
	     "failed to delete failpoint " OFF);
	says(scene, "DELETE /none", "", 400,
	     "failed to delete failpoint " MISSING);
	says(scene, "DELETE /", "", 400, "failed to delete failpoint " MISSING);
	says(scene, "GET /dir/x", "", 200, "print\n");
	says(scene, "DELETE /failpoints", "", 204, NULL);
	says(scene, "GET /dir/x", "", 404, "failed to GET: " OFF);
	says(scene, "DELETE /failpoints", "", 204, NULL);
}

static void other_methods_are_refused(void **state)
{
	static const char *const requests[] = {"POST /armed", "HEAD /armed",
					       "OPTIONS /",   "put /armed",
					       "GETS /armed", "PATCH /"};
	struct scene *scene = *state;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		says(scene, requests[i], "off", 405, "Method not allowed\n");
		assert_string_equal(scene->reply.allow, "DELETE, GET, PUT");
	}
	says(scene, "GET /armed/count", "", 200, "2");
}

static void targets_that_are_no_paths_are_refused(void **state)
{
	struct scene *scene = *state;

	says(scene, "GET http://h/armed", "", 400, "malformed request URI\n");
	says(scene, "OPTIONS *", "", 400, "malformed request URI\n");
	says(scene, "GET ", "", 400, "malformed request URI\n");
	ask_all(scene, &(struct http_request){.method = "GET",
					      .target = "/armed\0x",
					      .target_bytes = 8});
	assert_int_equal(scene->reply.status, 400);
}

static void lengths_are_limited(void **state)
{
	static char target[HTTP_REPLY_TARGET_MAX + 2];
	struct scene *scene = *state;

	memset(target, 'x', sizeof(target) - 1);
	target[0] = '/';
	ask(scene, "PUT", target, "off");
	assert_int_equal(scene->reply.status, 414);
	assert_string_equal(scene->reply.body.data,
			    "the path is longer than 4096 bytes\n");
	target[HTTP_REPLY_TARGET_MAX] = '\0';
	ask(scene, "PUT", target, "off");
	assert_int_equal(scene->reply.status, 400);
	ask_all(scene, &(struct http_request){.method = "PUT",
					      .target = "/armed",
					      .target_bytes = 6,
					      .body = "",
					      .body_too_long = true});
	assert_int_equal(scene->reply.status, 413);
	assert_string_equal(scene->reply.body.data,
			    "the body is longer than 1048576 bytes\n");
	says(scene, "GET /armed/count", "", 200, "2");
}

static void status_tells_all(void **state)
{
	struct scene *scene = *state;

	says(scene, "GET /armed/status", "", 200,
	     "name                armed\n"
	     "state               armed\n"
	     "terms               5*off->return(1)\n"
	     "hits                7\n"
	     "fired               2\n"
	     "paused              1\n"
	     "location            a.c:12\n"
	     "type                int\n"
	     "doc                 says \"a\"\n");
	ask(scene, "GET", "/armed/status?format=json", "");
	assert_string_equal(
		scene->reply.body.data,
		"{\"name\":\"armed\",\"state\":\"armed\","
		"\"terms\":\"5*off->return(1)\",\"hits\":7,\"fired\":2,"
		"\"paused\":1,\"location\":\"a.c:12\",\"type\":\"int\","
		"\"doc\":\"says \\\"a\\\"\"}\n");
	assert_string_equal(scene->reply.content_type, "application/json");
	ask(scene, "GET", "/idle/status?format=text", "");
	assert_non_null(strstr(scene->reply.body.data, "disabled\n"));
	ask(scene, "GET", "/later/status", "");
	assert_non_null(strstr(scene->reply.body.data, "pending\n"));
	ask(scene, "GET", "/odd/status/status", "");
	assert_non_null(strstr(scene->reply.body.data, "sleep(1)\n"));
	says(scene, "GET /none/status", "", 404, "failed to GET: " MISSING);
	says(scene, "GET /armed/status?format=xml", "", 400,
	     "failed to GET: format=xml: is not text or json\n");
	says(scene, "GET /armed/status?color", "", 400,
	     "failed to GET: unknown 'color'; use format=json\n");
}

static void listing_tells_all_of_all(void **state)
{
	struct scene *scene = *state;
	const char *at;
	size_t count = 0;

	ask(scene, "GET", "/failpoints?format=json", "");
	assert_int_equal(scene->reply.status, 200);
	assert_true(jsoncheck_valid(scene->reply.body.data));
	assert_non_null(strstr(scene->reply.body.data,
			       "\"name\":\"later\",\"state\":\"pending\""));
	ask(scene, "GET", "/failpoints", "");
	at = scene->reply.body.data;
	for (; (at = strstr(at, "name   ")); at++)
		count++;
	assert_int_equal(count, scene->table.count);
	scene->table.count = 0;
	says(scene, "GET /failpoints", "", 200, "");
	ask(scene, "GET", "/failpoints?format=json", "");
	assert_string_equal(scene->reply.body.data, "{\"failpoints\":[]}\n");
}

static void wait_is_answered_when_it_may_be(void **state)
{
	struct scene *scene = *state;
	struct http_request request = {.method = "GET",
				       .target = "/armed/wait?fired=3",
				       .target_bytes = 19};

	says(scene, "GET /armed/wait", "", 200, "2\n");
	says(scene, "GET /armed/wait?fired=2&timeout=1s", "", 200, "2\n");
	says(scene, "GET /idle/wait?fired=0", "", 200, "0\n");
	says(scene, "GET /none/wait", "", 404, "failed to GET: " MISSING);
	ask_all(scene, &request);
	assert_int_equal(scene->reply.status, 0);
	assert_int_equal(scene->reply.timeout_ns, HTTP_REPLY_WAIT_NS);
	scene->rows[1].point.fired = 3;
	ask_all(scene, &request);
	assert_string_equal(scene->reply.body.data, "3\n");
	scene->rows[1].point.fired = 0;
	request.late = true;
	ask_all(scene, &request);
	assert_int_equal(scene->reply.status, 504);
	assert_string_equal(
		scene->reply.body.data,
		"failed to GET: failpoint: has fired 0 of 3 times\n");
	says(scene, "GET /idle/wait?timeout=0", "", 504,
	     "failed to GET: failpoint: has fired 0 of 1 times\n");
	/* What was never armed, or is not there yet, may still come. */
	ask(scene, "GET", "/idle/wait?timeout=1.5s", "");
	assert_int_equal(scene->reply.status, 0);
	assert_int_equal(scene->reply.timeout_ns, 1500000000);
	ask(scene, "GET", "/later/wait?fired=2", "");
	assert_int_equal(scene->reply.status, 0);
}

static void bad_wait_is_refused(void **state)
{
	static const char *const requests[] = {
		"/armed/wait?fired=",
		"/armed/wait?fired=-1",
		"/armed/wait?fired=3x",
		"/armed/wait?fired=99999999999999999999",
		"/armed/wait?fired= 1",
		"/armed/wait?timeout=",
		"/armed/wait?timeout=5",
		"/armed/wait?timeout=5q",
		"/armed/wait?timeout=2h",
		"/armed/wait?timeout=-1s",
		"/armed/wait?count=1",
		"/armed/wait?fired=1;timeout=1s",
	};
	struct scene *scene = *state;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		ask(scene, "GET", requests[i], "");
		if (scene->reply.status != 400)
			print_error("%s\n", requests[i]);
		assert_int_equal(scene->reply.status, 400);
	}
}

static void death_waits_for_the_reply_to_a_put(void **state)
{
	struct scene *scene = *state;

	says(scene, "GET /armed", "", 200, "5*off->return(1)\n");
	assert_int_equal(scene->table.held_max, 0);
	says(scene, "PUT /armed", "panic", 204, NULL);
	assert_int_equal(scene->table.held, 1);
	http_reply_done(&scene->reply);
	assert_int_equal(scene->table.held, 0);
	http_reply_done(&scene->reply);
	assert_int_equal(scene->table.held, 0);
	says(scene, "PUT /failpoints", "armed=panic", 204, NULL);
	assert_int_equal(scene->table.held, 1);
}

int main(void)
{
#define SCENE(name)                                                            \
	cmocka_unit_test_setup_teardown(name, make_scene, drop_scene)
	const struct CMUnitTest tests[] = {
		SCENE(list_is_sorted_and_leaves_out_what_is_not_there),
		SCENE(terms_are_shown),
		SCENE(counts_are_bare_numbers),
		SCENE(count_of_nothing_may_be_a_name),
		SCENE(names_are_raw),
		SCENE(put_arms),
		SCENE(put_that_fails_changes_nothing),
		SCENE(put_of_many_is_all_or_nothing),
		SCENE(bad_entry_is_repeated),
		SCENE(long_bad_entry_is_cut),
		SCENE(delete_disarms),
		SCENE(other_methods_are_refused),
		SCENE(targets_that_are_no_paths_are_refused),
		SCENE(lengths_are_limited),
		SCENE(status_tells_all),
		SCENE(listing_tells_all_of_all),
		SCENE(wait_is_answered_when_it_may_be),
		SCENE(bad_wait_is_refused),
		SCENE(death_waits_for_the_reply_to_a_put),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
