/* SPDX-License-Identifier: MIT */
/*
 * What the control surface answers, as text for people, JSON or plain records.
 * Only formatting: callers have done the thing already.
 */
#ifndef FLAKEY_COMMON_ANSWER_H
#define FLAKEY_COMMON_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/fields.h"

struct backend_fault;
struct backend_loss;
struct backend_report;
struct backend_status;
struct mode;
struct plan;
struct text;

/* Lines of losses stop here; the summary still counts the rest. */
#define ANSWER_LOSSES_BYTES_MAX ((size_t)16 << 20)

/* A list of losses in the making; lives on the stack, borrows text. */
struct answer_losses {
	struct fields record;
	int64_t now_ns; /* CLOCK_REALTIME, for the ages */
	uint64_t count;
	uint64_t data_bytes; /* in ranges of kind "data" */
	uint64_t unlisted;   /* counted, but not shown */
	bool kept;	     /* they are none: a crash has kept them */
};

void answer_losses_begin(struct answer_losses *losses, struct text *text,
			 enum fields_format format, int64_t now_ns);
/* Fits backend_loss_fn, user is the struct answer_losses. Always 0. */
int answer_losses_add(void *user, const struct backend_loss *loss);
/* Ends with the summary. */
void answer_losses_end(struct answer_losses *losses);

void answer_crash(struct text *text, enum fields_format format,
		  const struct plan *plan, const struct backend_report *report);
/* The report is of a crash that did not happen: its image is in directory. */
void answer_snapshot(struct text *text, enum fields_format format,
		     const struct plan *plan, const char *directory,
		     const struct backend_report *report);
void answer_status(struct text *text, enum fields_format format,
		   const struct backend_status *status, const struct mode *mode,
		   int64_t elapsed_ms);
/* "mode drop-writes for=3.2s" */
void answer_mode(struct text *text, enum fields_format format,
		 const struct mode *mode);
/* A verb that has nothing to say but that it is done. */
void answer_done(struct text *text, enum fields_format format,
		 const char *what);
/* The fault rules; fits backend_fault_fn, user is the struct fields. As text it
 * is what can be written to the file `faults`. */
void answer_faults_begin(struct fields *record, struct text *text,
			 enum fields_format format);
void answer_faults_add(void *user, const struct backend_fault *fault);
void answer_faults_end(struct fields *record);
/* notes: lines, or nothing. */
void answer_faults_changed(struct text *text, enum fields_format format,
			   const struct text *notes);
void answer_fired(struct text *text, enum fields_format format, uint64_t fired);

void answer_evict(struct text *text, enum fields_format format, uint64_t bytes);

#endif
