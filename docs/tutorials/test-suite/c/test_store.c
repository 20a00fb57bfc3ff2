/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <flakey.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store.h"

static struct flakey *disk;
static char root[] = "/var/tmp/test-store.XXXXXX";
static char store[64], mnt[64];

static int mount_disk(void **state)
{
	struct flakey_config config = FLAKEY_CONFIG_INIT;
	char why[FLAKEY_ERROR_MAX];

	(void)state;
	if (!mkdtemp(root))
		return -1;
	snprintf(store, sizeof(store), "%s/store", root);
	snprintf(mnt, sizeof(mnt), "%s/mnt", root);
	if (mkdir(store, 0700) < 0 || mkdir(mnt, 0700) < 0)
		return -1;
	config.source = store;
	config.mountpoint = mnt;
	if (flakey_start(&config, &disk, why, sizeof(why)) == 0)
		return 0;
	fprintf(stderr, "%s\n", why);
	return -1;
}

static int unmount_disk(void **state)
{
	char command[128];

	(void)state;
	if (disk && flakey_stop(disk) < 0)
		return -1;
	flakey_free(disk);
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

/* Before each test: no file, and nothing that fails. */
static int empty_disk(void **state)
{
	char path[80];

	(void)state;
	snprintf(path, sizeof(path), "%s/color", mnt);
	unlink(path);
	return flakey_fault_clear(disk) + flakey_sync(disk);
}

static void assert_color_is(const char *wanted)
{
	char path[80], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/color", mnt);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	assert_string_equal(text, wanted);
}

static void what_was_put_survives_a_power_failure(void **state)
{
	(void)state;
	assert_int_equal(store_put(mnt, "color", "red"), 0);
	assert_int_equal(flakey_crash(disk, NULL, NULL), 0);
	assert_color_is("red");
}

static void nothing_is_at_risk_after_a_put(void **state)
{
	(void)state;
	assert_int_equal(store_put(mnt, "color", "red"), 0);
	assert_int_equal(flakey_unsynced(disk, NULL, NULL), 0);
}

static void a_failed_sync_is_told_and_harms_nothing(void **state)
{
	(void)state;
	assert_int_equal(store_put(mnt, "color", "red"), 0);
	assert_int_equal(flakey_fault_add(disk, "fs/fsync=1*return(EIO)"), 0);
	assert_int_equal(store_put(mnt, "color", "green"), -EIO);
	assert_int_equal(flakey_crash(disk, NULL, NULL), 0);
	assert_color_is("red");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_was_put_survives_a_power_failure,
				       empty_disk),
		cmocka_unit_test_setup(nothing_is_at_risk_after_a_put,
				       empty_disk),
		cmocka_unit_test_setup(a_failed_sync_is_told_and_harms_nothing,
				       empty_disk),
	};

	return cmocka_run_group_tests(tests, mount_disk, unmount_disk);
}
