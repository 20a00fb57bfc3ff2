/* SPDX-License-Identifier: MIT */
/*
 * The public interface is a thin client of the control files: one line out, one
 * plain record back. Only starting and stopping need the `flakey` program.
 */
#include "common/flakey.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/client.h"
#include "common/errmsg.h"
#include "common/escape.h"
#include "common/fields.h"
#include "common/flakey_inside.h"
#include "common/mode.h"
#include "common/plan.h"
#include "common/subprocess.h"
#include "common/text.h"

/* "flakey: " in front of what the program says. */
#define SAID_PREFIX "flakey: "
#define ARGUMENTS_MAX 60

_Static_assert(FLAKEY_ERROR_MAX == ERRMSG_MAX, "a sentence has one size");

/* Copies as much of a structure as both sides know. The first member, the size
 * that the caller's version has, stays. */
static void copy_out(void *caller, const void *ours, size_t our_size)
{
	size_t size;

	memcpy(&size, caller, sizeof(size));
	if (size > our_size)
		size = our_size;
	if (size > sizeof(size))
		memcpy((char *)caller + sizeof(size),
		       (const char *)ours + sizeof(size), size - sizeof(size));
}

/* The other way; what the caller's version does not have is zero. */
static void copy_in(void *ours, const void *caller, size_t our_size)
{
	size_t size;

	memset(ours, 0, our_size);
	if (!caller)
		return;
	memcpy(&size, caller, sizeof(size));
	memcpy(ours, caller, size < our_size ? size : our_size);
}

static void tell(const struct errmsg *why, char *reterr_why, size_t size_bytes)
{
	if (reterr_why && size_bytes > 0)
		(void)snprintf(reterr_why, size_bytes, "%s", why->text);
}

static const char *find_command(const char *wanted)
{
	const char *from_environment = getenv("FLAKEY_COMMAND");

	if (wanted)
		return wanted;
	if (from_environment && *from_environment)
		return from_environment;
	if (access(FLAKEY_BINDIR "/flakey", X_OK) == 0)
		return FLAKEY_BINDIR "/flakey";
	return "flakey";
}

/* Runs the program and takes its sentence over. */
static int run_command(const char *const *argv, struct errmsg *reterr_why)
{
	struct errmsg said = {""};
	const char *sentence = said.text;
	int r = subprocess_run(argv, &said);

	/* The host program ignores or reaps its children: the caller has to
	 * look at what came of it. */
	if (r == 0 || r == -ECHILD)
		return r;
	if (r < 0) {
		errmsg_set(reterr_why,
			   "cannot run '%s': %s; install it, or set "
			   "FLAKEY_COMMAND",
			   argv[0], strerrordesc_np(-r));
		return r;
	}
	if (strncmp(sentence, SAID_PREFIX, strlen(SAID_PREFIX)) == 0)
		sentence += strlen(SAID_PREFIX);
	errmsg_set(reterr_why, "%s", *sentence ? sentence : "flakey failed");
	return -EIO;
}

static int attach(const char *path, const char *control, const char *command,
		  struct flakey **ret_flakey, struct errmsg *reterr_why)
{
	struct flakey *flakey = calloc(1, sizeof(*flakey));
	int r = -ENOMEM;

	if (flakey) {
		pthread_mutex_init(&flakey->mutex, NULL);
		flakey->command = strdup(command);
		flakey->control = control ? strdup(control) : NULL;
	}
	if (!flakey || !flakey->command || (control && !flakey->control))
		errmsg_set(reterr_why, "out of memory");
	else
		r = client_open(path, control, &flakey->client, reterr_why);
	if (r < 0)
		flakey_free(flakey);
	else
		*ret_flakey = flakey;
	return r;
}

/* An argument list in the making. */
struct arguments {
	const char *words[ARGUMENTS_MAX + 1];
	size_t count;
};

static void add(struct arguments *arguments, const char *word)
{
	if (arguments->count < ARGUMENTS_MAX)
		arguments->words[arguments->count++] = word;
}

static void add_option(struct arguments *arguments, const char *name,
		       const char *value)
{
	if (!value)
		return;
	add(arguments, name);
	add(arguments, value);
}

static int unmount(const char *command, const char *control,
		   const char *mountpoint, struct errmsg *reterr_why)
{
	struct arguments arguments = {0};

	add(&arguments, command);
	add(&arguments, "umount");
	add_option(&arguments, "--control", control);
	add(&arguments, "--");
	add(&arguments, mountpoint);
	return run_command(arguments.words, reterr_why);
}

static void add_disk(struct arguments *arguments,
		     const struct flakey_config *config, char size[static 24])
{
	(void)snprintf(size, 24, "%" PRIu64, config->disk_bytes);
	add_option(arguments, "--backend", config->backend);
	add_option(arguments, "--fstype", config->fstype);
	add_option(arguments, "--mkfs-options", config->mkfs_options);
	add_option(arguments, "--options", config->mount_options);
	add_option(arguments, "--name", config->device_name);
	add_option(arguments, "--size", config->disk_bytes ? size : NULL);
	if (config->flags & FLAKEY_FORMAT)
		add(arguments, "--format");
}

static int start(const struct flakey_config *config, struct flakey **ret_flakey,
		 struct errmsg *reterr_why)
{
	struct arguments arguments = {0};
	char limit[24];
	char seed[24];
	char size[24];
	char interval[32];
	char after[32];
	int ran;
	int r;

	if (!config->source || !config->mountpoint) {
		errmsg_set(reterr_why, "source and mountpoint must be set");
		return -EINVAL;
	}
	(void)snprintf(seed, sizeof(seed), "%" PRIu64, config->seed);
	(void)snprintf(limit, sizeof(limit), "%" PRIu64,
		       config->scratch_limit_bytes);
	(void)snprintf(interval, sizeof(interval), "%" PRIu64 "ms",
		       config->commit_interval_ms);
	(void)snprintf(after, sizeof(after), "%" PRIu64 "ms",
		       config->writeback_after_ms);
	add(&arguments, find_command(config->command));
	add(&arguments, "mount");
	add_option(&arguments, "--commit-interval",
		   config->commit_interval_ms ? interval : NULL);
	add_option(&arguments, "--writeback-after",
		   config->writeback_after_ms ? after : NULL);
	add_option(&arguments, "--seed", config->seed ? seed : NULL);
	add_option(&arguments, "--http", config->http);
	add_option(&arguments, "--profile", config->profile);
	add_option(&arguments, "--cache", config->cache);
	add_option(&arguments, "--scratch", config->scratch);
	add_option(&arguments, "--scratch-limit",
		   config->scratch_limit_bytes ? limit : NULL);
	add_option(&arguments, "--control", config->control);
	if (config->flags & FLAKEY_ALLOW_OTHER)
		add(&arguments, "--allow-other");
	if (config->flags & FLAKEY_STORE_SYNC)
		add(&arguments, "--store-sync");
	add_disk(&arguments, config, size);
	add(&arguments, "--");
	add(&arguments, config->source);
	add(&arguments, config->mountpoint);
	ran = run_command(arguments.words, reterr_why);
	if (ran < 0 && ran != -ECHILD)
		return ran;
	r = attach(config->mountpoint, config->control, arguments.words[0],
		   ret_flakey, reterr_why);
	/* A mount that nobody has a handle of would stay. */
	if (r < 0 && ran == 0)
		(void)unmount(arguments.words[0], config->control,
			      config->mountpoint, NULL);
	return r;
}

int flakey_start(const struct flakey_config *config, struct flakey **ret_flakey,
		 char *reterr_why, size_t reterr_size_bytes)
{
	struct flakey_config known;
	struct errmsg why = {""};
	int r;

	copy_in(&known, config, sizeof(known));
	r = start(&known, ret_flakey, &why);
	if (r < 0)
		tell(&why, reterr_why, reterr_size_bytes);
	return r;
}

int flakey_attach(const char *path, const char *control,
		  struct flakey **ret_flakey, char *reterr_why,
		  size_t reterr_size_bytes)
{
	struct errmsg why = {""};
	int r = attach(path, control, find_command(NULL), ret_flakey, &why);

	if (r < 0)
		tell(&why, reterr_why, reterr_size_bytes);
	return r;
}

/* Whether the mount that the handle means is still there. */
static int still_mounted(const struct flakey *flakey)
{
	struct client *client;
	int r = client_open(client_mountpoint(flakey->client), flakey->control,
			    &client, NULL);

	if (r == 0)
		client_close(client);
	return r != -ENOTTY && r != -ENOENT;
}

int flakey_stop(struct flakey *flakey)
{
	int r;

	/* Twice is no error, so that a test may always clean up. */
	if (!client_has_device(flakey->client) && !still_mounted(flakey))
		return 0;
	pthread_mutex_lock(&flakey->mutex);
	r = unmount(flakey->command, flakey->control,
		    client_mountpoint(flakey->client), &flakey->error);
	if (r == -ECHILD) {
		r = still_mounted(flakey) ? -EBUSY : 0;
		if (r < 0)
			errmsg_set(&flakey->error, "'%s' is still mounted",
				   client_mountpoint(flakey->client));
	} else if (r == -EIO && strstr(flakey->error.text, " is in use")) {
		r = -EBUSY;
	} else if (r == -EIO &&
		   strstr(flakey->error.text, "is no flakey mount")) {
		r = 0; /* of a disk all has gone, then */
	}
	pthread_mutex_unlock(&flakey->mutex);
	return r;
}

void flakey_free(struct flakey *flakey)
{
	if (!flakey)
		return;
	client_close(flakey->client);
	pthread_mutex_destroy(&flakey->mutex);
	free(flakey->command);
	free(flakey->control);
	free(flakey->device);
	free(flakey);
}

const char *flakey_error(const struct flakey *flakey)
{
	return flakey->error.text;
}

const char *flakey_mountpoint(const struct flakey *flakey)
{
	return client_mountpoint(flakey->client);
}

int flakey_command(struct flakey *flakey, const char *line,
		   struct text *ret_answer)
{
	int r;

	pthread_mutex_lock(&flakey->mutex);
	r = client_command(flakey->client, line, ret_answer, &flakey->error);
	pthread_mutex_unlock(&flakey->mutex);
	return r;
}

static int refuse(struct flakey *flakey, const char *sentence)
{
	pthread_mutex_lock(&flakey->mutex);
	errmsg_set(&flakey->error, "%s", sentence);
	pthread_mutex_unlock(&flakey->mutex);
	return -EINVAL;
}

static bool is_duration(int64_t ms)
{
	return ms >= 0 && ms <= MODE_DURATION_MAX_MS &&
	       ms % MODE_RESOLUTION_MS == 0;
}

/* mode has what the options do not say. */
static int switch_mode(struct flakey *flakey, struct mode mode,
		       const struct flakey_mode_options *options)
{
	struct flakey_mode_options known;
	char line[MODE_TEXT_MAX];

	copy_in(&known, options, sizeof(known));
	if (!is_duration(known.for_ms) || !is_duration(known.up_ms) ||
	    !is_duration(known.down_ms))
		return refuse(flakey, "times of a mode are multiples of 100 "
				      "ms, a year at most");
	if (!known.up_ms != !known.down_ms)
		return refuse(flakey, "a cycle needs both up_ms and down_ms");
	mode.for_ms = known.for_ms;
	mode.up_ms = known.up_ms;
	mode.down_ms = known.down_ms;
	mode.seed = known.seed;
	if (mode.seed != 0 && !mode_has_chance(mode.kind))
		return refuse(flakey, "only the random modes take a seed");
	mode_format(&mode, line, sizeof(line));
	return flakey_command(flakey, line, NULL);
}

static int switch_kind(struct flakey *flakey, enum mode_kind kind,
		       const struct flakey_mode_options *options)
{
	return switch_mode(flakey, (struct mode){.kind = kind}, options);
}

int flakey_allow_writes(struct flakey *flakey)
{
	return switch_kind(flakey, MODE_ALLOW_WRITES, NULL);
}

int flakey_drop_writes(struct flakey *flakey,
		       const struct flakey_mode_options *options)
{
	return switch_kind(flakey, MODE_DROP_WRITES, options);
}

int flakey_error_writes(struct flakey *flakey,
			const struct flakey_mode_options *options)
{
	return switch_kind(flakey, MODE_ERROR_WRITES, options);
}

int flakey_error_reads(struct flakey *flakey,
		       const struct flakey_mode_options *options)
{
	return switch_kind(flakey, MODE_ERROR_READS, options);
}

int flakey_corrupt_bio_byte(struct flakey *flakey, uint32_t nth,
			    enum flakey_direction direction, uint8_t value,
			    uint32_t flags,
			    const struct flakey_mode_options *options)
{
	const struct mode mode = {
		.kind = MODE_CORRUPT_BIO_BYTE,
		.nth_byte = nth,
		.on_write = direction == FLAKEY_WRITES,
		.value = value,
		.bio_flags = flags,
	};

	if (direction != FLAKEY_READS && direction != FLAKEY_WRITES)
		return refuse(flakey, "a direction is FLAKEY_READS or "
				      "FLAKEY_WRITES");
	return switch_mode(flakey, mode, options);
}

static int switch_random(struct flakey *flakey, enum mode_kind kind,
			 uint32_t probability,
			 const struct flakey_mode_options *options)
{
	const struct mode mode = {.kind = kind, .probability = probability};

	return switch_mode(flakey, mode, options);
}

int flakey_random_read_corrupt(struct flakey *flakey, uint32_t probability,
			       const struct flakey_mode_options *options)
{
	return switch_random(flakey, MODE_RANDOM_READ_CORRUPT, probability,
			     options);
}

int flakey_random_write_corrupt(struct flakey *flakey, uint32_t probability,
				const struct flakey_mode_options *options)
{
	return switch_random(flakey, MODE_RANDOM_WRITE_CORRUPT, probability,
			     options);
}

int flakey_sync(struct flakey *flakey)
{
	return flakey_command(flakey, "sync", NULL);
}

int flakey_evict(struct flakey *flakey)
{
	return flakey_command(flakey, "evict", NULL);
}

/* Where a member of a plain record goes. */
struct field {
	const char *name;
	size_t offset;
	size_t size; /* of a string with its NUL; 0: a number */
	int base;    /* of a number */
};

#define NUMBER(type, member)                                                   \
	{                                                                      \
#member, offsetof(struct type, member), 0, 10                  \
	}
#define STRING(type, member)                                                   \
	{                                                                      \
#member, offsetof(struct type, member),                        \
			sizeof(((struct type *)0)->member), 10                 \
	}

static void set_field(const struct field *field, const char *value,
		      char *structure)
{
	uint64_t number;

	if (field->size > 0) {
		(void)snprintf(structure + field->offset, field->size, "%s",
			       value); /* cut, if it is of a later version */
		return;
	}
	number = value[0] == '-' ? (uint64_t)strtoll(value, NULL, field->base)
				 : strtoull(value, NULL, field->base);
	memcpy(structure + field->offset, &number, sizeof(number));
}

static void read_fields(char *answer, const struct field *fields, size_t count,
			char *structure)
{
	char *name;
	char *value;

	while (fields_next(&answer, &name, &value))
		for (size_t i = 0; i < count; i++)
			if (strcmp(fields[i].name, name) == 0)
				set_field(&fields[i], value, structure);
}

/* A line for a plan. 0, or a refusal. */
static int write_plan(struct flakey *flakey, const struct flakey_plan *plan,
		      struct text *line)
{
	struct plan known = {0};
	char words[PLAN_TEXT_MAX];

	if (plan->keep > FLAKEY_KEEP_SHARE)
		return refuse(flakey, "a plan keeps FLAKEY_KEEP_NONE, "
				      "FLAKEY_KEEP_ALL or FLAKEY_KEEP_SHARE");
	if (plan->order > FLAKEY_ORDER_ANY || plan->torn > FLAKEY_TORN_PAGE ||
	    plan->fill > FLAKEY_FILL_GARBAGE)
		return refuse(flakey, "a plan has only what flakey.h names as "
				      "order, torn and fill");
	/* Written so that it refuses NaN, too. */
	if (!(plan->keep_percent >= 0 && plan->keep_percent <= 100))
		return refuse(flakey, "keep_percent is from 0 to 100");
	known.keep = (enum plan_keep)plan->keep;
	known.keep_ppm = (uint32_t)(plan->keep_percent * 10000 + 0.5);
	known.order = (enum plan_order)plan->order;
	known.torn = (enum plan_torn)plan->torn;
	known.fill = (enum plan_fill)plan->fill;
	known.seed = plan->seed;
	known.has_seed = plan->seed != 0;
	known.kill = plan->kill != 0;
	known.digest = plan->digest != 0;
	plan_format(&known, words, sizeof(words));
	text_printf(line, " %s format=plain", words);
	return 0;
}

/* Sends a line that ends with a plan, and reads the report. */
static int play_plan(struct flakey *flakey, struct text *line,
		     const struct flakey_plan *plan,
		     struct flakey_report *ret_report)
{
	static const struct field fields[] = {
		NUMBER(flakey_report, incarnation),
		NUMBER(flakey_report, lost_records),
		NUMBER(flakey_report, lost_bytes),
		NUMBER(flakey_report, lost_files),
		NUMBER(flakey_report, kept_records),
		NUMBER(flakey_report, kept_bytes),
		NUMBER(flakey_report, elapsed_us),
		NUMBER(flakey_report, seed),
		NUMBER(flakey_report, killed),
		NUMBER(flakey_report, frozen_us),
		{"digest", offsetof(struct flakey_report, digest), 0, 16},
	};
	struct flakey_report report = {0};
	struct flakey_plan known;
	struct text answer;
	int r;

	copy_in(&known, plan, sizeof(known));
	r = write_plan(flakey, &known, line);
	if (r == 0)
		r = text_result(line);
	if (r < 0)
		return r;
	text_init(&answer);
	r = flakey_command(flakey, line->data, &answer);
	if (r == 0 && ret_report) {
		read_fields(answer.data, fields,
			    sizeof(fields) / sizeof(fields[0]),
			    (char *)&report);
		copy_out(ret_report, &report, sizeof(report));
	}
	text_done(&answer);
	return r;
}

int flakey_crash(struct flakey *flakey, const struct flakey_plan *plan,
		 struct flakey_report *ret_report)
{
	struct text line;

	text_init(&line);
	text_printf(&line, "crash");
	int r = play_plan(flakey, &line, plan, ret_report);
	text_done(&line);
	return r;
}

/* The server has another working directory. */
static int write_directory(struct flakey *flakey, const char *directory,
			   struct text *line)
{
	char here[PATH_MAX] = "";

	if (!directory || !*directory)
		return refuse(flakey, "a snapshot needs a directory");
	if (*directory != '/' && !getcwd(here, sizeof(here)))
		return refuse(flakey, "the working directory is gone");
	text_printf(line, "snapshot ");
	escape_word(line, here);
	if (*here)
		text_printf(line, "/");
	escape_word(line, directory);
	return 0;
}

int flakey_snapshot(struct flakey *flakey, const char *directory,
		    const struct flakey_plan *plan,
		    struct flakey_report *ret_report)
{
	struct text line;

	text_init(&line);
	int r = write_directory(flakey, directory, &line);
	if (r == 0)
		r = play_plan(flakey, &line, plan, ret_report);
	text_done(&line);
	return r;
}

const char *flakey_device(struct flakey *flakey)
{
	struct text answer;
	char *cursor;
	char *name;
	char *value;
	const char *device;

	text_init(&answer);
	pthread_mutex_lock(&flakey->mutex);
	if (!flakey->device &&
	    client_command(flakey->client, "status format=plain", &answer,
			   &flakey->error) == 0) {
		cursor = answer.data;
		while (fields_next(&cursor, &name, &value))
			if (strcmp(name, "device") == 0 && !flakey->device)
				flakey->device = strdup(value);
		if (!flakey->device)
			flakey->device = strdup("");
	}
	device = flakey->device && *flakey->device ? flakey->device : NULL;
	pthread_mutex_unlock(&flakey->mutex);
	text_done(&answer);
	return device;
}

int flakey_status(struct flakey *flakey, struct flakey_info *ret_info)
{
	static const struct field fields[] = {
		STRING(flakey_info, backend),
		STRING(flakey_info, profile),
		STRING(flakey_info, state),
		STRING(flakey_info, mode),
		STRING(flakey_info, mode_now),
		NUMBER(flakey_info, pid),
		NUMBER(flakey_info, incarnation),
		NUMBER(flakey_info, journal_records),
		NUMBER(flakey_info, dirty_bytes),
		NUMBER(flakey_info, dirty_files),
		NUMBER(flakey_info, dropped_bytes),
		NUMBER(flakey_info, dropped_records),
		NUMBER(flakey_info, lost_commits),
		NUMBER(flakey_info, commits),
		NUMBER(flakey_info, requests),
		NUMBER(flakey_info, read_errors),
		NUMBER(flakey_info, corruptions),
	};
	struct flakey_info status = {0};
	struct text answer;
	int r;

	text_init(&answer);
	r = flakey_command(flakey, "status format=plain", &answer);
	if (r == 0) {
		read_fields(answer.data, fields,
			    sizeof(fields) / sizeof(fields[0]),
			    (char *)&status);
		copy_out(ret_info, &status, sizeof(status));
	}
	text_done(&answer);
	return r;
}

static void set_loss(struct flakey_loss *loss, const char *name, char *value)
{
	const struct {
		const char *name;
		const char **string;
		int64_t *number;
	} members[] = {
		{"kind", &loss->kind, NULL},
		{"path", &loss->path, NULL},
		{"path2", &loss->path2, NULL},
		{"what", &loss->what, NULL},
		{"remedy", &loss->remedy, NULL},
		{"offset_bytes", NULL, &loss->offset_bytes},
		{"length_bytes", NULL, &loss->length_bytes},
		{"since_ns", NULL, &loss->since_ns},
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (strcmp(members[i].name, name) != 0)
			continue;
		if (members[i].string)
			*members[i].string = value;
		else
			*members[i].number = fields_to_signed(value);
	}
	if (strcmp(name, "dropped") == 0)
		loss->dropped = fields_to_signed(value) != 0;
}

/* Calls each for the items of a plain answer; returns what `count` says. */
static uint64_t each_loss(char *answer, flakey_loss_fn *each, void *user)
{
	static const struct flakey_loss empty = {
		.size = sizeof(empty),
		.kind = "",
		.path = "",
		.what = "",
		.offset_bytes = -1,
	};
	struct flakey_loss loss = empty;
	bool pending = false;
	uint64_t count = 0;
	char *name;
	char *value;

	while (fields_next(&answer, &name, &value)) {
		bool ends = strcmp(name, "count") == 0;

		if (ends)
			count = fields_to_unsigned(value);
		if (ends || strcmp(name, "losses") == 0) {
			if (pending && each && each(user, &loss) != 0)
				each = NULL;
			loss = empty;
			pending = !ends;
		} else {
			set_loss(&loss, name, value);
		}
	}
	return count;
}

int flakey_unsynced(struct flakey *flakey, flakey_loss_fn *each, void *user)
{
	uint64_t count = 0;
	struct text answer;
	int r;

	text_init(&answer);
	r = flakey_command(flakey, "unsynced format=plain", &answer);
	if (r == 0)
		count = each_loss(answer.data, each, user);
	text_done(&answer);
	if (r < 0)
		return r;
	return count > INT_MAX ? INT_MAX : (int)count;
}
