/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "common/subprocess.h"

static int run(const char *script, struct errmsg *said)
{
	const char *const argv[] = {"sh", "-c", script, NULL};

	said->text[0] = '\0';
	return subprocess_run(argv, said);
}

static void status_is_passed_on(void **state)
{
	struct errmsg said;

	(void)state;
	assert_int_equal(run("exit 0", &said), 0);
	assert_string_equal(said.text, "");
	assert_int_equal(run("exit 7", &said), 7);
	assert_int_equal(run("kill -9 $$", &said), 128 + SIGKILL);
}

static void last_line_of_stderr_is_kept(void **state)
{
	struct errmsg said;

	(void)state;
	assert_int_equal(run("echo out; echo one >&2; echo two >&2", &said), 0);
	assert_string_equal(said.text, "two");
	assert_int_equal(run("printf 'no newline' >&2", &said), 0);
	assert_string_equal(said.text, "no newline");
}

static void a_flood_does_not_block(void **state)
{
	struct errmsg said;

	(void)state;
	assert_int_equal(run("i=0; while [ $i -lt 20000 ]; do echo $i >&2; "
			     "i=$((i + 1)); done",
			     &said),
			 0);
	assert_string_equal(said.text, "19999");
}

static void nothing_is_on_stdin(void **state)
{
	int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	struct errmsg said;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	(void)close(fds[1]);
	/* keeps-open: is stdin for a moment */
	assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	(void)close(fds[0]);
	assert_int_equal(run("cat >&2", &said), 0);
	assert_string_equal(said.text, "");
	/* keeps-open: stdin again */
	if (saved >= 0 && dup2(saved, STDIN_FILENO) == STDIN_FILENO)
		(void)close(saved);
}

static void missing_program_is_enoent(void **state)
{
	const char *const argv[] = {"/nothing/there", NULL};
	struct errmsg said;

	(void)state;
	assert_int_equal(subprocess_run(argv, &said), -ENOENT);
}

static void child_has_default_signals(void **state)
{
	struct errmsg said;
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGINT, SIG_IGN);
	assert_int_equal(run("kill -TERM $$; exit 0", &said), 128 + SIGTERM);
	assert_int_equal(run("kill -INT $$; exit 0", &said), 128 + SIGINT);
	(void)signal(SIGINT, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void host_that_reaps_is_told(void **state)
{
	struct errmsg said;

	(void)state;
	(void)signal(SIGCHLD, SIG_IGN);
	assert_int_equal(run("exit 3", &said), -ECHILD);
	(void)signal(SIGCHLD, SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_is_passed_on),
		cmocka_unit_test(last_line_of_stderr_is_kept),
		cmocka_unit_test(a_flood_does_not_block),
		cmocka_unit_test(nothing_is_on_stdin),
		cmocka_unit_test(missing_program_is_enoent),
		cmocka_unit_test(child_has_default_signals),
		cmocka_unit_test(host_that_reaps_is_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
