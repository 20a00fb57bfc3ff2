/* SPDX-License-Identifier: MIT */
/*
 * Looks at the host for each backend: what is there, what is missing, and how to
 * get it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/fields.h"
#include "common/log.h"
#include "common/text.h"
#include "dmbackend/examine.h"
#include "tools/cmd.h"
#include "tools/progress.h"
#include "tools/terminal.h"

#define CONTAINER "docker run --device /dev/fuse --cap-add SYS_ADMIN"
/* The bit of the capability, see capabilities(7). */
#define BIT_SYS_ADMIN 21

static const struct cmd_option options[] = {
	{"backend", 0, "fuse|dm", "only this one; fail if it cannot work"},
	{0},
};

/* What was found of one backend. */
struct report {
	struct fields *record;
	struct text *text; /* of people; NULL: into the record */
	const char *backend;
	bool colours; /* of the text */
	bool works;
};

static void add(struct report *report, const char *what, bool needed,
		bool there, const char *remedy)
{
	if (needed && !there)
		report->works = false;
	if (report->text) {
		const char *colour = there ? "\033[32m" : "\033[31m";

		text_printf(report->text, "  %s%-8s%s%s%s%s\n",
			    report->colours ? colour : "",
			    there ? "ok" : "missing",
			    report->colours ? "\033[0m" : "", what,
			    there ? "" : ": ", there ? "" : remedy);
		return;
	}
	fields_item_begin(report->record);
	fields_string(report->record, "backend", report->backend);
	fields_string(report->record, "what", what);
	fields_string(report->record, "state", there ? "ok" : "missing");
	fields_string(report->record, "remedy", there ? "" : remedy);
	fields_item_end(report->record);
}

/* A number of /proc/self/status; 0 if there is no such line. */
static unsigned long long own_status(const char *name, int base)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long value = 0;
	size_t length = strlen(name);
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, length) == 0 && line[length] == ':')
			value = strtoull(line + length + 1, NULL, base);
	if (file)
		(void)fclose(file); /* was only read */
	return value;
}

static bool has_program(const char *program)
{
	static const char *const folders[] = {"/usr/bin", "/bin",
					      "/usr/local/bin", "/usr/sbin"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "%s/%s", folders[i],
			       program);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static void look_at_node(struct report *report, const char *what)
{
	cleanup_fd int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	bool closed = fd < 0 && (errno == EACCES || errno == EPERM);

	add(report, what, true, fd >= 0,
	    closed ? "it may not be opened: as root, 'chmod 0666 /dev/fuse'; "
		     "a container: " CONTAINER
		   : "run 'modprobe fuse' on the host; a container: " CONTAINER);
}

static void look_at_fuse(struct report *report)
{
	bool root = geteuid() == 0;
	bool may = own_status("CapBnd", 16) >> BIT_SYS_ADMIN & 1;

	look_at_node(report, "/dev/fuse");
	if (root) {
		add(report, "the right to mount", true, may,
		    "the container has no CAP_SYS_ADMIN: " CONTAINER);
		return;
	}
	add(report, "fusermount3", true, has_program("fusermount3"),
	    "install fuse3");
	add(report, "programs may gain privileges", true,
	    own_status("NoNewPrivs", 10) == 0,
	    "fusermount3 cannot work under no_new_privs: start this without");
}

#ifdef FLAKEY_DM

static void add_item(void *user, const struct examine_item *item)
{
	add(user, item->what, item->needed, item->there, item->remedy->text);
}

static void look_at_dm(struct report *report)
{
	examine_host(add_item, report);
	look_at_node(report, "/dev/fuse, for the control files");
}

#else

static void look_at_dm(struct report *report)
{
	add(report, "the dm backend", true, false,
	    "this flakey was built without it: build it with -Ddm=enabled");
}

#endif

static bool look_at(const char *backend, struct fields *record,
		    struct text *text)
{
	struct text found;
	struct report report = {
		.record = record,
		.text = text ? &found : NULL,
		.backend = backend,
		.colours = terminal_has_colours(STDOUT_FILENO),
		.works = true,
	};

	text_init(&found);
	if (strcmp(backend, "fuse") == 0)
		look_at_fuse(&report);
	else
		look_at_dm(&report);
	if (text) {
		text_printf(text, "%s: %s\n", backend,
			    report.works ? "works" : "does not work here");
		text_append(text, found.data, found.length_bytes);
	}
	text_done(&found);
	return report.works;
}

static int run(const struct cmd_args *args)
{
	static const char *const backends[] = {"fuse", "dm"};
	const char *only = cmd_value(args, "backend");
	struct progress *progress;
	struct fields record;
	struct text text;
	bool any = false;

	if (only && strcmp(only, "fuse") != 0 && strcmp(only, "dm") != 0)
		return cmd_usage(args->cmd,
				 "there is no backend '%s': use fuse or dm",
				 only);
	text_init(&text);
	if (args->json) {
		fields_begin(&record, &text, FIELDS_JSON);
		fields_list_begin(&record, "findings");
	}
	progress = progress_start("doctor");
	for (size_t i = 0; i < 2; i++)
		if (!only || strcmp(only, backends[i]) == 0)
			any |= look_at(backends[i], &record,
				       args->json ? NULL : &text);
	progress_stop(progress);
	if (args->json) {
		fields_list_end(&record);
		fields_end(&record);
	}
	if (text_result(&text) == 0)
		printf("%s", text.data);
	text_done(&text);
	return any ? CMD_DONE : CMD_FAILED;
}

const struct cmd cmd_doctor = {
	.name = "doctor",
	.operands = "",
	.summary = "say what works on this host, and what is missing",
	.details =
		"Looks at this host for each backend. What is missing comes\n"
		"with the way to get it. For dm, what the kernel can do is\n"
		"tried on a scratch device. Exit status 1: no backend works.\n",
	.options = options,
	.operands_min = 0,
	.operands_max = 0,
	.run = run,
};
