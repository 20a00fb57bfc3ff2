/* SPDX-License-Identifier: MIT */
/*
 * A write is cut into lines, each is parsed (verb.c), done through the
 * backend's table, and answered (answer.c). The mutex is never held while the
 * backend works: a crash makes the kernel send requests, and the one that
 * serves them may be reading a control file.
 */
#include "common/control.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/answer.h"
#include "common/backend.h"
#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/event.h"
#include "common/text.h"
#include "common/verb.h"

enum file {
	FILE_CONTROL,
	FILE_ERROR,
	FILE_FAULTS,
	FILE_LOG,
	FILE_MODE,
	FILE_STATUS,
	FILE_UNSYNCED,
};

static const struct {
	const char *name;
	bool writable;
} files[] = {
	[FILE_CONTROL] = {"control", true},
	[FILE_ERROR] = {"error", false},
	[FILE_FAULTS] = {"faults", true},
	[FILE_LOG] = {"log", false},
	[FILE_MODE] = {"mode", true},
	[FILE_STATUS] = {"status", false},
	[FILE_UNSYNCED] = {"unsynced", false},
};

#define FILE_COUNT (sizeof(files) / sizeof(files[0]))

struct control {
	struct backend *backend;
	const struct backend_ops *ops;
	struct event_log *events;
	/* Guards the texts below and those of all handles. */
	pthread_mutex_t mutex;
	struct text answer; /* the newest of the file `control` */
	struct text error;  /* the newest refusal */
};

struct control_handle {
	struct control *control;
	enum file file;
	struct text content; /* what a read gives; not for the log */
	/* The rules that opening has taken away, until others are written. */
	void *emptied;
	/* Within a line that was too long: its rest is refused, too. */
	bool overlong;
	/* Log: how far the reader's offsets lag behind the file's, because
	 * the bytes in between are no longer kept. */
	off_t skew_bytes;
};

size_t control_file_count(void)
{
	return FILE_COUNT;
}

const char *control_file_name(size_t index)
{
	return files[index].name;
}

bool control_file_writable(size_t index)
{
	return files[index].writable;
}

int control_file_find(const char *name)
{
	for (size_t i = 0; i < FILE_COUNT; i++)
		if (strcmp(files[i].name, name) == 0)
			return (int)i;
	return -1;
}

struct control *control_new(struct backend *backend,
			    const struct backend_ops *ops,
			    struct event_log *events)
{
	struct control *control = calloc(1, sizeof(*control));

	if (!control)
		return NULL;
	control->backend = backend;
	control->ops = ops;
	control->events = events;
	pthread_mutex_init(&control->mutex, NULL);
	return control;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	text_done(&control->answer);
	text_done(&control->error);
	pthread_mutex_destroy(&control->mutex);
	free(control);
}

off_t control_file_size(struct control *control, size_t index)
{
	return index == FILE_LOG ? event_size(control->events) : 0;
}

static void get_mode(const struct control *control, struct mode *ret_mode,
		     int64_t *ret_elapsed_ms)
{
	control->ops->get_mode(control->backend, ret_mode, ret_elapsed_ms);
	/* A mode that ran out is no longer in force. */
	if (ret_mode->for_ms && *ret_elapsed_ms >= ret_mode->for_ms) {
		*ret_elapsed_ms -= ret_mode->for_ms;
		*ret_mode = (struct mode){.kind = MODE_ALLOW_WRITES};
	}
}

static void write_mode(struct control *control, struct text *text)
{
	char line[MODE_TEXT_MAX];
	int64_t elapsed_ms;
	struct mode mode;

	get_mode(control, &mode, &elapsed_ms);
	mode_format(&mode, line, sizeof(line));
	text_printf(text, "%s\n", line);
}

static void write_status(struct control *control, struct text *text,
			 enum fields_format format)
{
	struct backend_status status = {0};
	int64_t elapsed_ms;
	struct mode mode;

	get_mode(control, &mode, &elapsed_ms);
	control->ops->status(control->backend, &status);
	answer_status(text, format, &status, &mode, elapsed_ms);
}

static int not_supported(struct control *control, const char *what,
			 struct errmsg *reterr_why)
{
	struct backend_status status = {0};

	control->ops->status(control->backend, &status);
	errmsg_set(reterr_why, "not supported by the %s backend: %s",
		   status.backend, what);
	return -ENOTSUP;
}

/* Whether there are fault rules. */
static int check_faults(struct control *control, struct errmsg *reterr_why)
{
	if (control->ops->fault_change)
		return 0;
	return not_supported(
		control,
		"fault rules, since nothing of ours is before the "
		"kernel's file system; use the modes, or --backend "
		"fuse",
		reterr_why);
}

static int write_unsynced(struct control *control, struct text *text,
			  enum fields_format format, struct errmsg *reterr_why)
{
	struct answer_losses losses;
	struct timespec now;
	int r;

	if (!control->ops->unsynced)
		return not_supported(control,
				     "what is not synced, since only the "
				     "kernel knows; look at what a crash "
				     "leaves, or use --backend fuse",
				     reterr_why);
	clock_gettime(CLOCK_REALTIME, &now);
	answer_losses_begin(&losses, text, format,
			    now.tv_sec * INT64_C(1000000000) + now.tv_nsec);
	r = control->ops->unsynced(control->backend, answer_losses_add,
				   &losses);
	if (r < 0)
		return r;
	answer_losses_end(&losses);
	return 0;
}

/* The answer or error as of now. */
static void copy_newest(struct control *control, const struct text *newest,
			struct text *content)
{
	pthread_mutex_lock(&control->mutex);
	text_append(content, newest->data, newest->length_bytes);
	pthread_mutex_unlock(&control->mutex);
}

static int write_faults(struct control *control, struct text *text,
			enum fields_format format, struct errmsg *reterr_why)
{
	struct fields record;
	int r = check_faults(control, reterr_why);

	if (r < 0)
		return r;
	answer_faults_begin(&record, text, format);
	control->ops->fault_each(control->backend, answer_faults_add, &record);
	answer_faults_end(&record);
	return 0;
}

static int fill(struct control *control, enum file file, struct text *content,
		struct errmsg *reterr_why)
{
	int r = 0;

	switch (file) {
	case FILE_CONTROL:
		copy_newest(control, &control->answer, content);
		break;
	case FILE_ERROR:
		copy_newest(control, &control->error, content);
		break;
	case FILE_FAULTS:
		r = write_faults(control, content, FIELDS_TEXT, reterr_why);
		break;
	case FILE_LOG:
		break;
	case FILE_MODE:
		write_mode(control, content);
		break;
	case FILE_STATUS:
		write_status(control, content, FIELDS_JSON);
		break;
	case FILE_UNSYNCED:
		r = write_unsynced(control, content, FIELDS_TEXT, reterr_why);
		break;
	}
	return r < 0 ? r : text_result(content);
}

/* Whoever is told EOPNOTSUPP by open(2) finds the sentence. */
static void refuse_open(struct control *control, const struct errmsg *why)
{
	pthread_mutex_lock(&control->mutex);
	text_clear(&control->error);
	text_printf(&control->error, "%s\n", why->text);
	pthread_mutex_unlock(&control->mutex);
}

int control_open(struct control *control, size_t index,
		 struct control_handle **ret_handle)
{
	struct errmsg why = {""};
	struct control_handle *handle = calloc(1, sizeof(*handle));
	int r;

	if (!handle)
		return -ENOMEM;
	handle->control = control;
	handle->file = (enum file)index;
	text_init(&handle->content);
	r = fill(control, handle->file, &handle->content, &why);
	if (r < 0) {
		if (why.text[0])
			refuse_open(control, &why);
		control_close(handle);
		return r;
	}
	*ret_handle = handle;
	return 0;
}

static void forget_emptied(struct control_handle *handle)
{
	const struct control *control = handle->control;

	if (handle->emptied)
		control->ops->fault_forget(control->backend, handle->emptied);
	handle->emptied = NULL;
}

void control_close(struct control_handle *handle)
{
	if (!handle)
		return;
	forget_emptied(handle);
	text_done(&handle->content);
	free(handle);
}

static ssize_t read_log_locked(struct control_handle *handle, void *buffer,
			       size_t size_bytes, off_t offset_bytes)
{
	off_t wanted = offset_bytes + handle->skew_bytes;
	off_t begin;
	size_t size;

	size = event_read(handle->control->events, wanted, buffer, size_bytes,
			  &begin);
	handle->skew_bytes += begin - wanted;
	return (ssize_t)size;
}

ssize_t control_read(struct control_handle *handle, void *buffer,
		     size_t size_bytes, off_t offset_bytes)
{
	const struct text *content = &handle->content;
	ssize_t size = 0;

	if (offset_bytes < 0)
		return -EINVAL;
	pthread_mutex_lock(&handle->control->mutex);
	if (handle->file == FILE_LOG) {
		size = read_log_locked(handle, buffer, size_bytes,
				       offset_bytes);
	} else if ((size_t)offset_bytes < content->length_bytes) {
		size_t rest = content->length_bytes - (size_t)offset_bytes;

		size = (ssize_t)(size_bytes < rest ? size_bytes : rest);
		memcpy(buffer, content->data + offset_bytes, (size_t)size);
	}
	pthread_mutex_unlock(&handle->control->mutex);
	return size;
}

static int do_mode(struct control *control, const struct verb *verb,
		   struct text *answer, struct errmsg *reterr_why)
{
	struct mode mode = verb->mode;
	int r;

	if (control->ops->seeded_modes)
		mode_choose_seed(&mode);
	else if (mode.seed != 0)
		return not_supported(control,
				     "a seed of a random mode; leave it out",
				     reterr_why);
	r = control->ops->set_mode(control->backend, &mode, reterr_why);
	if (r < 0)
		return r;
	answer_mode(answer, verb->format, &mode);
	return 0;
}

static int do_crash(struct control *control, const struct verb *verb,
		    struct text *answer, struct errmsg *reterr_why)
{
	struct backend_report report = {0};
	int r;

	r = control->ops->crash(control->backend, &verb->plan, &report,
				reterr_why);
	if (r == 0)
		answer_crash(answer, verb->format, &verb->plan, &report);
	backend_report_done(&report);
	return r;
}

static int do_snapshot(struct control *control, const struct verb *verb,
		       struct text *answer, struct errmsg *reterr_why)
{
	struct backend_report report = {0};
	int r;

	if (!control->ops->snapshot) {
		return not_supported(control, "snapshots", reterr_why);
	}
	r = control->ops->snapshot(control->backend, &verb->plan,
				   verb->directory, &report, reterr_why);
	if (r == 0)
		answer_snapshot(answer, verb->format, &verb->plan,
				verb->directory, &report);
	backend_report_done(&report);
	return r;
}

static int do_evict(struct control *control, const struct verb *verb,
		    struct text *answer, struct errmsg *reterr_why)
{
	uint64_t bytes = 0;
	int r;

	r = control->ops->evict(control->backend, &bytes, reterr_why);
	if (r < 0)
		return r;
	answer_evict(answer, verb->format, bytes);
	return 0;
}

static int do_sync(struct control *control, const struct verb *verb,
		   struct text *answer, struct errmsg *reterr_why)
{
	int r = control->ops->sync(control->backend, reterr_why);

	if (r < 0)
		return r;
	answer_done(answer, verb->format, "synced");
	return 0;
}

static int do_mark(struct control *control, const struct verb *verb,
		   struct text *answer, struct errmsg *reterr_why)
{
	struct text remark;
	int r;

	text_init(&remark);
	text_json_string(&remark, verb->remark);
	r = text_result(&remark);
	if (r == 0) {
		event_add(control->events, "mark", "\"text\":%s", remark.data);
		answer_done(answer, verb->format, "marked");
	} else {
		errmsg_set(reterr_why, "out of memory for the remark");
	}
	text_done(&remark);
	return r;
}

static int do_fault(struct control *control, const struct verb *verb,
		    struct text *answer, struct errmsg *reterr_why)
{
	int r = check_faults(control, reterr_why);
	struct text notes;

	text_init(&notes);
	if (r == 0)
		r = control->ops->fault_change(control->backend, verb->change,
					       verb->rules, &notes, reterr_why);
	if (r == 0)
		answer_faults_changed(answer, verb->format, &notes);
	text_done(&notes);
	return r;
}

static int do_wait(struct control *control, const struct verb *verb,
		   struct text *answer, struct errmsg *reterr_why)
{
	uint64_t fired = 0;
	int r = check_faults(control, reterr_why);

	if (r < 0)
		return r;
	if (!verb->wait.cancelled) {
		errmsg_set(reterr_why, "a wait stands alone in its write: "
				       "nothing else can be done meanwhile");
		return -EINVAL;
	}
	r = control->ops->fault_wait(control->backend, &verb->wait, &fired,
				     reterr_why);
	if (r == 0)
		answer_fired(answer, verb->format, fired);
	return r;
}

static int do_verb(struct control *control, const struct verb *verb,
		   struct text *answer, struct errmsg *reterr_why)
{
	switch (verb->kind) {
	case VERB_CRASH:
		return do_crash(control, verb, answer, reterr_why);
	case VERB_EVICT:
		return do_evict(control, verb, answer, reterr_why);
	case VERB_FAULT:
		return do_fault(control, verb, answer, reterr_why);
	case VERB_FAULT_LIST:
		return write_faults(control, answer, verb->format, reterr_why);
	case VERB_HELP:
		verb_help(answer, verb->format);
		return 0;
	case VERB_MARK:
		return do_mark(control, verb, answer, reterr_why);
	case VERB_MODE:
		return do_mode(control, verb, answer, reterr_why);
	case VERB_SNAPSHOT:
		return do_snapshot(control, verb, answer, reterr_why);
	case VERB_STATUS:
		write_status(control, answer, verb->format);
		return 0;
	case VERB_SYNC:
		return do_sync(control, verb, answer, reterr_why);
	case VERB_UNSYNCED:
		return write_unsynced(control, answer, verb->format,
				      reterr_why);
	case VERB_WAIT:
		return do_wait(control, verb, answer, reterr_why);
	}
	return -ENOENT;
}

static int do_line(struct control_handle *handle, char *line,
		   const atomic_bool *cancelled, struct text *answer,
		   struct errmsg *reterr_why)
{
	struct verb verb = {0};
	int r;

	if (handle->file == FILE_MODE) {
		verb.kind = VERB_MODE;
		r = mode_parse(line, &verb.mode, reterr_why);
	} else {
		r = verb_parse(line, &verb, reterr_why);
	}
	if (r < 0)
		return r;
	verb.wait.cancelled = cancelled;
	r = do_verb(handle->control, &verb, answer, reterr_why);
	if (r == -ENOTSUP && reterr_why->text[0] == '\0')
		errmsg_set(reterr_why,
			   "the mount's backend cannot do or know this");
	if (r < 0 && reterr_why->text[0] == '\0')
		errmsg_set(reterr_why, "the backend refused it: %s",
			   strerrordesc_np(-r) ? strerrordesc_np(-r) : "?");
	return r;
}

/* What a write may not be, whatever it says. */
static int check_write(struct control_handle *handle, const char *data,
		       size_t size_bytes, struct errmsg *reterr_why)
{
	bool overlong =
		handle->overlong || size_bytes > control_write_max(handle);
	size_t lines = 0;

	handle->overlong =
		overlong && (size_bytes == 0 || data[size_bytes - 1] != '\n');
	if (overlong) {
		errmsg_set(reterr_why,
			   "a write has at most %zu bytes: write one line at a "
			   "time",
			   control_write_max(handle));
		return -EINVAL;
	}
	if (memchr(data, '\0', size_bytes)) {
		errmsg_set(
			reterr_why, "the line has a NUL byte at %zu",
			(size_t)((const char *)memchr(data, '\0', size_bytes) -
				 data));
		return -EINVAL;
	}
	for (size_t i = 0; i < size_bytes; i++)
		lines += data[i] == '\n';
	if (lines > CONTROL_LINES_MAX && handle->file != FILE_FAULTS &&
	    (size_bytes < 6 || memcmp(data, "fault ", 6) != 0)) {
		errmsg_set(reterr_why, "a write has at most %d lines",
			   CONTROL_LINES_MAX);
		return -EINVAL;
	}
	return 0;
}

/* Behind a line that ends with the word for it, rules are all the rest. */
static bool takes_rest(const char *line)
{
	static const char *const starts[] = {"fault add", "fault set",
					     "fault remove"};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		size_t length = strlen(starts[i]);

		if (strncmp(line, starts[i], length) == 0 &&
		    (line[length] == '\0' ||
		     (strncmp(line + length, " format=", 8) == 0 &&
		      !strchr(line + length + 1, ' '))))
			return true;
	}
	return false;
}

static int do_lines(struct control_handle *handle, char *lines,
		    const atomic_bool *cancelled, struct text *answer,
		    struct errmsg *reterr_why)
{
	struct errmsg why = {""};
	unsigned int done = 0;

	for (char *line = lines; line;) {
		char *next = strchr(line, '\n');
		int r;

		if (next)
			*next++ = '\0';
		if (next && takes_rest(line)) {
			next[-1] = ' ';
			next = NULL;
		}
		/* What follows the last newline is no line. */
		if (!next && !*line && line != lines)
			break;
		r = do_line(handle, line, cancelled, answer, &why);
		if (r < 0 && done > 0)
			errmsg_set(reterr_why,
				   "line %u: %s; the %u before it %s done",
				   done + 1, why.text, done,
				   done == 1 ? "was" : "were");
		else if (r < 0)
			errmsg_set(reterr_why, "%s", why.text);
		if (r < 0)
			return r;
		done++;
		line = next;
	}
	return 0;
}

/* Makes the outcome readable. Takes over the memory of text. */
static void publish(struct control_handle *handle, struct text *text,
		    bool refused)
{
	struct control *control = handle->control;
	struct text *newest = refused ? &control->error : &control->answer;

	pthread_mutex_lock(&control->mutex);
	if (refused || handle->file == FILE_CONTROL) {
		text_clear(newest);
		text_append(newest, text->data, text->length_bytes);
	}
	text_done(&handle->content);
	handle->content = *text;
	pthread_mutex_unlock(&control->mutex);
}

/* All of the rules at once, or none. */
static int do_faults(struct control_handle *handle, const char *rules,
		     struct text *answer, struct errmsg *reterr_why)
{
	const struct verb verb = {
		.kind = VERB_FAULT,
		.change = BACKEND_FAULT_ADD,
		.rules = rules,
	};

	return do_fault(handle->control, &verb, answer, reterr_why);
}

/* After a refusal, the rules that opening the file has taken away are as they
 * were. */
static void settle_emptied(struct control_handle *handle, bool refused)
{
	const struct control *control = handle->control;

	if (refused && handle->emptied) {
		control->ops->fault_refill(control->backend, handle->emptied);
		handle->emptied = NULL;
	}
	forget_emptied(handle);
}

static int do_write(struct control_handle *handle, char *lines,
		    const atomic_bool *cancelled, struct text *answer,
		    struct errmsg *reterr_why)
{
	if (handle->file == FILE_FAULTS)
		return do_faults(handle, lines, answer, reterr_why);
	return do_lines(handle, lines, cancelled, answer, reterr_why);
}

ssize_t control_wait(struct control_handle *handle, const char *data,
		     size_t size_bytes, const atomic_bool *cancelled)
{
	struct errmsg why = {""};
	cleanup_free char *lines = NULL;
	struct text answer;
	int r;

	if (!files[handle->file].writable)
		return -EACCES;
	text_init(&answer);
	r = check_write(handle, data, size_bytes, &why);
	if (r == 0) {
		lines = strndup(data, size_bytes);
		if (!lines)
			errmsg_set(&why, "out of memory");
		r = lines ? do_write(handle, lines, cancelled, &answer, &why)
			  : -ENOMEM;
	}
	settle_emptied(handle, r < 0);
	if (r == 0 && text_result(&answer) < 0) {
		text_clear(&answer);
		text_printf(&answer, "done, but the answer is too long\n");
	}
	if (r < 0) {
		text_clear(&answer);
		text_printf(&answer, "%s\n", why.text);
	}
	publish(handle, &answer, r < 0);
	return r < 0 ? r : (ssize_t)size_bytes;
}

ssize_t control_write(struct control_handle *handle, const char *data,
		      size_t size_bytes)
{
	return control_wait(handle, data, size_bytes, NULL);
}

bool control_write_blocks(const struct control_handle *handle)
{
	return files[handle->file].writable;
}

bool control_write_waits(const struct control_handle *handle, const char *data,
			 size_t size_bytes)
{
	static const char word[] = "wait";
	const char *end = data + size_bytes;

	if (handle->file != FILE_CONTROL)
		return false;
	while (data < end && (*data == ' ' || *data == '\t'))
		data++;
	if ((size_t)(end - data) <= strlen(word) ||
	    memcmp(data, word, strlen(word)) != 0 ||
	    (data[strlen(word)] != ' ' && data[strlen(word)] != '\t'))
		return false;
	data = memchr(data, '\n', (size_t)(end - data));
	return !data || data + 1 == end;
}

void control_cancel(struct control *control)
{
	if (control->ops->fault_change)
		control->ops->fault_cancel(control->backend);
}

void control_truncate(struct control *control, size_t index)
{
	if (index == FILE_FAULTS && control->ops->fault_change)
		control->ops->fault_forget(
			control->backend,
			control->ops->fault_empty(control->backend));
}

void control_truncate_open(struct control_handle *handle)
{
	const struct control *control = handle->control;

	if (handle->file != FILE_FAULTS || !control->ops->fault_change)
		return;
	forget_emptied(handle);
	handle->emptied = control->ops->fault_empty(control->backend);
	text_clear(&handle->content);
}

size_t control_write_max(const struct control_handle *handle)
{
	return handle->file == FILE_FAULTS ? CONTROL_FAULTS_MAX
					   : CONTROL_LINE_MAX;
}
