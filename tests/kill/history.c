/* SPDX-License-Identifier: MIT */
#include "tests/kill/history.h"

#include <stdio.h>
#include <string.h>

static const char slot_names[HISTORY_SLOTS] = {'a', 'b', 'c', 'e', 'f',
					       'h', 'a', 'b', 'c'};

const char *history_directory_name(int directory)
{
	return directory == 1 ? "d" : "g";
}

void history_path(const struct names *names, int slot, char *path, size_t size)
{
	if (slot < HISTORY_TOP)
		(void)snprintf(path, size, "%c", slot_names[slot]);
	else
		(void)snprintf(path, size, "%s/%c",
			       history_directory_name(names->directory),
			       slot_names[slot]);
}

void history_apply(const struct step *step, struct names *names)
{
	switch (step->kind) {
	case STEP_CREATE:
	case STEP_SYMLINK:
		names->slots[step->slot] = step->object;
		names->modes[step->object] = step->mode;
		break;
	case STEP_UNLINK:
		names->slots[step->slot] = 0;
		break;
	case STEP_RENAME:
		names->slots[step->other] = names->slots[step->slot];
		names->slots[step->slot] = 0;
		break;
	case STEP_LINK:
		names->slots[step->other] = names->slots[step->slot];
		break;
	case STEP_CHMOD:
		names->modes[step->object] = step->mode;
		break;
	case STEP_MKDIR:
		names->directory = 1;
		names->directory_mode = step->mode;
		break;
	case STEP_RMDIR:
		names->directory = 0;
		break;
	case STEP_RENAME_DIR:
		names->directory = 3 - names->directory;
		break;
	case STEP_CHMOD_DIR:
		names->directory_mode = step->mode;
		break;
	}
}

void history_unit(char *unit, int worker, int object, int change, int offset)
{
	int n = snprintf(unit, HISTORY_UNIT, "w%d o%d c%d at %d ", worker,
			 object, change, offset);

	memset(unit + n, '.', (size_t)(HISTORY_UNIT - n));
}

int history_content(const struct object *object, int count, int offset)
{
	int content = 0;

	for (int i = 0; i < count; i++) {
		const struct change *change = &object->changes[i];

		if (change->truncate)
			content = offset >= change->to ? 0 : content;
		else if (offset >= change->from && offset < change->to)
			content = i + 1;
	}
	return content;
}

int history_size(const struct object *object, int count)
{
	int size = 0;

	for (int i = 0; i < count; i++) {
		const struct change *change = &object->changes[i];

		if (change->truncate || change->to > size)
			size = change->to;
	}
	return size;
}
