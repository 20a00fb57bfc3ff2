/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/cleanup.h"
#include "common/log.h"

/* stderr goes into a pipe, which is big enough for a few lines. */
struct capture {
	int read_fd;
	int saved_fd;
};

static void capture_begin(struct capture *capture)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	capture->read_fd = fds[0];
	capture->saved_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	/* keeps-open: becomes stderr for a moment */
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	(void)close(fds[1]);
}

static void capture_end(struct capture *capture, char *buffer, size_t size)
{
	ssize_t n;

	/* keeps-open: stderr again */
	assert_true(dup2(capture->saved_fd, STDERR_FILENO) >= 0);
	(void)close(capture->saved_fd);
	n = read(capture->read_fd, buffer, size - 1);
	buffer[n < 0 ? 0 : n] = '\0';
	(void)close(capture->read_fd);
}

static void levels_choose_lines(void **state)
{
	struct capture capture;
	char got[4096];

	(void)state;
	capture_begin(&capture);
	log_error("e%d", 1);
	log_warning("w");
	log_info("i");
	log_debug("hidden");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("d");
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("hidden");
	assert_int_equal(log_warning_errno(EIO, "hidden"), -EIO);
	log_set_level(LOG_LEVEL_INFO);
	capture_end(&capture, got, sizeof(got));
	assert_string_equal(got, "flakey: e1\nflakey: warning: w\nflakey: i\n"
				 "flakey: debug: d\n");
}

static void errno_is_explained_and_returned(void **state)
{
	struct capture capture;
	char got[4096];

	(void)state;
	capture_begin(&capture);
	assert_int_equal(log_error_errno(-ENOSPC, "cannot write '%s'", "x"),
			 -ENOSPC);
	assert_int_equal(log_error_errno(ENOSPC, "a"), -ENOSPC);
	capture_end(&capture, got, sizeof(got));
	assert_string_equal(
		got, "flakey: cannot write 'x': No space left on device\n"
		     "flakey: a: No space left on device\n");
}

static void a_message_is_one_line(void **state)
{
	struct capture capture;
	char huge[5000];
	char got[8192];

	(void)state;
	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	capture_begin(&capture);
	log_info("a\nflakey: b");
	log_info("%s", huge);
	(void)log_error_errno(EIO, "%s", huge);
	capture_end(&capture, got, sizeof(got));
	assert_ptr_equal(strstr(got, "flakey: a?flakey: b\n"), got);
	assert_true(strlen(got) < 1200);
	assert_int_equal(got[strlen(got) - 1], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_choose_lines),
		cmocka_unit_test(errno_is_explained_and_returned),
		cmocka_unit_test(a_message_is_one_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
