/* SPDX-License-Identifier: MIT */
#include "tools/failpoint/batch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/log.h"
#include "common/text.h"
#include "tools/cmd.h"
#include "tools/failpoint/mistake.h"
#include "tools/failpoint/replacement.h"
#include "tools/failpoint/sources.h"
#include "tools/failpoint/translation.h"

/* A file that is to be written. */
struct change {
	const char *path; /* of the sources */
	struct replacement file;
	struct text text;
};

struct batch {
	struct sources sources;
	struct change *changes;
	size_t count;
	batch_source_fn *source;
	void *user;
	bool failed;
};

/* Names may be anything; the line has to stay one. */
static void print_mistake(const char *path, const struct mistake *mistake)
{
	struct errmsg where;

	errmsg_set(&where, "%s", path);
	if (mistake->line > 0)
		(void)fprintf(stderr, "%s:%zu: %s\n", where.text, mistake->line,
			      mistake->why.text);
	else
		(void)fprintf(stderr, "%s: %s\n", where.text,
			      mistake->why.text);
}

static void fail(struct batch *batch, const char *path,
		 const struct mistake *mistake)
{
	batch->failed = true;
	print_mistake(path, mistake);
}

static int keep(struct batch *batch, struct change *change)
{
	size_t count = batch->count;

	/* Doubles at powers of two. */
	if ((count & (count - 1)) == 0) {
		struct change *more = reallocarray(
			batch->changes, count ? 2 * count : 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		batch->changes = more;
	}
	batch->changes[batch->count++] = *change;
	return 0;
}

static void drop(struct change *change)
{
	replacement_close(&change->file);
	text_done(&change->text);
}

/* Whether anything in it could be for the translator. */
static bool is_concerned(const struct replacement *file)
{
	return memmem(file->text, file->length_bytes, "ofail", 5) ||
	       memmem(file->text, file->length_bytes, "oFail", 5) ||
	       memmem(file->text, file->length_bytes, "OFAIL", 5) ||
	       memmem(file->text, file->length_bytes, "/*failpoint", 11);
}

static void look_at(struct batch *batch, const struct source *source)
{
	struct change change = {.path = source->path};
	struct mistake mistake = {0};
	int r;

	text_init(&change.text);
	change.text.limit_bytes = TRANSLATION_BYTES_MAX;
	r = replacement_open(&change.file, source->real, &mistake.why);
	if (r == 0 && is_concerned(&change.file)) {
		r = batch->source(batch->user, source->path, change.file.text,
				  change.file.length_bytes, &change.text,
				  &mistake);
		if (r > 0 && keep(batch, &change) == 0)
			return;
		if (r > 0 || r == -ENOMEM) {
			r = -ENOMEM;
			(void)mistake_set(&mistake, 0, "out of memory");
		}
	}
	if (r < 0)
		fail(batch, source->path, &mistake);
	drop(&change);
}

static void prepare(struct batch *batch)
{
	for (size_t i = 0; i < batch->count && !batch->failed; i++) {
		struct change *change = &batch->changes[i];
		struct mistake mistake = {0};

		if (replacement_prepare(&change->file, change->text.data,
					change->text.length_bytes,
					&mistake.why) < 0)
			fail(batch, change->path, &mistake);
	}
}

static size_t commit(struct batch *batch)
{
	size_t done = 0;

	for (size_t i = 0; i < batch->count && !batch->failed; i++) {
		struct change *change = &batch->changes[i];
		struct mistake mistake = {0};

		if (replacement_commit(&change->file, &mistake.why) < 0)
			fail(batch, change->path, &mistake);
		else
			done++;
	}
	if (batch->failed && done > 0)
		log_error("%zu of %zu files were written before that", done,
			  batch->count);
	return done;
}

/* An interrupt comes before all of it, or after; so does no file stay behind. */
static void hold_signals(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, before);
}

static void run(struct batch *batch, struct batch_result *result)
{
	sigset_t before;

	for (size_t i = 0; i < batch->sources.count; i++)
		look_at(batch, &batch->sources.sources[i]);
	result->looked_at = batch->sources.count;
	hold_signals(&before);
	prepare(batch);
	result->written = commit(batch);
	for (size_t i = 0; i < batch->count; i++)
		drop(&batch->changes[i]);
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(batch->changes);
}

int batch_run(const struct cmd_args *args, batch_source_fn *source, void *user,
	      struct batch_result *ret_result)
{
	static char here[] = ".";
	char *const otherwise[] = {here, NULL};
	struct batch batch = {.source = source, .user = user};
	struct errmsg why;

	*ret_result = (struct batch_result){0};
	sources_init(&batch.sources);
	if (sources_find(&batch.sources,
			 args->operand_count ? args->operands : otherwise,
			 &why) < 0) {
		log_error("%s", why.text);
		batch.failed = true;
	} else {
		run(&batch, ret_result);
	}
	sources_done(&batch.sources);
	return batch.failed ? CMD_FAILED : CMD_DONE;
}

int batch_answer(const struct cmd_args *args, const struct batch_result *result,
		 size_t points, const char *done)
{
	if (args->json)
		printf("{\"files\": %zu, \"points\": %zu}\n", result->written,
		       points);
	else
		printf("%zu file%s, %zu point%s %s\n", result->written,
		       result->written == 1 ? "" : "s", points,
		       points == 1 ? "" : "s", done);
	return CMD_DONE;
}
