/* SPDX-License-Identifier: MIT */
#include "common/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/backend.h"
#include "common/escape.h"
#include "common/mode.h"
#include "common/plan.h"
#include "common/text.h"

/* Lines of what was lost that the text of a crash shows. */
#define CRASH_LINES_MAX 20
#define KIND_COLUMNS 12
#define PATH_COLUMNS 26

void answer_losses_begin(struct answer_losses *losses, struct text *text,
			 enum fields_format format, int64_t now_ns)
{
	*losses = (struct answer_losses){.now_ns = now_ns};
	fields_begin(&losses->record, text, format);
	fields_list_begin(&losses->record, "losses");
}

static void loss_record(struct fields *record, const struct backend_loss *loss)
{
	fields_item_begin(record);
	fields_string(record, "kind", loss->kind);
	fields_string(record, "path", loss->path);
	if (loss->path2)
		fields_string(record, "path2", loss->path2);
	fields_string(record, "what", loss->what);
	if (loss->offset_bytes >= 0) {
		fields_signed(record, "offset_bytes", loss->offset_bytes);
		fields_signed(record, "length_bytes", loss->length_bytes);
	}
	fields_signed(record, "since_ns", loss->since_ns);
	fields_bool(record, "dropped", loss->dropped);
	if (loss->remedy)
		fields_string(record, "remedy", loss->remedy);
	fields_item_end(record);
}

static void pad_to(struct text *text, size_t begin, size_t columns)
{
	do
		text_append(text, " ", 1);
	while (!text->failed && text->length_bytes < begin + columns);
}

static void loss_line(const struct answer_losses *losses,
		      const struct backend_loss *loss)
{
	struct text *text = losses->record.text;
	int64_t now_ns = losses->now_ns;
	int64_t age_ns = now_ns > loss->since_ns ? now_ns - loss->since_ns : 0;
	size_t begin = text->length_bytes;

	text_printf(text, "%s", loss->kind);
	pad_to(text, begin, KIND_COLUMNS);
	begin = text->length_bytes;
	escape_append(text, loss->path);
	if (loss->path2) {
		text_printf(text, " -> ");
		escape_append(text, loss->path2);
	}
	pad_to(text, begin, PATH_COLUMNS);
	if (loss->offset_bytes >= 0 && loss->length_bytes > 0)
		text_printf(text,
			    "%" PRId64 "..%" PRId64 " (%" PRId64 " bytes) ",
			    loss->offset_bytes,
			    loss->offset_bytes + loss->length_bytes - 1,
			    loss->length_bytes);
	text_printf(text, "%s %.1f s ago", loss->what, (double)age_ns / 1e9);
	if (losses->kept) {
		text_append(text, "\n", 1);
		return;
	}
	if (loss->dropped) {
		text_printf(text, "; synced while writes were dropped, lost "
				  "at the next crash\n");
		return;
	}
	text_printf(text, "; lost without ");
	/* The remedy quotes paths. */
	escape_append(text, loss->remedy ? loss->remedy : "a sync");
	text_append(text, "\n", 1);
}

int answer_losses_add(void *user, const struct backend_loss *loss)
{
	struct answer_losses *losses = user;
	struct text *text = losses->record.text;

	losses->count++;
	if (loss->offset_bytes >= 0 && strcmp(loss->kind, "data") == 0)
		losses->data_bytes += (uint64_t)loss->length_bytes;
	if (text->length_bytes > ANSWER_LOSSES_BYTES_MAX)
		losses->unlisted++;
	else if (losses->record.format == FIELDS_TEXT)
		loss_line(losses, loss);
	else
		loss_record(&losses->record, loss);
	return 0;
}

void answer_losses_end(struct answer_losses *losses)
{
	struct fields *record = &losses->record;

	fields_list_end(record);
	if (record->format != FIELDS_TEXT) {
		fields_unsigned(record, "count", losses->count);
		fields_unsigned(record, "data_bytes", losses->data_bytes);
		fields_unsigned(record, "unlisted", losses->unlisted);
	} else if (losses->count == 0) {
		text_printf(record->text, losses->kept
						  ? "nothing was kept\n"
						  : "nothing is at risk\n");
	} else {
		if (losses->unlisted)
			text_printf(record->text, "... and %" PRIu64 " more\n",
				    losses->unlisted);
		text_printf(record->text,
			    "%s: %" PRIu64 " change%s, %" PRIu64
			    " bytes of data\n",
			    losses->kept ? "kept" : "at risk", losses->count,
			    losses->count == 1 ? "" : "s", losses->data_bytes);
	}
	fields_end(record);
}

/* The first lines of a list, indented below the summary. */
static void list_lines(struct text *text, const char *list, const char *before)
{
	uint64_t unshown = 0;
	size_t shown = 0;

	while (list && *list) {
		size_t length = strcspn(list, "\n");

		if (shown < CRASH_LINES_MAX) {
			text_printf(text, "  %s", before);
			text_append(text, list, length);
			text_append(text, "\n", 1);
			shown++;
		} else {
			unshown++;
		}
		list += length + (list[length] == '\n');
	}
	if (unshown)
		text_printf(text, "  ... and %" PRIu64 " lines more\n",
			    unshown);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void report_counts(struct text *text,
			  const struct backend_report *report)
{
	text_printf(text,
		    "%" PRIu64 " record%s, %" PRIu64 " bytes in %" PRIu64
		    " file%s",
		    report->lost_records, plural(report->lost_records),
		    report->lost_bytes, report->lost_files,
		    plural(report->lost_files));
	if (report->kept_records || report->kept_bytes)
		text_printf(text,
			    ", kept %" PRIu64 " record%s, %" PRIu64 " bytes",
			    report->kept_records, plural(report->kept_records),
			    report->kept_bytes);
}

/* What the summaries of a crash and of a snapshot have in common. */
static void report_text(struct text *text, const struct plan *plan,
			const struct backend_report *report)
{
	if (report->uncounted)
		text_printf(text, "what no sync has paid for");
	else
		report_counts(text, report);
	if (plan->keep == PLAN_KEEP_SHARE)
		text_printf(text, ", seed %" PRIu64, report->seed);
	if (plan->kill)
		text_printf(text, ", killed %" PRIu64 " process%s",
			    report->killed, report->killed == 1 ? "" : "es");
	if (plan->digest)
		text_printf(text, ", digest %016" PRIx64, report->digest);
	text_printf(text, ", %.1f ms\n", (double)report->elapsed_us / 1e3);
	list_lines(text, report->killed_list, "killed ");
	list_lines(text, report->lost_list, "");
	if (plan->keep == PLAN_KEEP_SHARE && report->kept_list) {
		text_printf(text, "kept by the plan:\n");
		list_lines(text, report->kept_list, "");
	}
}

static void report_counters(struct fields *record,
			    const struct backend_report *report)
{
	fields_unsigned(record, "lost_records", report->lost_records);
	fields_unsigned(record, "lost_bytes", report->lost_bytes);
	fields_unsigned(record, "lost_files", report->lost_files);
	fields_unsigned(record, "kept_records", report->kept_records);
	fields_unsigned(record, "kept_bytes", report->kept_bytes);
}

static void report_record(struct fields *record, const struct plan *plan,
			  const struct backend_report *report)
{
	struct plan played = *plan;
	char plan_text[PLAN_TEXT_MAX];
	char digest[20];

	/* With the seed that was made up, so that it can be given again. */
	if (plan->keep == PLAN_KEEP_SHARE) {
		played.seed = report->seed;
		played.has_seed = true;
	}
	plan_format(&played, plan_text, sizeof(plan_text));
	/* 64 bits do not fit the numbers of most JSON readers. */
	(void)snprintf(digest, sizeof(digest), "%016" PRIx64, report->digest);
	fields_unsigned(record, "incarnation", report->incarnation);
	fields_string(record, "plan", plan_text);
	if (plan->keep == PLAN_KEEP_SHARE)
		fields_unsigned(record, "seed", report->seed);
	if (!report->uncounted)
		report_counters(record, report);
	fields_unsigned(record, "elapsed_us", report->elapsed_us);
	fields_unsigned(record, "frozen_us", report->frozen_us);
	fields_unsigned(record, "held_us", report->held_us);
	if (plan->kill) {
		fields_unsigned(record, "killed", report->killed);
		fields_string(record, "killed_list",
			      report->killed_list ? report->killed_list : "");
	}
	if (plan->digest)
		fields_string(record, "digest", digest);
	fields_string(record, "lost_list",
		      report->lost_list ? report->lost_list : "");
	if (plan->keep == PLAN_KEEP_SHARE)
		fields_string(record, "kept_list",
			      report->kept_list ? report->kept_list : "");
}

void answer_crash(struct text *text, enum fields_format format,
		  const struct plan *plan, const struct backend_report *report)
{
	struct fields record;

	if (format == FIELDS_TEXT) {
		text_printf(text, "crashed: incarnation %" PRIu64 ", lost ",
			    report->incarnation);
		report_text(text, plan, report);
		return;
	}
	fields_begin(&record, text, format);
	report_record(&record, plan, report);
	fields_end(&record);
}

void answer_snapshot(struct text *text, enum fields_format format,
		     const struct plan *plan, const char *directory,
		     const struct backend_report *report)
{
	struct fields record;

	if (format == FIELDS_TEXT) {
		text_printf(text, "snapshot in '");
		escape_append(text, directory);
		text_printf(text, "': without ");
		report_text(text, plan, report);
		return;
	}
	fields_begin(&record, text, format);
	fields_string(&record, "directory", directory);
	report_record(&record, plan, report);
	fields_end(&record);
}

static void status_counters(struct fields *record,
			    const struct backend_status *status)
{
	fields_unsigned(record, "journal_records", status->journal_records);
	fields_unsigned(record, "dirty_bytes", status->dirty_bytes);
	fields_unsigned(record, "dirty_files", status->dirty_files);
	fields_unsigned(record, "dropped_bytes", status->dropped_bytes);
	fields_unsigned(record, "dropped_records", status->dropped_records);
	fields_unsigned(record, "lost_commits", status->lost_commits);
	fields_unsigned(record, "read_errors", status->read_errors);
	fields_unsigned(record, "corruptions", status->corruptions);
	fields_unsigned(record, "commits", status->commits);
	fields_unsigned(record, "requests", status->requests);
	fields_unsigned(record, "faults", status->faults);
	fields_unsigned(record, "seed", status->seed);
	fields_string(record, "http", status->http ? status->http : "");
	fields_unsigned(record, "open_files", status->open_files);
	fields_unsigned(record, "inodes", status->inodes);
	fields_unsigned(record, "scratch_bytes", status->scratch_bytes);
	fields_unsigned(record, "scratch_limit_bytes",
			status->scratch_limit_bytes);
}

void answer_status(struct text *text, enum fields_format format,
		   const struct backend_status *status, const struct mode *mode,
		   int64_t elapsed_ms)
{
	char mode_text[MODE_TEXT_MAX];
	struct fields record;

	mode_format(mode, mode_text, sizeof(mode_text));
	fields_begin(&record, text, format);
	fields_string(&record, "backend", status->backend);
	fields_string(&record, "profile", status->profile);
	fields_string(&record, "source", status->source);
	fields_string(&record, "mountpoint", status->mountpoint);
	if (status->device)
		fields_string(&record, "device", status->device);
	fields_string(&record, "state", status->state);
	fields_string(&record, "mode", mode_text);
	fields_string(&record, "mode_now",
		      mode_name(mode_at(mode, elapsed_ms)));
	fields_signed(&record, "mode_since_ms", elapsed_ms);
	fields_signed(&record, "pid", status->pid);
	fields_unsigned(&record, "incarnation", status->incarnation);
	if (!status->device)
		status_counters(&record, status);
	fields_end(&record);
}

void answer_mode(struct text *text, enum fields_format format,
		 const struct mode *mode)
{
	char mode_text[MODE_TEXT_MAX];
	struct fields record;

	mode_format(mode, mode_text, sizeof(mode_text));
	if (format == FIELDS_TEXT) {
		text_printf(text, "mode %s\n", mode_text);
		return;
	}
	fields_begin(&record, text, format);
	fields_string(&record, "mode", mode_text);
	fields_end(&record);
}

void answer_done(struct text *text, enum fields_format format, const char *what)
{
	struct fields record;

	if (format == FIELDS_TEXT) {
		text_printf(text, "%s\n", what);
		return;
	}
	fields_begin(&record, text, format);
	fields_string(&record, "done", what);
	fields_end(&record);
}

void answer_faults_begin(struct fields *record, struct text *text,
			 enum fields_format format)
{
	fields_begin(record, text, format);
	if (format != FIELDS_TEXT)
		fields_list_begin(record, "faults");
}

void answer_faults_add(void *user, const struct backend_fault *fault)
{
	struct fields *record = user;

	if (record->format == FIELDS_TEXT) {
		text_printf(record->text,
			    "%s=%s # hits=%" PRIu64 " fired=%" PRIu64 "\n",
			    fault->name, fault->terms, fault->hits,
			    fault->fired);
		return;
	}
	fields_item_begin(record);
	fields_string(record, "rule", fault->name);
	fields_string(record, "terms", fault->terms);
	fields_unsigned(record, "hits", fault->hits);
	fields_unsigned(record, "fired", fault->fired);
	fields_item_end(record);
}

void answer_faults_end(struct fields *record)
{
	if (record->format == FIELDS_TEXT)
		return;
	fields_list_end(record);
	fields_end(record);
}

void answer_faults_changed(struct text *text, enum fields_format format,
			   const struct text *notes)
{
	struct fields record;
	const char *words = notes->length_bytes > 0 ? notes->data : "";

	if (format == FIELDS_TEXT) {
		text_append(text, words, strlen(words));
		return;
	}
	fields_begin(&record, text, format);
	fields_string(&record, "done", "changed");
	fields_string(&record, "notes", words);
	fields_end(&record);
}

void answer_fired(struct text *text, enum fields_format format, uint64_t fired)
{
	struct fields record;

	if (format == FIELDS_TEXT) {
		text_printf(text, "fired %" PRIu64 "\n", fired);
		return;
	}
	fields_begin(&record, text, format);
	fields_unsigned(&record, "fired", fired);
	fields_end(&record);
}

void answer_evict(struct text *text, enum fields_format format, uint64_t bytes)
{
	struct fields record;

	if (format == FIELDS_TEXT) {
		text_printf(text, "evicted %" PRIu64 " bytes\n", bytes);
		return;
	}
	fields_begin(&record, text, format);
	fields_unsigned(&record, "evicted_bytes", bytes);
	fields_end(&record);
}
