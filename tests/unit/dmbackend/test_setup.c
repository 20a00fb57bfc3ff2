/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "dmbackend/filesystem.h"
#include "dmbackend/image.h"
#include "dmbackend/setup.h"

#define MIB ((uint64_t)1 << 20)

static char path[] = "/images/disk";

static struct image file(uint64_t size_bytes, bool blank, const char *content)
{
	struct image image = {
		.kind = IMAGE_FILE,
		.path = path,
		.size_bytes = size_bytes,
		.blank = blank,
	};

	strcpy(image.content, content);
	return image;
}

static const struct image missing = {.kind = IMAGE_MISSING, .path = path};

static struct setup_wish wish(void)
{
	return (struct setup_wish){
		.source = path,
		.mountpoint = "/mnt",
		.control = ".flakey",
		.name = "flakey-1",
	};
}

static void refused(const struct setup_wish *want, const struct image *image,
		    int error, const char *part)
{
	struct setup setup = {.size_bytes = 77};
	struct errmsg why = {""};

	assert_int_equal(setup_plan(want, image, &setup, &why), error);
	if (!strstr(why.text, part))
		fail_msg("'%s' is not in '%s'", part, why.text);
	assert_int_equal(setup.size_bytes, 77);
}

static void what_is_missing_is_made(void **state)
{
	struct setup_wish want = wish();
	struct setup setup;

	(void)state;
	assert_int_equal(setup_plan(&want, &missing, &setup, NULL), 0);
	assert_string_equal(setup.filesystem->name, "ext4");
	assert_int_equal(setup.size_bytes, SETUP_DEFAULT_BYTES);
	assert_true(setup.format);
	assert_true(setup.attach);
	want.fstype = "xfs";
	want.size_bytes = 300 * MIB;
	assert_int_equal(setup_plan(&want, &missing, &setup, NULL), 0);
	assert_string_equal(setup.filesystem->name, "xfs");
	assert_int_equal(setup.size_bytes, 300 * MIB);
}

static void what_is_there_is_kept(void **state)
{
	struct setup_wish want = wish();
	struct image image = file(64 * MIB + 100, false, "btrfs");
	struct setup setup;

	(void)state;
	assert_int_equal(setup_plan(&want, &image, &setup, NULL), 0);
	assert_string_equal(setup.filesystem->name, "btrfs");
	assert_false(setup.format);
	assert_int_equal(setup.size_bytes, 64 * MIB);
	image = file(64 * MIB, true, "");
	assert_int_equal(setup_plan(&want, &image, &setup, NULL), 0);
	assert_true(setup.format);
	image = file(0, true, "");
	assert_int_equal(setup_plan(&want, &image, &setup, NULL), 0);
	assert_int_equal(setup.size_bytes, SETUP_DEFAULT_BYTES);
}

/* The guard: no content is lost that nobody said to lose. */
static void content_is_never_lost_unasked(void **state)
{
	static const char *const contents[] = {
		"", "vfat", "LVM2_member", "gpt", "several things",
	};
	struct setup_wish want = wish();
	struct setup setup;

	(void)state;
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		for (int device = 0; device < 2; device++) {
			struct image image = file(64 * MIB, false, contents[i]);

			image.kind = device ? IMAGE_DEVICE : IMAGE_FILE;
			want.format = false;
			refused(&want, &image, -EEXIST, "say --format");
			want.format = true;
			assert_int_equal(
				setup_plan(&want, &image, &setup, NULL), 0);
			assert_true(setup.format);
			assert_int_equal(setup.attach, !device);
		}
	}
}

static void what_does_not_fit_is_refused(void **state)
{
	struct image ext4 = file(64 * MIB, false, "ext4");
	struct setup_wish want = wish();

	(void)state;
	want.fstype = "xfs";
	refused(&want, &ext4, -EEXIST, "holds ext4 and not xfs");
	want.size_bytes = 299 * MIB;
	refused(&want, &missing, -EINVAL, "xfs needs 300 MiB");
	want.fstype = "fat";
	refused(&want, &missing, -EINVAL, "'fat' is no file system");
	want = wish();
	want.mkfs_options = "-m 1";
	refused(&want, &ext4, -EEXIST, "--mkfs-options");
	want = wish();
	want.size_bytes = 128 * MIB;
	refused(&want, &ext4, -EINVAL, "is not resized");
	want.size_bytes = 64 * MIB + 1;
	refused(&want, &missing, -EINVAL, "a multiple of 4096");
}

static void steps_are_told_in_order(void **state)
{
	static const char wanted[] =
		"make the sparse file /images/disk, 314572800 bytes\n"
		"attach it to a free loop device (/dev/loopN)\n"
		"make the device /dev/mapper/flakey-1: 0 614400 flakey "
		"/dev/loopN 0 1 0 0\n"
		"run mkfs.xfs -q -f -m crc=0 /dev/mapper/flakey-1\n"
		"mount /dev/mapper/flakey-1 on /mnt as xfs, with "
		"nouuid,noatime\n"
		"serve the control files on /mnt/.flakey\n";
	struct setup_wish want = wish();
	struct setup setup;
	struct text text;

	(void)state;
	want.fstype = "xfs";
	want.size_bytes = 300 * MIB;
	want.mkfs_options = "-m crc=0";
	want.mount_options = "noatime";
	assert_int_equal(setup_plan(&want, &missing, &setup, NULL), 0);
	text_init(&text);
	assert_int_equal(setup_describe(&want, &missing, &setup, FIELDS_TEXT,
					&text, NULL),
			 0);
	assert_string_equal(text.data, wanted);
	text_clear(&text);
	assert_int_equal(setup_describe(&want, &missing, &setup, FIELDS_JSON,
					&text, NULL),
			 0);
	assert_non_null(strstr(text.data, "\"step\""));
	text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_is_made),
		cmocka_unit_test(what_is_there_is_kept),
		cmocka_unit_test(content_is_never_lost_unasked),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(steps_are_told_in_order),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
