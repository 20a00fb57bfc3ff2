/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/backend.h"
#include "common/control.h"
#include "common/errmsg.h"
#include "common/event.h"
#include "common/mode.h"
#include "common/plan.h"
#include "tests/unit/common/jsoncheck.h"

/* A backend that only remembers what it was asked. */
struct backend {
	struct mode mode;
	int64_t elapsed_ms;
	unsigned int calls; /* of verbs that do something */
	enum plan_keep kept;
	int fail; /* errno that the next verbs answer, or 0 */
	size_t losses;
};

static int refuse(struct backend *backend, struct errmsg *why)
{
	backend->calls++;
	if (backend->fail)
		errmsg_set(why, "the fake is tired");
	return -backend->fail;
}

static int set_mode(struct backend *backend, const struct mode *mode,
		    struct errmsg *why)
{
	backend->mode = *mode;
	return refuse(backend, why);
}

static void get_mode(struct backend *backend, struct mode *ret_mode,
		     int64_t *ret_elapsed_ms)
{
	*ret_mode = backend->mode;
	*ret_elapsed_ms = backend->elapsed_ms;
}

static int crash(struct backend *backend, const struct plan *plan,
		 struct backend_report *ret_report, struct errmsg *why)
{
	backend->kept = plan->keep;
	*ret_report = (struct backend_report){
		.incarnation = 2,
		.lost_bytes = 8192,
		.lost_list = backend->fail ? NULL : strdup("data /a\n"),
	};
	return refuse(backend, why);
}

static int sync_all(struct backend *backend, struct errmsg *why)
{
	return refuse(backend, why);
}

/* Says nothing about a failure: the surface has to find words. */
static int evict(struct backend *backend, uint64_t *ret_bytes,
		 struct errmsg *why)
{
	(void)why;
	backend->calls++;
	*ret_bytes = 4096;
	return -backend->fail;
}

static void status(struct backend *backend, struct backend_status *ret_status)
{
	(void)backend;
	*ret_status = (struct backend_status){
		.backend = "fake",
		.profile = "ext4",
		.source = "/s",
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

	if (backend->fail)
		return -backend->fail;
	for (size_t i = 0; i < backend->losses; i++)
		(void)each(user, &loss);
	return 0;
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
	char got[8192]; /* what was read last */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->events = event_new();
	f->control = control_new(&f->backend, &ops, f->events);
	assert_non_null(f->events);
	assert_non_null(f->control);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	control_free(f->control);
	event_free(f->events);
	free(f);
	return 0;
}

static struct control_handle *open_file(struct fixture *f, const char *name)
{
	struct control_handle *handle = NULL;
	int index = control_file_find(name);

	assert_true(index >= 0);
	assert_int_equal(control_open(f->control, (size_t)index, &handle), 0);
	return handle;
}

static const char *read_handle(struct fixture *f, struct control_handle *handle)
{
	ssize_t size = control_read(handle, f->got, sizeof(f->got) - 1, 0);

	assert_true(size >= 0);
	f->got[size] = '\0';
	return f->got;
}

static const char *read_file(struct fixture *f, const char *name)
{
	struct control_handle *handle = open_file(f, name);

	(void)read_handle(f, handle);
	control_close(handle);
	return f->got;
}

/* Writes to a fresh handle and reads its answer into f->got. */
static ssize_t send(struct fixture *f, const char *name, const char *line)
{
	struct control_handle *handle = open_file(f, name);
	ssize_t r = control_write(handle, line, strlen(line));

	(void)read_handle(f, handle);
	control_close(handle);
	return r;
}

static void files_have_names_and_numbers(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(control_file_count(), 7);
	for (size_t i = 0; i < control_file_count(); i++)
		assert_int_equal(control_file_find(control_file_name(i)), i);
	assert_int_equal(control_file_find("nothing"), -1);
	assert_int_equal(control_file_find(""), -1);
	for (size_t i = 0; i < control_file_count(); i++) {
		const char *name = control_file_name(i);
		bool writable = strcmp(name, "mode") == 0 ||
				strcmp(name, "control") == 0 ||
				strcmp(name, "faults") == 0;
		struct control_handle *handle;

		assert_int_equal(control_file_writable(i), writable);
		/* This backend has no rules. */
		if (strcmp(name, "faults") == 0)
			continue;
		handle = open_file(f, name);
		assert_int_equal(control_write_blocks(handle), writable);
		if (!writable)
			assert_int_equal(control_write(handle, "sync", 4),
					 -EACCES);
		control_close(handle);
	}
}

static void what_the_backend_has_not_got_is_said_in_one_form(void **state)
{
	static const char *const lines[] = {
		"fault add fs/write=return(EIO)",
		"fault clear",
		"fault list",
		"wait fs/write fired=1",
		"snapshot /nowhere",
	};
	struct control_handle *handle = NULL;
	struct fixture *f = *state;
	const char *begin = "not supported by the fake backend: ";

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(send(f, "control", lines[i]), -ENOTSUP);
		assert_ptr_equal(strstr(read_file(f, "error"), begin), f->got);
	}
	assert_int_equal(control_open(f->control,
				      (size_t)control_file_find("faults"),
				      &handle),
			 -ENOTSUP);
	assert_non_null(strstr(read_file(f, "error"), "fault rules"));
}

static void verbs_reach_the_backend_and_answer(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(send(f, "control", "crash keep=all"), 14);
	assert_int_equal(f->backend.kept, PLAN_KEEP_ALL);
	assert_ptr_equal(strstr(f->got, "crashed: incarnation 2"), f->got);
	assert_int_equal(send(f, "control", "sync\n"), 5);
	assert_string_equal(f->got, "synced\n");
	assert_int_equal(send(f, "control", "evict"), 5);
	assert_string_equal(f->got, "evicted 4096 bytes\n");
	assert_int_equal(f->backend.calls, 3);
	assert_int_equal(send(f, "control", "error-writes for=2s"), 19);
	assert_string_equal(f->got, "mode error-writes for=2s\n");
	assert_int_equal(f->backend.mode.kind, MODE_ERROR_WRITES);
	assert_true(send(f, "control", "mode drop-writes") > 0);
	assert_int_equal(f->backend.mode.kind, MODE_DROP_WRITES);
	assert_true(send(f, "control", "help") > 0);
	assert_non_null(strstr(f->got, "unsynced"));
	assert_true(send(f, "control", "status") > 0);
	assert_non_null(strstr(f->got, "fake"));
	assert_true(send(f, "control", "unsynced") > 0);
	assert_string_equal(f->got, "nothing is at risk\n");
}

static void json_of_every_verb_is_valid(void **state)
{
	static const char *const verbs[] = {
		"crash",
		"sync",
		"evict",
		"status",
		"help",
		"unsynced",
		"mode drop-writes",
		"allow-writes",
	};
	struct fixture *f = *state;

	f->backend.losses = 2;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		char line[64];

		(void)snprintf(line, sizeof(line), "%s format=json", verbs[i]);
		assert_true(send(f, "control", line) > 0);
		assert_true(jsoncheck_valid(f->got));
	}
}

static void mode_file_is_the_mode_in_force(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(read_file(f, "mode"), "allow-writes\n");
	assert_int_equal(send(f, "mode", "drop-writes for=3.2s\n"), 21);
	f->backend.elapsed_ms = 3199;
	assert_string_equal(read_file(f, "mode"), "drop-writes for=3.2s\n");
	f->backend.elapsed_ms = 3200;
	assert_string_equal(read_file(f, "mode"), "allow-writes\n");
	assert_int_equal(send(f, "mode", "crash"), -ENOENT);
	assert_int_equal(send(f, "mode", ""), -EINVAL);
	assert_string_equal(read_file(f, "control"), "");
}

static void contents_are_of_the_moment_of_open(void **state)
{
	struct fixture *f = *state;
	struct control_handle *status_handle = open_file(f, "status");
	struct control_handle *unsynced_handle = open_file(f, "unsynced");
	struct control_handle *mode_handle = open_file(f, "mode");

	f->backend.losses = 1;
	assert_true(send(f, "mode", "error-writes") > 0);
	assert_string_equal(read_handle(f, unsynced_handle),
			    "nothing is at risk\n");
	assert_string_equal(read_handle(f, mode_handle), "allow-writes\n");
	assert_true(jsoncheck_valid(read_handle(f, status_handle)));
	assert_non_null(strstr(f->got, "\"mode\":\"allow-writes\""));
	control_close(status_handle);
	control_close(unsynced_handle);
	control_close(mode_handle);
	assert_non_null(strstr(read_file(f, "unsynced"), "at risk: 1 change"));
}

static void refusal_is_told_and_changes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(send(f, "control", "carsh\n"), -ENOENT);
	assert_string_equal(f->got,
			    "unknown verb 'carsh'; did you mean 'crash'?\n");
	assert_string_equal(read_file(f, "error"),
			    "unknown verb 'carsh'; did you mean 'crash'?\n");
	assert_int_equal(send(f, "control", "crash keep=some"), -EINVAL);
	assert_int_equal(send(f, "control", "drop-writes for=0.05s"), -EINVAL);
	assert_int_equal(send(f, "mode", "melt"), -ENOENT);
	assert_non_null(strstr(read_file(f, "error"), "unknown mode 'melt'"));
	assert_int_equal(send(f, "control", "\n"), -EINVAL);
	assert_int_equal(send(f, "control", "  "), -EINVAL);
	assert_int_equal(f->backend.calls, 0);
	assert_int_equal(f->backend.mode.kind, MODE_ALLOW_WRITES);
	assert_int_equal(event_size(f->events), 0);
	assert_string_equal(read_file(f, "control"), "");
}

static void failure_of_the_backend_is_passed_on(void **state)
{
	struct fixture *f = *state;
	struct control_handle *handle;

	f->backend.fail = ENOSPC;
	assert_int_equal(send(f, "control", "sync"), -ENOSPC);
	assert_string_equal(f->got, "the fake is tired\n");
	assert_int_equal(send(f, "control", "crash"), -ENOSPC);
	assert_int_equal(send(f, "control", "evict"), -ENOSPC);
	assert_string_equal(f->got, "the backend refused it: No space left on "
				    "device\n");
	assert_int_equal(send(f, "control", "unsynced"), -ENOSPC);
	assert_int_equal(control_open(f->control,
				      (size_t)control_file_find("unsynced"),
				      &handle),
			 -ENOSPC);
	assert_int_equal(event_size(f->events), 0);
}

static void lines_are_done_up_to_the_first_refusal(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(send(f, "control", "sync\nevict\n"), 11);
	assert_string_equal(f->got, "synced\nevicted 4096 bytes\n");
	assert_int_equal(f->backend.calls, 2);
	assert_int_equal(send(f, "control", "sync\nsync\nmelt\nsync\n"),
			 -ENOENT);
	assert_int_equal(f->backend.calls, 4);
	assert_non_null(strstr(f->got, "line 3: unknown verb 'melt'"));
	assert_non_null(strstr(f->got, "the 2 before it were done"));
}

static void answers_are_read_by_their_writer_and_the_newest_by_all(void **state)
{
	struct fixture *f = *state;
	struct control_handle *first = open_file(f, "control");
	struct control_handle *second = open_file(f, "control");

	assert_int_equal(control_write(first, "sync", 4), 4);
	assert_int_equal(control_write(second, "evict", 5), 5);
	assert_string_equal(read_handle(f, first), "synced\n");
	assert_string_equal(read_handle(f, second), "evicted 4096 bytes\n");
	assert_string_equal(read_file(f, "control"), "evicted 4096 bytes\n");
	assert_int_equal(control_write(first, "help", 4), 4);
	assert_ptr_equal(strstr(read_handle(f, first), "allow-writes"), f->got);
	control_close(first);
	control_close(second);
}

static void reads_are_like_pread(void **state)
{
	struct fixture *f = *state;
	struct control_handle *handle = open_file(f, "control");
	char got[8] = "";

	assert_int_equal(control_write(handle, "sync", 4), 4);
	assert_int_equal(control_read(handle, got, 4, 2), 4);
	assert_memory_equal(got, "nced", 4);
	assert_int_equal(control_read(handle, got, 8, 5), 2);
	assert_int_equal(control_read(handle, got, 8, 7), 0);
	assert_int_equal(control_read(handle, got, 8, 1LL << 40), 0);
	assert_int_equal(control_read(handle, got, 8, -1), -EINVAL);
	control_close(handle);
}

static void oversized_writes_are_refused_piece_by_piece(void **state)
{
	struct fixture *f = *state;
	struct control_handle *handle = open_file(f, "control");
	char *line = malloc(CONTROL_LINE_MAX + 1);

	assert_non_null(line);
	memset(line, ' ', CONTROL_LINE_MAX + 1);
	memcpy(line, "sync", 4);
	/* As long as allowed is good. */
	assert_int_equal(control_write(handle, line, CONTROL_LINE_MAX),
			 CONTROL_LINE_MAX);
	assert_int_equal(f->backend.calls, 1);
	assert_int_equal(control_write(handle, line, CONTROL_LINE_MAX + 1),
			 -EINVAL);
	/* The rest of the same line is no line. */
	assert_int_equal(control_write(handle, "sync", 4), -EINVAL);
	assert_int_equal(control_write(handle, "sync\n", 5), -EINVAL);
	assert_int_equal(f->backend.calls, 1);
	assert_int_equal(control_write(handle, "sync\n", 5), 5);
	assert_int_equal(f->backend.calls, 2);
	control_close(handle);
	free(line);
}

static void too_many_lines_are_refused_as_a_whole(void **state)
{
	struct fixture *f = *state;
	char lines[(CONTROL_LINES_MAX + 1) * 5 + 1];

	for (size_t i = 0; i <= CONTROL_LINES_MAX; i++)
		memcpy(lines + 5 * i, "sync\n", 6);
	assert_int_equal(send(f, "control", lines), -EINVAL);
	assert_int_equal(f->backend.calls, 0);
	lines[CONTROL_LINES_MAX * 5] = '\0';
	assert_int_equal(send(f, "control", lines), CONTROL_LINES_MAX * 5);
	assert_int_equal(f->backend.calls, CONTROL_LINES_MAX);
}

static void hostile_bytes_are_refused(void **state)
{
	struct fixture *f = *state;
	struct control_handle *handle = open_file(f, "control");

	assert_int_equal(control_write(handle, "crash\0keep=all", 14), -EINVAL);
	assert_non_null(strstr(read_handle(f, handle), "NUL byte at 5"));
	assert_int_equal(control_write(handle, "\0", 1), -EINVAL);
	for (int c = 1; c < 256; c++) {
		char line[] = {(char)c, 'x', (char)c, '\n'};
		const char *newline;

		assert_true(control_write(handle, line, sizeof(line)) < 0);
		newline = strchr(read_handle(f, handle), '\n');
		assert_non_null(newline);
		assert_int_equal(newline[1], '\0');
	}
	control_close(handle);
	assert_int_equal(f->backend.calls, 0);
}

static void log_has_marks(void **state)
{
	struct fixture *f = *state;

	assert_true(send(f, "control", "mark \"a\"\x01\xff") > 0);
	assert_string_equal(f->got, "marked\n");
	assert_non_null(strstr(read_file(f, "log"), "\"event\":\"mark\",\"text"
						    "\":\"\\\"a\\\"\\u0001"
						    "\xef\xbf\xbd\"}\n"));
	assert_int_equal(
		control_file_size(f->control, (size_t)control_file_find("log")),
		strlen(f->got));
	assert_int_equal(control_file_size(f->control,
					   (size_t)control_file_find("status")),
			 0);
	*strchr(f->got, '\n') = '\0';
	assert_true(jsoncheck_valid(f->got));
}

/* As cat(1) does, in small pieces. */
static size_t read_log(struct control_handle *handle, char *buffer)
{
	size_t length = 0;
	ssize_t n;

	while ((n = control_read(handle, buffer + length, 1000,
				 (off_t)length)) > 0)
		length += (size_t)n;
	assert_int_equal(n, 0);
	buffer[length] = '\0';
	return length;
}

static void reader_of_a_log_that_wrapped_gets_each_line_once(void **state)
{
	struct fixture *f = *state;
	char *buffer = malloc(2 * EVENT_BYTES_MAX);
	struct control_handle *handle;
	unsigned long last = 0;
	off_t size;

	assert_non_null(buffer);
	for (int i = 0; i < 30000; i++)
		event_add(f->events, "tick", NULL);
	handle = open_file(f, "log");
	assert_true(read_log(handle, buffer) <= EVENT_BYTES_MAX);
	for (char *line = buffer; *line; line = strchr(line, '\n') + 1) {
		unsigned long seq = 0;

		assert_int_equal(sscanf(line, "{\"seq\":%lu,", &seq), 1);
		assert_true(last == 0 || seq == last + 1);
		last = seq;
	}
	assert_int_equal(last, 30000);
	control_close(handle);
	/* As tail(1) -f does: from the size on. */
	handle = open_file(f, "log");
	size = control_file_size(f->control, (size_t)control_file_find("log"));
	assert_int_equal(control_read(handle, buffer, 100, size), 0);
	event_add(f->events, "new", NULL);
	assert_true(control_read(handle, buffer, 100, size) > 0);
	assert_ptr_equal(strstr(buffer, "{\"seq\":30001,"), buffer);
	control_close(handle);
	free(buffer);
}

static void nothing_can_be_closed(void **state)
{
	(void)state;
	control_close(NULL);
	control_free(NULL);
}

#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_have_names_and_numbers),
		TEST(what_the_backend_has_not_got_is_said_in_one_form),
		TEST(verbs_reach_the_backend_and_answer),
		TEST(json_of_every_verb_is_valid),
		TEST(mode_file_is_the_mode_in_force),
		TEST(contents_are_of_the_moment_of_open),
		TEST(refusal_is_told_and_changes_nothing),
		TEST(failure_of_the_backend_is_passed_on),
		TEST(lines_are_done_up_to_the_first_refusal),
		TEST(answers_are_read_by_their_writer_and_the_newest_by_all),
		TEST(reads_are_like_pread),
		TEST(oversized_writes_are_refused_piece_by_piece),
		TEST(too_many_lines_are_refused_as_a_whole),
		TEST(hostile_bytes_are_refused),
		TEST(log_has_marks),
		TEST(reader_of_a_log_that_wrapped_gets_each_line_once),
		TEST(nothing_can_be_closed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
