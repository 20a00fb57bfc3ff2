/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/client.h"
#include "common/errmsg.h"
#include "common/log.h"
#include "common/mode.h"
#include "common/text.h"
#include "tools/child.h"
#include "tools/cmd.h"
#include "tools/progress.h"
#include "tools/sandbox.h"
#include "tools/terminal.h"

static const struct cmd_option options[] = {
	{"cache", 0, "through|back|none", "as for 'flakey mount'"},
	{"check", 0, "COMMAND",
	 "run by sh after the crash; its status is the result"},
	{"crash-after", 0, "TIME", "power fails TIME after the start: 3.2s"},
	{"keep-store", 0, NULL, "leave the private store, and say where"},
	{"profile", 0, "PROFILE", "as for 'flakey mount'"},
	{"store", 0, "DIR", "mount DIR instead of a private, empty directory"},
	{0},
};

struct plan_of_run {
	int64_t crash_after_ms; /* negative: at the end of the command */
	bool crash;
	const char *check; /* NULL: none */
	bool json;
};

static int start(const struct sandbox *sandbox, const char *const *argv,
		 struct child *ret_child)
{
	int r = child_start(argv, sandbox_guard_fd(sandbox), ret_child);

	return r < 0 ? log_error_errno(r, "cannot start a process") : 0;
}

/* After this nothing of the command writes any more. */
static void end(const struct sandbox *sandbox, struct child *child)
{
	const pid_t none = 0;
	ssize_t size;

	child_kill(child);
	size = write(sandbox_guard_fd(sandbox), &none, sizeof(none));
	(void)size; /* a supervisor that is gone kills nobody */
}

/* To somebody who watches: what comes next, and may take a while. */
__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
	char sentence[200];
	va_list args;

	if (!terminal_is_live(STDERR_FILENO))
		return;
	va_start(args, format);
	if (vsnprintf(sentence, sizeof(sentence), format, args) >= 0)
		log_info("%s", sentence);
	va_end(args);
}

/* Fails the power, and reports it in one line on stderr. */
static int crash(const struct sandbox *sandbox, bool json)
{
	struct progress *progress = progress_start("crash");
	struct client *client;
	struct text answer;
	struct errmsg why;
	int r;

	text_init(&answer);
	r = client_open(sandbox_mountpoint(sandbox), NULL, &client, &why);
	if (r == 0) {
		r = client_command(client, json ? "crash format=json" : "crash",
				   &answer, &why);
		client_close(client);
	}
	progress_stop(progress);
	if (r < 0)
		log_error("the crash failed: %s", why.text);
	else if (json)
		(void)fputs(answer.data, stderr); /* where to report it? */
	else
		log_info("%.*s", (int)strcspn(answer.data, "\n"), answer.data);
	text_done(&answer);
	return r;
}

static int check(const struct sandbox *sandbox, const char *command)
{
	const char *const argv[] = {"sh", "-c", command, NULL};
	struct child child;
	int status;

	tell("checking what survived: %.100s", command);
	if (start(sandbox, argv, &child) < 0)
		return CMD_FAILED;
	status = child_wait(&child, -1);
	end(sandbox, &child);
	return status;
}

static int run_in(const struct sandbox *sandbox, const struct plan_of_run *plan,
		  const char *const *argv)
{
	struct child child;
	bool by_itself;
	int status;

	if (plan->crash_after_ms >= 0)
		tell("running '%.100s'; power fails in %.1f s", argv[0],
		     (double)plan->crash_after_ms / 1000);
	else
		tell("running '%.100s'%s", argv[0],
		     plan->crash ? "; power fails at its end" : "");
	if (start(sandbox, argv, &child) < 0)
		return CMD_FAILED;
	status = child_wait(&child, plan->crash_after_ms);
	by_itself = status != CHILD_TIMEOUT;
	end(sandbox, &child);
	if (child.interrupted || !plan->crash || (by_itself && status != 0))
		return status;
	if (crash(sandbox, plan->json) < 0)
		return CMD_FAILED;
	if (plan->check)
		return check(sandbox, plan->check);
	return by_itself ? status : 128 + SIGKILL;
}

static int run(const struct cmd_args *args)
{
	const struct sandbox_config config = {
		.store = cmd_value(args, "store"),
		.profile = cmd_value(args, "profile"),
		.cache = cmd_value(args, "cache"),
		.keep = cmd_has(args, "keep-store"),
	};
	const char *after = cmd_value(args, "crash-after");
	const char *backend = getenv("FLAKEY_BACKEND");
	struct plan_of_run plan = {
		.crash_after_ms = -1,
		.crash = after || cmd_has(args, "check"),
		.check = cmd_value(args, "check"),
		.json = args->json,
	};
	struct sandbox *sandbox;
	struct errmsg why;
	int status;
	int r;

	if (after && mode_parse_duration(after, &plan.crash_after_ms, &why) < 0)
		return cmd_usage(args->cmd, "%s", why.text);
	if (config.store && config.keep)
		return cmd_usage(args->cmd, "--store is always kept: leave out "
					    "--keep-store");
	if (backend && strncmp(backend, "dm", 2) == 0) {
		log_error("not supported by the dm backend: run, which mounts "
			  "a simulated disk; unset FLAKEY_BACKEND, or mount "
			  "the disk with 'flakey mount'");
		return CMD_FAILED;
	}
	r = child_prepare();
	if (r < 0) {
		log_error_errno(r, "cannot prepare to run a command");
		return CMD_FAILED;
	}
	if (sandbox_open(&config, &sandbox, &why) < 0) {
		log_error("%s", why.text);
		return CMD_FAILED;
	}
	if (config.keep)
		log_info("the store is '%s'", sandbox_store(sandbox));
	if (setenv("FLAKEY_DIR", sandbox_mountpoint(sandbox), 1) < 0) {
		log_error("out of memory");
		status = CMD_FAILED;
	} else {
		status = run_in(sandbox, &plan,
				(const char *const *)args->operands);
	}
	r = sandbox_close(sandbox);
	return r < 0 && status == CMD_DONE ? CMD_FAILED : status;
}

const struct cmd cmd_run = {
	.name = "run",
	.operands = "-- COMMAND [ARGUMENT...]",
	.summary = "run one command on a private mount",
	.details =
		"Mounts a private, empty directory, runs COMMAND with\n"
		"$FLAKEY_DIR set to it, and tears all down whatever happens,\n"
		"also what COMMAND left running in its group.\n"
		"\n"
		"With --crash-after or --check, power fails: TIME after the\n"
		"start, or when COMMAND has succeeded, whichever is first.\n"
		"COMMAND and all it started are killed, what no sync has paid\n"
		"for is lost, and --check looks at what survived.\n"
		"\n"
		"Exit status: that of --check, if it ran, else that of COMMAND\n"
		"(128 + signal when killed, also by the crash). A COMMAND that\n"
		"fails by itself ends it at once.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = -1,
	.run = run,
};
