/* SPDX-License-Identifier: MIT */
/*
 * litmus MNT STORE NATIVE TABLE COLUMN [ID]
 *
 * Plays every row of a crash table (or the one named ID) on the mount MNT,
 * whose store is STORE, and prints TAP. NATIVE is an empty directory of the
 * host. A row passes when
 *   - the live image after the ops is what the same ops make on NATIVE,
 *   - the live image after the crash is what COLUMN says,
 *   - the store is then the same, seen past the mount.
 * Names that begin with a dot belong to flakey and are left alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/controlfile.h"
#include "tests/harness/emptydir.h"
#include "tests/litmus/oplang.h"
#include "tests/litmus/table.h"
#include "tests/litmus/treedump.h"

struct judge {
	const char *mount_path;
	const char *native_path;
	int mount;
	int store;
	int native;
	size_t number; /* of the TAP point */
	size_t failed;
	size_t not_native; /* rows the host could not play */
	bool skip;	   /* the row at hand: the kernel could not play it */
};

static void die(const char *what, int error)
{
	printf("Bail out! cannot %s: %s\n", what, strerror(error));
	exit(1);
}

static void must(const char *what, int r)
{
	if (r < 0)
		die(what, -r);
}

static char *run(struct oplang *lang, const char *ops, bool dump_tree)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		die("allocate", errno);
	must("run the ops", oplang_run(lang, ops, out));
	if (dump_tree)
		must("read the tree", treedump_write(lang->root, out));
	if (fclose(out) != 0)
		die("allocate", errno);
	return text;
}

/* Runs the ops: what the failed ones said. */
static char *act(struct oplang *lang, const char *ops)
{
	return run(lang, ops, false);
}

/* Runs the ops and appends the tree, so that a failed op stands before it. */
static char *play(struct oplang *lang, const char *ops)
{
	return run(lang, ops, true);
}

static void empty(const char *path)
{
	must("empty a directory", emptydir(path));
}

static char *dump(int root)
{
	char *text = treedump_text(root);

	if (!text)
		die("allocate", errno);
	return text;
}

/* What the failed ops said: all up to the first name. */
static size_t failures_length(const char *text)
{
	size_t length = 0;

	while (text[length] == ' ' && text[length + 1] == '[')
		length += strcspn(text + length, "]") + 1;
	return length;
}

static const char *without_blank(const char *text)
{
	return *text == ' ' ? text + 1 : text;
}

static void explain(const struct table_row *row, const char *which,
		    const char *expected, const char *got)
{
	printf("# %s is wrong\n#   setup:    %s\n#   ops:      %s\n", which,
	       row->setup, row->ops);
	printf("#   expected: %s\n#   got:      %s\n", expected, got);
}

static bool same(const struct table_row *row, const char *which,
		 const char *expected, const char *got)
{
	expected = without_blank(expected);
	got = without_blank(got);
	if (strcmp(expected, got) == 0)
		return true;
	explain(row, which, expected, got);
	return false;
}

/* A host on tmpfs has no insert range: then there is nothing to compare. */
static bool native_can(const char *native)
{
	char *end = strndup(native, failures_length(native));
	bool can = end && !strstr(end, strerror(EOPNOTSUPP)) &&
		   !strstr(end, strerror(EINVAL));

	free(end);
	return can;
}

/* The kernel's own FUSE client answers these; no server is asked. */
static bool kernel_cannot(const char *live)
{
	char *failures = strndup(live, failures_length(live));
	bool cannot = failures && (strstr(failures, " 32: Operation not") ||
				   strstr(failures, " 8: Operation not"));

	free(failures);
	return cannot;
}

/* Both are allowed for a rename over a directory with entries, rename(2), and the
 * host may not say what the file system of the table does. */
static char *with_the_other_word(const char *native)
{
	const char *not_empty = strerror(ENOTEMPTY);
	const char *found = strstr(native, not_empty);
	char *text = NULL;

	if (found == NULL)
		return strdup(native);
	if (asprintf(&text, "%.*s%s%s", (int)(found - native), native,
		     strerror(EEXIST), found + strlen(not_empty)) < 0)
		die("allocate", ENOMEM);
	return text;
}

static bool live_is_native(struct judge *judge, const struct table_row *row,
			   const char *live)
{
	struct oplang lang;
	char *native;
	char *other;
	bool ok;

	empty(judge->native_path);
	oplang_init(&lang, judge->native, OPLANG_SYNC_NONE);
	free(play(&lang, row->setup));
	native = play(&lang, row->ops);
	oplang_done(&lang);
	ok = native_can(native);
	if (!ok)
		judge->not_native++;
	other = with_the_other_word(native);
	ok = !ok || (other != NULL && strcmp(other, live) == 0) ||
	     same(row, "the live image before the crash", native, live);
	free(other);
	free(native);
	return ok;
}

static bool survivors_are_right(struct judge *judge,
				const struct table_row *row, const char *live)
{
	char *tree = dump(judge->mount);
	char *store = dump(judge->store);
	char *got = NULL;
	bool ok;

	if (asprintf(&got, "%.*s%s", (int)failures_length(live), live, tree) <
	    0)
		die("allocate", ENOMEM);
	ok = same(row, "the image after the crash", row->expected, got);
	ok &= same(row, "the store after the crash", tree, store);
	free(got);
	free(store);
	free(tree);
	return ok;
}

/* An empty mount, the setup, and all of it durable. */
static bool prepare(struct judge *judge, const struct table_row *row,
		    struct oplang *lang)
{
	char *live;
	bool ok;

	empty(judge->mount_path);
	must("sync", controlfile_verb(judge->mount, "sync"));
	oplang_init(lang, judge->mount, OPLANG_SYNC_CONTROL);
	/* Looking would open and close files, as below. */
	live = act(lang, row->setup);
	ok = *live == '\0';
	if (!ok)
		explain(row, "the setup", "no failing op", live);
	free(live);
	must("sync", controlfile_verb(judge->mount, "sync"));
	return ok;
}

/* Twice: looking at the live image opens and closes files, which is something
 * that a file system may act on, so it must not come before the crash. */
static bool judge_row(struct judge *judge, const struct table_row *row)
{
	struct oplang lang;
	char *said;
	bool ok;

	ok = prepare(judge, row, &lang);
	said = act(&lang, row->ops);
	judge->skip = kernel_cannot(said);
	must("crash", controlfile_verb(judge->mount, "crash"));
	if (!judge->skip)
		ok &= survivors_are_right(judge, row, said);
	oplang_done(&lang);
	free(said);
	if (judge->skip)
		return ok;
	ok &= prepare(judge, row, &lang);
	said = play(&lang, row->ops);
	ok &= live_is_native(judge, row, said);
	oplang_done(&lang);
	free(said);
	return ok;
}

static void judge_table(struct judge *judge, const struct table *table,
			const char *only)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct table_row *row = &table->rows[i];
		bool ok;

		if (only && strcmp(only, row->id) != 0)
			continue;
		ok = judge_row(judge, row);
		judge->failed += !ok;
		printf("%sok %zu - %s%s\n", ok ? "" : "not ", ++judge->number,
		       row->id,
		       judge->skip ? " # SKIP FUSE in this kernel has no "
				     "collapse or insert range"
				   : "");
		(void)fflush(stdout); /* a reader sees where a hang began */
	}
}

static int open_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		die(path, errno);
	return fd;
}

int main(int argc, char **argv)
{
	struct table *table = NULL;
	struct judge judge = {0};

	if (argc != 6 && argc != 7) {
		fprintf(stderr,
			"usage: litmus MNT STORE NATIVE TABLE COLUMN [ID]\n");
		return 2;
	}
	umask(022);
	must(argv[4], table_read(argv[4], argv[5], &table));
	judge.mount_path = argv[1];
	judge.native_path = argv[3];
	judge.mount = open_directory(argv[1]);
	judge.store = open_directory(argv[2]);
	judge.native = open_directory(argv[3]);
	judge_table(&judge, table, argv[6]);
	printf("1..%zu\n", judge.number);
	if (judge.not_native)
		printf("# %zu rows could not be played on the host\n",
		       judge.not_native);
	table_free(table);
	return judge.failed > 0 || judge.number == 0;
}
