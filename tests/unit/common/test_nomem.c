/* SPDX-License-Identifier: MIT */
/*
 * Memory runs out in the parts that all backends share: the first, second, ...
 * allocation fails, until one run ends without a failure. What was asked for has
 * happened as a whole, or the answer is -ENOMEM and nothing has.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/backend.h"
#include "common/client.h"
#include "common/control.h"
#include "common/errmsg.h"
#include "common/event.h"
#include "common/flakey.h"
#include "common/mode.h"
#include "common/mountinfo.h"
#include "common/plan.h"
#include "common/subprocess.h"
#include "common/text.h"
#include "tests/unit/fusefs/nomem.h"

#define FAILURES_MAX 200
#define TEXT_BYTES 16384

/* A backend that counts what it is asked to do. */
struct backend {
	unsigned int calls;
};

static int set_mode(struct backend *backend, const struct mode *mode,
		    struct errmsg *why)
{
	(void)mode;
	(void)why;
	backend->calls++;
	return 0;
}

static void get_mode(struct backend *backend, struct mode *ret_mode,
		     int64_t *ret_elapsed_ms)
{
	(void)backend;
	*ret_mode = (struct mode){.kind = MODE_DROP_WRITES, .for_ms = 3000};
	*ret_elapsed_ms = 1000;
}

static int crash(struct backend *backend, const struct plan *plan,
		 struct backend_report *ret_report, struct errmsg *why)
{
	(void)plan;
	(void)why;
	backend->calls++;
	/* Without memory it is left out. */
	*ret_report = (struct backend_report){.incarnation = 2,
					      .lost_list = strdup("data /a\n")};
	return 0;
}

static int sync_all(struct backend *backend, struct errmsg *why)
{
	(void)why;
	backend->calls++;
	return 0;
}

static int evict(struct backend *backend, uint64_t *ret_bytes,
		 struct errmsg *why)
{
	(void)why;
	backend->calls++;
	*ret_bytes = 4096;
	return 0;
}

static void status(struct backend *backend, struct backend_status *ret_status)
{
	(void)backend;
	*ret_status = (struct backend_status){
		.backend = "fake",
		.profile = "ext4",
		.source = "/a\"b",
		.mountpoint = "/m",
		.state = "ok",
	};
}

static int unsynced(struct backend *backend, backend_loss_fn *each, void *user)
{
	const struct backend_loss loss = {
		.kind = "data",
		.path = "/a",
		.what = "written",
		.length_bytes = 10,
	};
	int r = 0;

	(void)backend;
	for (int i = 0; i < 50 && r == 0; i++)
		r = each(user, &loss);
	return r;
}

static const struct backend_ops ops = {
	.set_mode = set_mode,
	.get_mode = get_mode,
	.crash = crash,
	.sync = sync_all,
	.evict = evict,
	.status = status,
	.unsynced = unsynced,
};

struct fixture {
	struct backend backend;
	struct event_log *events;
	struct control *control;
};

static int set_up(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){.events = event_new()};
	assert_non_null(fixture.events);
	fixture.control = control_new(&fixture.backend, &ops, fixture.events);
	assert_non_null(fixture.control);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	control_free(f->control);
	event_free(f->events);
	return 0;
}

/* One sweep: call() is run with its nth allocation failing. Its result is said to
 * be right by the call itself, which knows whether a failure was met. */
static void sweep(int (*call)(struct fixture *, bool *), struct fixture *f)
{
	for (unsigned int nth = 1; nth < FAILURES_MAX; nth++) {
		bool fired = false;
		nomem_arm(nth);
		int r = call(f, &fired);
		if (r != 0 && r != -ENOMEM)
			fail_msg("allocation %u: %d", nth, r);
		if (!fired) {
			assert_int_equal(r, 0);
			assert_true(nth > 1);
			return;
		}
	}
	fail_msg("it never ends");
}

/* Like open, read and close; 0 with the text, or what open said. */
static int read_file(struct fixture *f, const char *name, char *text)
{
	struct control_handle *handle = NULL;

	int r = control_open(f->control, (size_t)control_file_find(name),
			     &handle);
	if (r < 0)
		return r;
	ssize_t n = control_read(handle, text, TEXT_BYTES - 1, 0);
	control_close(handle);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	return 0;
}

static const char *file;

static int read_whole(struct fixture *f, bool *fired)
{
	static char text[TEXT_BYTES];
	static char whole[TEXT_BYTES];

	int r = read_file(f, file, text);
	*fired = nomem_disarm();
	assert_int_equal(read_file(f, file, whole), 0);
	if (r == 0)
		assert_string_equal(text, whole);
	return r;
}

static void control_file_is_whole_or_not_there(void **state)
{
	static const char *const names[] = {"mode", "status", "unsynced",
					    "log"};

	event_add(((struct fixture *)*state)->events, "mark", NULL);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		file = names[i];
		sweep(read_whole, *state);
	}
}

static const char *line;
static bool acts; /* the line makes the backend do something */

static int write_line(struct fixture *f, bool *fired)
{
	static char text[TEXT_BYTES];
	struct control_handle *handle = NULL;
	unsigned int before = f->backend.calls;

	int r = control_open(f->control, (size_t)control_file_find("control"),
			     &handle);
	ssize_t n = r;
	if (r == 0)
		n = control_write(handle, line, strlen(line));
	control_close(handle);
	*fired = nomem_disarm();
	bool acted = f->backend.calls > before;
	assert_int_equal(acted, acts && n > 0);
	if (n < 0 && n != -ENOMEM) {
		/* Refused for what it says. */
		assert_false(acts);
		n = 0;
	}
	/* The surface goes on working. */
	assert_int_equal(read_file(f, "error", text), 0);
	assert_int_equal(read_file(f, "status", text), 0);
	return n > 0 ? 0 : (int)n;
}

static void line_without_memory_does_nothing_or_all(void **state)
{
	static const struct {
		const char *line;
		bool acts;
	} lines[] = {
		{"crash keep=all\n", true},
		{"sync\n", true},
		{"evict format=json\n", true},
		{"mode error-writes for=3s\n", true},
		{"krash\n", false},
		{"crash keep=many\n", false},
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		line = lines[i].line;
		acts = lines[i].acts;
		sweep(write_line, *state);
	}
}

static size_t log_lines(struct fixture *f, const char *words)
{
	static char text[TEXT_BYTES];
	off_t begin;
	size_t count = 0;

	size_t n = event_read(f->events, 0, text, sizeof(text) - 1, &begin);
	text[n] = '\0';
	for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
		count++;
	return count;
}

static int log_event(struct fixture *f, bool *fired)
{
	size_t before = log_lines(f, "\"event\":\"one\"");

	event_add(f->events, "one", "\"text\":\"%s\"", "a");
	*fired = nomem_disarm();
	size_t added = log_lines(f, "\"event\":\"one\"") - before;
	if (added == 1)
		return 0;
	/* The next line says that one is missing. */
	before = log_lines(f, "\"dropped\":1");
	event_add(f->events, "two", NULL);
	assert_int_equal(log_lines(f, "\"dropped\":1"), before + 1);
	return -ENOMEM;
}

static void event_without_memory_is_counted(void **state)
{
	sweep(log_event, *state);
}

static int make_all(struct fixture *f, bool *fired)
{
	struct event_log *events = event_new();
	struct control *control = NULL;

	if (events != NULL)
		control = control_new(&f->backend, &ops, events);
	*fired = nomem_disarm();
	bool whole = control != NULL;
	control_free(control);
	event_free(events);
	return whole ? 0 : -ENOMEM;
}

static void surface_without_memory_is_not_made(void **state)
{
	sweep(make_all, *state);
}

static int find_mount(struct fixture *f, bool *fired)
{
	struct mountinfo mount = {0};
	char *path = NULL;
	bool dead;

	(void)f;
	int r = mountinfo_resolve("/proc/self", &path, &dead);
	if (r == 0)
		r = mountinfo_find(path, &mount);
	*fired = nomem_disarm();
	if (r == 0)
		assert_string_equal(mount.type, "proc");
	mountinfo_done(&mount);
	free(path);
	return r;
}

static void mount_is_found_or_memory_is_missing(void **state)
{
	sweep(find_mount, *state);
}

static int open_client(struct fixture *f, bool *fired)
{
	struct client *client = NULL;
	struct errmsg why = {""};

	(void)f;
	int r = client_open("/proc", NULL, &client, &why);
	*fired = nomem_disarm();
	client_close(client);
	assert_true(why.text[0] != '\0');
	return r == -ENOTTY ? 0 : r;
}

static void client_of_no_mount_is_told_why(void **state)
{
	sweep(open_client, *state);
}

static int attach(struct fixture *f, bool *fired)
{
	struct flakey *flakey = NULL;
	char why[200] = "";

	(void)f;
	int r = flakey_attach("/proc", NULL, &flakey, why, sizeof(why));
	*fired = nomem_disarm();
	assert_null(flakey);
	assert_true(why[0] != '\0');
	return r == -ENOTTY ? 0 : r;
}

static void library_without_memory_says_so(void **state)
{
	sweep(attach, *state);
}

static int print(struct fixture *f, bool *fired)
{
	struct text text;

	(void)f;
	text_init(&text);
	for (int i = 0; i < 1000; i++)
		text_printf(&text, "%d ", i);
	text_json_string(&text, "a\"b\n");
	int r = text_result(&text);
	*fired = nomem_disarm();
	if (r == 0)
		assert_non_null(
			strstr(text.data, " 998 999 \"a\\\"b\\u000a\""));
	text_done(&text);
	return r;
}

static void text_is_whole_or_an_error(void **state)
{
	sweep(print, *state);
}

#define IN_FIXTURE(test)                                                       \
	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FIXTURE(control_file_is_whole_or_not_there),
		IN_FIXTURE(line_without_memory_does_nothing_or_all),
		IN_FIXTURE(event_without_memory_is_counted),
		IN_FIXTURE(surface_without_memory_is_not_made),
		IN_FIXTURE(mount_is_found_or_memory_is_missing),
		IN_FIXTURE(client_of_no_mount_is_told_why),
		IN_FIXTURE(library_without_memory_says_so),
		IN_FIXTURE(text_is_whole_or_an_error),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
