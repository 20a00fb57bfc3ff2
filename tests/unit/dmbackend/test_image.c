/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
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

#include "common/errmsg.h"
#include "dmbackend/image.h"

static char folder[] = "/tmp/flakey-image.XXXXXX";

static int enter(void **state)
{
	(void)state;
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave(void **state)
{
	(void)state;
	return system("rm -rf -- \"$PWD\"/*") == 0 && chdir("/") == 0 &&
			       rmdir(folder) == 0
		       ? 0
		       : -1;
}

static void write_at(const char *name, off_t offset, const void *data,
		     size_t size, off_t length)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, length), 0);
	assert_int_equal(pwrite(fd, data, size, offset), size);
	(void)close(fd);
}

static void what_is_there_is_told(void **state)
{
	struct image image;

	(void)state;
	assert_int_equal(image_look("new", &image, NULL), 0);
	assert_int_equal(image.kind, IMAGE_ANONYMOUS);
	image_done(&image);
	assert_int_equal(image_look("disk", &image, NULL), 0);
	assert_int_equal(image.kind, IMAGE_MISSING);
	assert_int_equal(image.path[0], '/');
	image_done(&image);
	assert_int_equal(mkdir("folder", 0700), 0);
	assert_int_equal(image_look("folder", &image, NULL), 0);
	assert_int_equal(image.kind, IMAGE_MISSING);
	assert_non_null(strstr(image.path, "/folder/" IMAGE_DEFAULT_NAME));
	image_done(&image);
	assert_int_equal(image_look("nowhere/disk", &image, NULL), -ENOENT);
	assert_int_equal(image_look("/dev/null", &image, NULL), -EINVAL);
}

static void content_is_seen(void **state)
{
	const char xfs[] = "XFSB";
	struct image image;

	(void)state;
	write_at("empty", 0, "", 0, 0);
	assert_int_equal(image_look("empty", &image, NULL), 0);
	assert_true(image.blank);
	image_done(&image);
	write_at("holes", 0, "", 0, 1 << 20);
	assert_int_equal(image_look("holes", &image, NULL), 0);
	assert_true(image.blank);
	assert_int_equal(image.size_bytes, 1 << 20);
	image_done(&image);
	/* Zeros that were written are not nothing. */
	write_at("zeros", 1 << 19, "\0", 1, 1 << 20);
	assert_int_equal(image_look("zeros", &image, NULL), 0);
	assert_false(image.blank);
	assert_string_equal(image.content, "");
	image_done(&image);
	write_at("text", 0, xfs, 3, 1 << 20);
	assert_int_equal(image_look("text", &image, NULL), 0);
	assert_false(image.blank);
	image_done(&image);
}

static void what_is_made_has_its_name_last(void **state)
{
	struct image image;
	struct errmsg why;
	struct stat st;
	char *unfinished;
	char *second;
	int fd;
	int other;

	(void)state;
	assert_int_equal(image_look("made", &image, NULL), 0);
	assert_int_equal(image_open(&image, 1 << 20, &unfinished, &fd, NULL),
			 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 1 << 20);
	assert_int_equal(access("made", F_OK), -1);
	assert_int_equal(image_open(&image, 1 << 20, &second, &other, &why),
			 -EBUSY);
	assert_non_null(strstr(why.text, "another flakey"));
	assert_int_equal(access(unfinished, F_OK), 0);
	assert_int_equal(image_finish(&image, unfinished, NULL), 0);
	assert_int_equal(access("made", F_OK), 0);
	assert_int_equal(access(unfinished, F_OK), -1);
	free(unfinished);
	(void)close(fd);
	image_done(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_is_told),
		cmocka_unit_test(content_is_seen),
		cmocka_unit_test(what_is_made_has_its_name_last),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, enter, leave);
}
