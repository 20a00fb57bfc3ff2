/* SPDX-License-Identifier: MIT */
#include "dmbackend/setup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/errmsg.h"
#include "common/mode.h"
#include "common/text.h"
#include "dmbackend/filesystem.h"
#include "dmbackend/image.h"
#include "dmbackend/table.h"

/* A place of which only the set-up itself knows the number. */
#define SOME_LOOP "/dev/loopN"

static bool is_made(const struct image *image)
{
	return image->kind == IMAGE_ANONYMOUS || image->kind == IMAGE_MISSING;
}

static int choose_size(const struct setup_wish *wish, const struct image *image,
		       struct setup *setup, struct errmsg *reterr_why)
{
	if (wish->size_bytes % SETUP_SIZE_STEP != 0) {
		errmsg_set(reterr_why,
			   "a size is a multiple of %d bytes, which %" PRIu64
			   " is not",
			   SETUP_SIZE_STEP, wish->size_bytes);
		return -EINVAL;
	}
	if (is_made(image) || image->size_bytes == 0) {
		setup->size_bytes = wish->size_bytes ? wish->size_bytes
						     : SETUP_DEFAULT_BYTES;
		return 0;
	}
	if (wish->size_bytes && wish->size_bytes != image->size_bytes) {
		errmsg_set(reterr_why,
			   "'%.200s' has %" PRIu64
			   " bytes and is not resized: leave out --size",
			   image->path, image->size_bytes);
		return -EINVAL;
	}
	/* The kernel's disks have whole sectors. */
	setup->size_bytes =
		image->size_bytes - image->size_bytes % SETUP_SECTOR_BYTES;
	return 0;
}

/* It holds something: that is taken as it is. */
static int keep_content(const struct setup_wish *wish,
			const struct image *image, struct setup *setup,
			struct errmsg *reterr_why)
{
	const struct filesystem *found = filesystem_find(image->content);

	if (!found) {
		errmsg_set(reterr_why,
			   "'%.200s' holds %s, and no file system that can be "
			   "used here: say --format to lose that",
			   image->path,
			   image->content[0] ? image->content
					     : "data of an unknown kind");
		return -EEXIST;
	}
	if (wish->fstype && strcmp(wish->fstype, found->name) != 0) {
		errmsg_set(reterr_why,
			   "'%.200s' holds %s and not %s: leave out --fstype, "
			   "or say --format to lose what is there",
			   image->path, found->name, wish->fstype);
		return -EEXIST;
	}
	if (wish->mkfs_options) {
		errmsg_set(reterr_why,
			   "'%.200s' holds a file system already: leave out "
			   "--mkfs-options, or say --format to lose that",
			   image->path);
		return -EEXIST;
	}
	setup->filesystem = found;
	return 0;
}

static int make_content(const struct setup_wish *wish, struct setup *setup,
			struct errmsg *reterr_why)
{
	setup->format = true;
	setup->filesystem = filesystem_require(
		wish->fstype ? wish->fstype : "ext4", reterr_why);
	if (!setup->filesystem)
		return -EINVAL;
	if (setup->size_bytes >= setup->filesystem->min_bytes)
		return 0;
	errmsg_set(reterr_why,
		   "%s needs %" PRIu64 " MiB at least, and %" PRIu64
		   " bytes are less",
		   setup->filesystem->name, setup->filesystem->min_bytes >> 20,
		   setup->size_bytes);
	return -EINVAL;
}

int setup_plan(const struct setup_wish *wish, const struct image *image,
	       struct setup *ret_setup, struct errmsg *reterr_why)
{
	struct setup setup = {.attach = image->kind != IMAGE_DEVICE};
	struct filesystem_command command;
	char options[FILESYSTEM_OPTIONS_MAX];
	int r;

	if (wish->fstype && !filesystem_require(wish->fstype, reterr_why))
		return -EINVAL;
	r = choose_size(wish, image, &setup, reterr_why);
	if (r < 0)
		return r;
	if (is_made(image) || image->blank || wish->format)
		r = make_content(wish, &setup, reterr_why);
	else
		r = keep_content(wish, image, &setup, reterr_why);
	if (r == 0)
		r = filesystem_mkfs(setup.filesystem, wish->mkfs_options, "",
				    &command, reterr_why);
	if (r == 0)
		r = filesystem_mount_options(setup.filesystem,
					     wish->mount_options, options,
					     reterr_why);
	if (r == 0)
		*ret_setup = setup;
	return r;
}

/* A list of sentences in the making. */
struct steps {
	struct fields record;
	struct text *text;
	enum fields_format format;
};

__attribute__((format(printf, 2, 3))) static void step(struct steps *steps,
						       const char *format, ...)
{
	char line[2 * FILESYSTEM_OPTIONS_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (steps->format == FIELDS_TEXT) {
		text_printf(steps->text, "%s\n", line);
		return;
	}
	fields_item_begin(&steps->record);
	fields_string(&steps->record, "step", line);
	fields_item_end(&steps->record);
}

static void describe_image(struct steps *steps, const struct image *image,
			   const struct setup *setup)
{
	if (image->kind == IMAGE_ANONYMOUS)
		step(steps,
		     "make a sparse file without a name in %s, %" PRIu64
		     " bytes",
		     image->path, setup->size_bytes);
	else if (image->kind == IMAGE_MISSING)
		step(steps, "make the sparse file %s, %" PRIu64 " bytes",
		     image->path, setup->size_bytes);
	else if (image->size_bytes == 0)
		step(steps, "grow the empty file %s to %" PRIu64 " bytes",
		     image->path, setup->size_bytes);
	if (setup->attach)
		step(steps, "attach it to a free loop device (%s)", SOME_LOOP);
}

static void describe_mkfs(struct steps *steps,
			  const struct filesystem_command *command)
{
	char line[FILESYSTEM_OPTIONS_MAX + FILESYSTEM_WORDS_MAX] = "";
	size_t used = 0;

	for (size_t i = 0; i < command->count && used < sizeof(line); i++)
		used += (size_t)snprintf(line + used, sizeof(line) - used,
					 " %s", command->words[i]);
	step(steps, "run%s", line);
}

int setup_describe(const struct setup_wish *wish, const struct image *image,
		   const struct setup *setup, enum fields_format format,
		   struct text *text, struct errmsg *reterr_why)
{
	const struct mode allow = {.kind = MODE_ALLOW_WRITES};
	struct steps steps = {.text = text, .format = format};
	char parameters[TABLE_PARAMETERS_MAX];
	char options[FILESYSTEM_OPTIONS_MAX];
	struct filesystem_command command = {.count = 0};
	char device[128];
	int r;

	(void)snprintf(device, sizeof(device), "/dev/mapper/%s", wish->name);
	r = table_parameters(setup->attach ? SOME_LOOP : image->path, &allow,
			     parameters);
	if (r == 0)
		r = filesystem_mkfs(setup->filesystem, wish->mkfs_options,
				    device, &command, reterr_why);
	if (r == 0)
		r = filesystem_mount_options(setup->filesystem,
					     wish->mount_options, options,
					     reterr_why);
	if (r < 0)
		return r;
	fields_begin(&steps.record, text, format);
	fields_list_begin(&steps.record, "steps");
	describe_image(&steps, image, setup);
	step(&steps, "make the device %s: 0 %" PRIu64 " flakey %s", device,
	     setup->size_bytes / SETUP_SECTOR_BYTES, parameters);
	if (setup->format)
		describe_mkfs(&steps, &command);
	step(&steps, "mount %s on %s as %s, with %s", device, wish->mountpoint,
	     setup->filesystem->name, options);
	if (wish->control)
		step(&steps, "serve the control files on %s/%s",
		     wish->mountpoint, wish->control);
	fields_list_end(&steps.record);
	fields_end(&steps.record);
	return text_result(text);
}
