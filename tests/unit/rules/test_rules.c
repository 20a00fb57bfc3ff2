/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "common/event.h"
#include "common/text.h"
#include "rules/glob.h"
#include "rules/rule.h"
#include "rules/rules.h"
#include "tests/unit/fusefs/seed.h"

#define NS_PER_S INT64_C(1000000000)
#define THREADS 4
#define RANDOM_SETS 60
#define RANDOM_HITS 60
#define RANDOM_RULES 100

static struct event_log *events;

/* A file with up to two names. */
struct file {
	const char *names[3];
	const char *to;
};

static int name_of(void *data, size_t index, struct text *text)
{
	const struct file *file = data;
	if (file->names[index] == NULL)
		return -ENOENT;
	text_printf(text, "%s", file->names[index]);
	return 0;
}

static int to_of(void *data, size_t index, struct text *text)
{
	const struct file *file = data;
	if (index > 0)
		return -ENOENT;
	text_printf(text, "%s", file->to);
	return 0;
}

static struct rule_hit hit_of(enum rule_point point, struct file *file)
{
	return (struct rule_hit){
		.point = point,
		.pid = getpid(),
		.uid = 1000,
		.flags = -1,
		.offset_bytes = -1,
		.length_bytes = -1,
		.path = name_of,
		.to = file->to != NULL ? to_of : NULL,
		.data = file,
	};
}

static struct rules *rules_of(const char *text)
{
	struct rules *rules = rules_new(events, 7);
	struct errmsg why = {""};
	assert_non_null(rules);
	if (rules_set(rules, text, strlen(text), true, NULL, &why) < 0)
		fail_msg("%s", why.text);
	return rules;
}

static void change(struct rules *rules, const char *text)
{
	struct errmsg why = {""};
	if (rules_set(rules, text, strlen(text), false, NULL, &why) < 0)
		fail_msg("%s", why.text);
}

/* The actions' ids, in their order. */
static size_t decide(struct rules *rules, const struct rule_hit *hit, int *ids)
{
	struct rule_verdicts verdicts;
	size_t count = rules_decide(rules, hit, &verdicts);
	for (size_t i = 0; i < count; i++)
		ids[i] = verdicts.list[i].id;
	if (count > 0)
		rules_done(&verdicts);
	return count;
}

static bool fires(struct rules *rules, const struct rule_hit *hit)
{
	int ids[RULE_VERDICTS_MAX];
	return decide(rules, hit, ids) > 0;
}

struct counts {
	uint64_t hits;
	uint64_t fired;
};

static void take_counts(void *user, const struct rules_info *info)
{
	struct counts *counts = user;
	counts->hits = info->hits;
	counts->fired = info->fired;
}

static void assert_counts(struct rules *rules, const char *name, uint64_t hits,
			  uint64_t fired)
{
	struct counts counts = {0};
	assert_int_equal(rules_visit(rules, name, take_counts, &counts, NULL),
			 0);
	assert_int_equal(counts.hits, hits);
	assert_int_equal(counts.fired, fired);
}

static void selectors_select(void **state)
{
	struct file wal = {.names = {"/db/1.wal", NULL}};
	struct file two = {.names = {"/x", "/db/2.wal", NULL}};
	struct file moved = {.names = {"/a", NULL}, .to = "/d/b"};
	struct rules *rules = rules_of("fs/write{path=db/*.wal}=print");
	struct rule_hit hit = hit_of(RULE_FS_WRITE, &wal);
	(void)state;
	assert_true(rules_armed(rules, RULE_FS_WRITE));
	assert_false(rules_armed(rules, RULE_FS_READ));
	assert_true(fires(rules, &hit));
	hit.point = RULE_FS_READ;
	assert_false(fires(rules, &hit));
	hit = hit_of(RULE_FS_WRITE, &two);
	assert_true(fires(rules, &hit)); /* by its second name */
	two.names[1] = NULL;
	assert_false(fires(rules, &hit));
	hit.path = NULL;
	assert_false(fires(rules, &hit));
	rules_free(rules);

	rules = rules_of("fs/rename{to=d/*}=print");
	hit = hit_of(RULE_FS_RENAME, &moved);
	assert_true(fires(rules, &hit));
	moved.to = "/e/b";
	assert_false(fires(rules, &hit));
	rules_free(rules);

	rules = rules_of("fs/write{uid=1000,when=after}=print");
	hit = hit_of(RULE_FS_WRITE, &wal);
	assert_false(fires(rules, &hit));
	hit.after = true;
	assert_true(fires(rules, &hit));
	hit.uid = 0;
	assert_false(fires(rules, &hit));
	rules_free(rules);
}

static void ranges_are_half_open(void **state)
{
	static const struct {
		int64_t offset;
		int64_t length;
		bool inside;
	} examples[] = {
		{0, 10, false},	 {0, 11, true},	  {10, 1, true},
		{19, 100, true}, {20, 10, false}, {29, 2, true},
		{-1, -1, false}, {5, -1, true},	  {10, 0, true},
		{20, 0, false},	 {39, 1, true},	  {40, INT64_MAX, false},
	};
	struct file file = {.names = {"/f", NULL}};
	struct rules *rules =
		rules_of("fs/write{offset=30..40,offset=10..20}=print");
	struct rule_hit hit = hit_of(RULE_FS_WRITE, &file);
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		hit.offset_bytes = examples[i].offset;
		hit.length_bytes = examples[i].length;
		if (fires(rules, &hit) != examples[i].inside)
			fail_msg("%lld+%lld", (long long)hit.offset_bytes,
				 (long long)hit.length_bytes);
	}
	rules_free(rules);
}

static void flags_must_all_be_set(void **state)
{
	struct file file = {.names = {"/f", NULL}};
	struct rules *rules = rules_of("fs/write{flags=O_SYNC|O_RDWR}=print");
	struct rule_hit hit = hit_of(RULE_FS_WRITE, &file);
	(void)state;
	assert_false(fires(rules, &hit)); /* it has none */
	hit.flags = O_SYNC | O_RDWR | O_APPEND;
	assert_true(fires(rules, &hit));
	hit.flags = O_DSYNC | O_RDWR; /* a part of O_SYNC */
	assert_false(fires(rules, &hit));
	hit.flags = O_SYNC | O_WRONLY;
	assert_false(fires(rules, &hit));
	rules_free(rules);
}

static void rules_act_in_their_order_until_one_ends(void **state)
{
	struct file file = {.names = {"/f", NULL}};
	struct rules *rules = rules_of("fs/write=sleep(1)\n"
				       "fs/any-write=off\n"
				       "fs/*=2*return(EIO)\n"
				       "fs/write{path=f}=print\n");
	struct rule_hit hit = hit_of(RULE_FS_WRITE, &file);
	int ids[RULE_VERDICTS_MAX];
	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(decide(rules, &hit, ids), 2);
		assert_int_equal(ids[0], TERMS_SLEEP);
		assert_int_equal(ids[1], TERMS_RETURN);
	}
	assert_counts(rules, "fs/write{path=f}", 0, 0); /* was not asked */
	assert_int_equal(decide(rules, &hit, ids), 2);
	assert_int_equal(ids[1], TERMS_PRINT);
	assert_counts(rules, "fs/any-write", 3, 0); /* off is nothing */
	assert_counts(rules, "fs/*", 3, 2);
	rules_free(rules);
}

static void classes_spare_those_who_look_around(void **state)
{
	struct file file = {.names = {"/f", NULL}};
	struct rules *rules = rules_of("fs/*=print");
	(void)state;
	for (int p = 0; p < RULE_POINT_COUNT; p++) {
		struct rule_hit hit = hit_of((enum rule_point)p, &file);
		bool spared = p == RULE_FS_LOOKUP || p == RULE_FS_GETATTR ||
			      p == RULE_FS_READDIR || p == RULE_FS_OPENDIR ||
			      p >= RULE_STORE_READ;
		assert_int_equal(fires(rules, &hit), !spared);
	}
	rules_free(rules);
}

static void verdicts_bring_all_that_is_needed(void **state)
{
	struct file file = {.names = {"/f", NULL}};
	struct rules *rules =
		rules_of("fs/write{path=f}=1*short(50%)->1*nospace(100)->"
			 "1*slow(1us, per-byte=2us, random=1ms)->pause");
	struct rule_hit hit = hit_of(RULE_FS_WRITE, &file);
	struct rule_verdicts verdicts;
	const struct rule_verdict *verdict = &verdicts.list[0];
	(void)state;
	assert_int_equal(rules_decide(rules, &hit, &verdicts), 1);
	assert_int_equal(verdict->id, RULE_SHORT);
	assert_int_equal(rule_short_bytes(verdict, 101), 50);
	rules_done(&verdicts);
	assert_int_equal(rules_decide(rules, &hit, &verdicts), 1);
	assert_int_equal(verdict->id, RULE_NOSPACE);
	assert_int_equal(rule_take(verdict, 60, true), 60);
	/* What is refused as a whole takes nothing away. */
	assert_int_equal(rule_take(verdict, 60, false), 0);
	assert_int_equal(rule_take(verdict, 60, true), 40);
	assert_int_equal(rule_take(verdict, 60, true), 0);
	rules_done(&verdicts);
	assert_int_equal(rules_decide(rules, &hit, &verdicts), 1);
	int64_t ns = rule_sleep_ns(verdict, 1000);
	assert_in_range(ns, 2001000, 3000999);
	assert_int_equal(rule_sleep_ns(verdict, 1000), ns); /* of this hit */
	assert_true(rule_random(verdict, 0) != rule_random(verdict, 1));
	rules_done(&verdicts);
	assert_int_equal(rules_decide(rules, &hit, &verdicts), 1);
	assert_int_equal(rule_sleep_ns(verdict, 0), -1);
	rules_done(&verdicts);
	rules_free(rules);
}

static void counters_survive_what_happens_to_others(void **state)
{
	struct file file = {.names = {"/f", NULL}};
	struct rules *rules = rules_of("fs/write=print\nfs/read=print");
	struct rule_hit hit = hit_of(RULE_FS_WRITE, &file);
	struct errmsg why = {""};
	(void)state;
	assert_true(fires(rules, &hit));
	change(rules, "fs/read=off; fs/open=off");
	assert_counts(rules, "fs/write", 1, 1);
	assert_int_equal(rules_remove(rules, "fs/open\nfs/read", 15, &why), 0);
	assert_counts(rules, "fs/write", 1, 1);
	/* What is set anew begins anew, whether it is another or not. */
	change(rules, "fs/write{force}=print");
	assert_counts(rules, "fs/write", 0, 0);
	assert_int_equal(rules_remove(rules, "fs/write;fs/open", 16, &why),
			 -ENOENT);
	assert_counts(rules, "fs/write", 0, 0);
	assert_int_equal(rules_clear(rules), 1);
	assert_int_equal(rules_clear(rules), 0);
	assert_false(rules_armed(rules, RULE_FS_WRITE));
	rules_free(rules);
}

/* Who gives several does not see how they are put together. */
static void refusals_say_which_of_several(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} cases[] = {
		{"# one\n fs/wrte=off", "offset 7: unknown operation"},
		{"fs/wrte=off\nfs/read=off", "rule 1, offset 0: unknown "},
		{"fs/open=off\nfs/read=return(EIO)\n# no\n  fs/read=of\n",
		 "rule 3, offset 8: unknown action"},
		{"fs/open=off;fs/read", "rule 2, offset 7: '=' is missing"},
		{"fs/open=off; =off", "rule 2, offset 0: a name is missing"},
		{"fs/open=off\nfs/write{path=\"a;b\",ofset=1..2}=off",
		 "rule 2, offset 20: unknown selector"},
		{"fs/open=off\nfs/rename=short(5)", "rule 2, offset 10: short"},
	};
	struct rules *rules = rules_of("fs/write=off;fs/read=off");
	struct errmsg why;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = cases[i].text;
		assert_int_equal(
			rules_set(rules, text, strlen(text), false, NULL, &why),
			-EINVAL);
		if (strncmp(why.text, cases[i].why, strlen(cases[i].why)) != 0)
			fail_msg("'%s' says '%s'", text, why.text);
	}
	assert_int_equal(rules_remove(rules, "fs/write\nfs/open", 16, &why),
			 -ENOENT);
	assert_non_null(strstr(why.text, "rule 2, offset 0: there is no rule"));
	assert_int_equal(rules_remove(rules, "fs/open\nfs/write", 16, &why),
			 -ENOENT);
	assert_non_null(strstr(why.text, "rule 1, offset 0: there is no rule"));
	assert_int_equal(rules_remove(rules, "\n fs/open", 9, &why), -ENOENT);
	assert_non_null(strstr(why.text, "offset 2: there is no rule"));
	assert_int_equal(rules_count(rules), 2);
	rules_free(rules);
}

static void emptied_rules_come_back(void **state)
{
	struct file file = {.names = {"/f", NULL}};
	struct rules *rules = rules_of("fs/write=print");
	struct rule_hit hit = hit_of(RULE_FS_WRITE, &file);
	(void)state;
	assert_true(fires(rules, &hit));
	struct rules_saved *saved = rules_clear_saved(rules);
	assert_false(fires(rules, &hit));
	rules_restore(rules, saved);
	assert_true(fires(rules, &hit));
	assert_counts(rules, "fs/write", 2, 2);
	saved = rules_clear_saved(rules);
	change(rules, "fs/read=off"); /* somebody was faster */
	rules_restore(rules, saved);
	assert_false(fires(rules, &hit));
	rules_free(rules);
}

static void the_same_seed_tosses_the_same(void **state)
{
	struct file file = {.names = {"/f", NULL}};
	struct rule_hit hit = hit_of(RULE_FS_WRITE, &file);
	bool first[200];
	(void)state;
	for (int run = 0; run < 2; run++) {
		struct rules *rules = rules_of("fs/write=50%return(EIO)");
		size_t fired = 0;
		for (int i = 0; i < 200; i++) {
			bool fire = fires(rules, &hit);
			if (run == 0)
				first[i] = fire;
			assert_int_equal(fire, first[i]);
			fired += fire;
		}
		assert_in_range(fired, 50, 150);
		rules_free(rules);
	}
}

static void children_are_included(void **state)
{
	struct file file = {.names = {"/f", NULL}};
	char text[100];
	int status;
	(void)state;
	(void)snprintf(text, sizeof(text), "fs/write{pid=%d}=print",
		       (int)getpid());
	struct rules *by_pid = rules_of(text);
	assert_int_equal(prctl(PR_SET_NAME, "a rule's test"), 0);
	struct rules *by_name =
		rules_of("fs/write{process=\"a rule's test\"}=print");
	struct rules *others = rules_of("fs/write{process=nobody}=print");
	pid_t child = fork();
	if (child == 0) {
		struct rule_hit hit = hit_of(RULE_FS_WRITE, &file);
		prctl(PR_SET_NAME, "another");
		bool right = fires(by_pid, &hit) && fires(by_name, &hit) &&
			     !fires(others, &hit);
		hit.pid = 1;
		_exit(right && !fires(by_pid, &hit) ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	rules_free(by_pid);
	rules_free(by_name);
	rules_free(others);
}

static void firings_are_logged(void **state)
{
	struct file file = {.names = {"/a\"b", NULL}, .to = "/c"};
	struct rules *rules = rules_of("fs/rename{path=**}=fail-after(EIO)");
	struct rule_hit hit = hit_of(RULE_FS_RENAME, &file);
	const struct rule_effect effect = {"EIO", 5, 1};
	struct rule_verdicts verdicts;
	char log[4096];
	char wanted[400];
	off_t begin = event_size(events);
	(void)state;
	assert_int_equal(rules_decide(rules, &hit, &verdicts), 1);
	rules_log(rules, &hit, &verdicts.list[0], &effect);
	rules_done(&verdicts);
	size_t n = event_read(events, begin, log, sizeof(log) - 1, &begin);
	log[n] = '\0';
	(void)snprintf(wanted, sizeof(wanted),
		       "\"event\":\"fault\",\"rule\":\"fs/rename{path=**}\","
		       "\"op\":\"fs/rename\",\"path\":\"/a\\\"b\","
		       "\"to\":\"/c\",\"pid\":%d,\"seed\":7,\"hit\":1,"
		       "\"action\":\"fail-after(EIO)\",\"effect\":\"EIO\","
		       "\"effect_offset\":5,\"effect_length\":1}",
		       (int)getpid());
	if (strstr(log, wanted) == NULL)
		print_error("%s\n%s\n", log, wanted);
	assert_non_null(strstr(log, wanted));
	rules_free(rules);
}

/* Somebody who sleeps or waits, for the main thread to end it. */
struct sleeper {
	struct rules *rules;
	struct rule_verdicts verdicts;
	pthread_t thread;
	atomic_bool cancelled;
	uint64_t fired;
	int result;
};

static void *sleep_for_ever(void *user)
{
	struct sleeper *sleeper = user;
	sleeper->result =
		rules_sleep(sleeper->rules, &sleeper->verdicts.list[0], -1);
	rules_done(&sleeper->verdicts);
	return NULL;
}

static void *wait_for_two(void *user)
{
	struct sleeper *sleeper = user;
	const struct rules_wish wish = {
		.name = "fs/write",
		.fired = 2,
		.timeout_ns = 60 * NS_PER_S,
		.cancelled = &sleeper->cancelled,
	};
	sleeper->result =
		rules_wait(sleeper->rules, &wish, &sleeper->fired, NULL);
	return NULL;
}

static void start_sleep(struct sleeper *sleeper, struct rules *rules)
{
	static struct file file = {.names = {"/f", NULL}};
	struct rule_hit hit = hit_of(RULE_FS_WRITE, &file);
	*sleeper = (struct sleeper){.rules = rules};
	assert_int_equal(rules_decide(rules, &hit, &sleeper->verdicts), 1);
	assert_true(rules_sleeps(rules, &sleeper->verdicts.list[0]));
	assert_int_equal(
		pthread_create(&sleeper->thread, NULL, sleep_for_ever, sleeper),
		0);
}

static void count_call(void *user)
{
	++*(atomic_int *)user;
}

static void sleeps_end_when_they_should(void **state)
{
	struct rules *rules = rules_of("fs/write=pause");
	struct errmsg why;
	struct sleeper sleeper;
	atomic_int calls = 0;
	(void)state;
	rules_watch(rules, count_call, &calls);
	start_sleep(&sleeper, rules);
	change(rules, "fs/read=pause"); /* another rule */
	assert_true(rules_sleeps(rules, &sleeper.verdicts.list[0]));
	assert_int_equal(calls, 1);
	change(rules, "fs/write=pause");
	pthread_join(sleeper.thread, NULL);
	assert_int_equal(sleeper.result, -ECANCELED);
	start_sleep(&sleeper, rules);
	assert_int_equal(rules_remove(rules, "fs/write", 8, &why), 0);
	pthread_join(sleeper.thread, NULL);
	assert_int_equal(sleeper.result, -ECANCELED);
	change(rules, "fs/write=pause");
	start_sleep(&sleeper, rules);
	rules_interrupt(rules);
	pthread_join(sleeper.thread, NULL);
	assert_int_equal(sleeper.result, -ECANCELED);
	start_sleep(&sleeper, rules); /* after the crash they sleep again */
	assert_int_equal(calls, 5);
	rules_stop(rules);
	pthread_join(sleeper.thread, NULL);
	assert_int_equal(sleeper.result, -ECANCELED);
	rules_free(rules);
}

static void short_sleeps_end_by_themselves(void **state)
{
	struct rules *rules = rules_of("fs/write=sleep(1ms)");
	struct file file = {.names = {"/f", NULL}};
	struct rule_hit hit = hit_of(RULE_FS_WRITE, &file);
	struct rule_verdicts verdicts;
	(void)state;
	assert_int_equal(rules_decide(rules, &hit, &verdicts), 1);
	assert_int_equal(rules_sleep(rules, &verdicts.list[0],
				     rule_sleep_ns(&verdicts.list[0], 0)),
			 0);
	rules_done(&verdicts);
	rules_free(rules);
}

static void start_wait(struct sleeper *sleeper, struct rules *rules)
{
	*sleeper = (struct sleeper){.rules = rules};
	assert_int_equal(
		pthread_create(&sleeper->thread, NULL, wait_for_two, sleeper),
		0);
}

static void waits_end_when_they_should(void **state)
{
	struct rules *rules = rules_of("fs/write=off->print");
	struct file file = {.names = {"/f", NULL}};
	struct rule_hit hit = hit_of(RULE_FS_WRITE, &file);
	struct sleeper sleeper;
	struct errmsg why = {""};
	uint64_t fired = 99;
	(void)state;
	change(rules, "fs/write=1*off->print");
	start_wait(&sleeper, rules);
	for (int i = 0; i < 3; i++)
		(void)fires(rules, &hit); /* one of them is off */
	pthread_join(sleeper.thread, NULL);
	assert_int_equal(sleeper.result, 0);
	assert_int_equal(sleeper.fired, 2);
	struct rules_wish wish = {
		.name = "fs/write", .fired = 3, .timeout_ns = 1};
	assert_int_equal(rules_wait(rules, &wish, &fired, &why), -ETIMEDOUT);
	assert_string_equal(why.text,
			    "the rule 'fs/write' has fired 2 of 3 times");
	wish.name = "fs/read";
	assert_int_equal(rules_wait(rules, &wish, &fired, &why), -ENOENT);
	change(rules, "fs/write=print");
	start_wait(&sleeper, rules);
	/* Until it has begun to wait, and so hears of the next change. */
	do
		change(rules, "fs/write=print");
	while (pthread_tryjoin_np(sleeper.thread, NULL) != 0);
	assert_int_equal(sleeper.result, -ENOENT);
	start_wait(&sleeper, rules);
	atomic_store(&sleeper.cancelled, true);
	rules_cancel(rules);
	pthread_join(sleeper.thread, NULL);
	assert_int_equal(sleeper.result, -ECANCELED);
	start_wait(&sleeper, rules);
	rules_stop(rules);
	pthread_join(sleeper.thread, NULL);
	assert_int_equal(sleeper.result, -ECANCELED);
	rules_free(rules);
}

/* Hits from several threads while the set changes under them: each hit sees
 * either all of the old rules or all of the new, and none is counted twice. */
struct crowd {
	struct rules *rules;
	atomic_bool stop;
	_Atomic uint64_t hits;
	_Atomic uint64_t wrong;
};

static void *hit_on(void *user)
{
	struct crowd *crowd = user;
	struct file file = {.names = {"/f", NULL}};
	struct rule_hit hit = hit_of(RULE_FS_WRITE, &file);
	int ids[RULE_VERDICTS_MAX];
	while (!atomic_load(&crowd->stop)) {
		size_t count = decide(crowd->rules, &hit, ids);
		bool right =
			count == 3 && ids[0] == TERMS_PRINT && ids[1] == ids[2];
		crowd->hits++;
		crowd->wrong += !right;
	}
	return NULL;
}

static void replacing_is_atomic_for_all_threads(void **state)
{
	static const char *const sets[] = {
		"fs/write{path=f}=yield; fs/write{uid=1000}=yield",
		"fs/write{path=f}=drop; fs/write{uid=1000}=drop",
	};
	struct crowd crowd = {.rules = rules_of("fs/write=print")};
	pthread_t threads[THREADS];
	(void)state;
	change(crowd.rules, sets[0]);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, hit_on, &crowd), 0);
	for (int i = 0; i < 2000 || crowd.hits < 2000; i++)
		change(crowd.rules, sets[i % 2]);
	atomic_store(&crowd.stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(crowd.wrong, 0);
	assert_counts(crowd.rules, "fs/write", crowd.hits, crowd.hits);
	rules_free(crowd.rules);
}

static void write_pattern(struct seed *seed, char *to)
{
	static const char *const parts[] = {"a", "b", "ab", "*",   "**",
					    "?", "/", "/",  "[ab]"};
	do {
		*to = '\0';
		for (uint32_t i = seed_below(seed, 7) + 1; i > 0; i--)
			strcat(to, parts[seed_below(seed, 9)]);
		struct glob *glob = NULL;
		size_t offset;
		if (glob_parse(to, strlen(to), &glob, &offset, NULL) == 0) {
			glob_free(glob);
			return;
		}
	} while (true);
}

static void write_path(struct seed *seed, char *to)
{
	static const char *const parts[] = {"/a", "b", "/ab", "/"};
	*to = '\0';
	strcat(to, parts[2 * seed_below(seed, 2)]);
	for (uint32_t i = seed_below(seed, 5); i > 0; i--)
		strcat(to, parts[seed_below(seed, 3)]);
}

struct tally {
	size_t place;
	const uint64_t *wanted;
};

static void compare_hits(void *user, const struct rules_info *info)
{
	struct tally *tally = user;
	if (info->hits != tally->wanted[tally->place])
		print_error("%s: %llu, not %llu\n", info->name,
			    (unsigned long long)info->hits,
			    (unsigned long long)tally->wanted[tally->place]);
	assert_int_equal(info->hits, tally->wanted[tally->place]);
	tally->place++;
}

static bool matches(const char *pattern, const char *path)
{
	struct glob *glob = NULL;
	size_t offset;
	assert_int_equal(
		glob_parse(pattern, strlen(pattern), &glob, &offset, NULL), 0);
	bool matched = glob_matches(glob, path, strlen(path));
	glob_free(glob);
	return matched;
}

/* The index finds what trying every pattern finds. */
static void the_index_finds_what_matches(void **state)
{
	struct seed seed;
	(void)state;
	seed_start(&seed);
	for (unsigned long set = 0; set < seed_steps(RANDOM_SETS); set++) {
		char patterns[RANDOM_RULES][40];
		char text[RANDOM_RULES * 100] = "";
		uid_t users[RANDOM_RULES];
		uint64_t wanted[RANDOM_RULES] = {0};
		size_t count = seed_below(&seed, RANDOM_RULES) + 1;
		for (size_t i = 0; i < count; i++) {
			write_pattern(&seed, patterns[i]);
			const char *form = i % 3 > 0 ? "," : ",flags=O_SYNC,";
			users[i] = seed_below(&seed, 4);
			sprintf(text + strlen(text),
				"fs/write{path=%s,offset=%zu..%suid=%u}=off\n",
				patterns[i], i, form, (unsigned int)users[i]);
		}
		struct rules *rules = rules_of(text);
		for (int h = 0; h < RANDOM_HITS; h++) {
			char path[40];
			struct file file = {.names = {path, NULL}};
			struct rule_hit hit = hit_of(RULE_FS_WRITE, &file);
			write_path(&seed, path);
			hit.offset_bytes = RANDOM_RULES;
			hit.uid = seed_below(&seed, 4);
			hit.flags = seed_below(&seed, 2) ? O_SYNC : 0;
			/* What was found once is remembered. */
			assert_false(fires(rules, &hit));
			assert_false(fires(rules, &hit));
			for (size_t i = 0; i < count; i++)
				if (matches(patterns[i], path) &&
				    hit.uid == users[i] &&
				    (i % 3 > 0 || hit.flags != 0))
					wanted[i] += 2;
		}
		struct tally tally = {0, wanted};
		rules_visit(rules, NULL, compare_hits, &tally, NULL);
		assert_int_equal(tally.place, count);
		rules_free(rules);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selectors_select),
		cmocka_unit_test(ranges_are_half_open),
		cmocka_unit_test(flags_must_all_be_set),
		cmocka_unit_test(rules_act_in_their_order_until_one_ends),
		cmocka_unit_test(classes_spare_those_who_look_around),
		cmocka_unit_test(verdicts_bring_all_that_is_needed),
		cmocka_unit_test(counters_survive_what_happens_to_others),
		cmocka_unit_test(refusals_say_which_of_several),
		cmocka_unit_test(emptied_rules_come_back),
		cmocka_unit_test(the_same_seed_tosses_the_same),
		cmocka_unit_test(children_are_included),
		cmocka_unit_test(firings_are_logged),
		cmocka_unit_test(sleeps_end_when_they_should),
		cmocka_unit_test(short_sleeps_end_by_themselves),
		cmocka_unit_test(waits_end_when_they_should),
		cmocka_unit_test(replacing_is_atomic_for_all_threads),
		cmocka_unit_test(the_index_finds_what_matches),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	events = event_new();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	event_free(events);
	return failed;
}
