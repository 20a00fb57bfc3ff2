/* SPDX-License-Identifier: MIT */
#include "failpoints/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "failpoints/errnos.h"
#include "failpoints/say.h"

/* As in the kernel; a function that returns -errno can return no other. */
#define ERRNO_MAX 4095

bool value_fits(const struct failpoint_value *value, int site_type)
{
	if (value->type == FAILPOINT_TYPE_VOID ||
	    site_type == FAILPOINT_TYPE_ANY)
		return true;
	if (site_type == FAILPOINT_TYPE_ERRNO &&
	    value->type == FAILPOINT_TYPE_INT)
		return value->number >= 1 && value->number <= ERRNO_MAX;
	if (site_type == FAILPOINT_TYPE_INT32 &&
	    value->type == FAILPOINT_TYPE_INT)
		return value->number >= INT32_MIN && value->number <= INT32_MAX;
	return (int)value->type == site_type;
}

const char *value_quoted(const struct failpoint_value *value,
			 char buffer[VALUE_BYTES_MAX])
{
	const char *name;

	buffer[0] = '\0';
	switch (value->type) {
	case FAILPOINT_TYPE_STRING:
		return say_quoted(value->text, buffer, VALUE_BYTES_MAX);
	case FAILPOINT_TYPE_BOOL:
		return value->number ? "true" : "false";
	case FAILPOINT_TYPE_ERRNO:
		name = errnos_name((int)value->number);
		if (name)
			return name;
		break;
	case FAILPOINT_TYPE_DURATION:
		(void)snprintf(buffer, VALUE_BYTES_MAX, "%" PRId64 "ns",
			       value->number);
		return buffer;
	case FAILPOINT_TYPE_VOID:
		return buffer;
	case FAILPOINT_TYPE_INT:
	case FAILPOINT_TYPE_INT32: /* of no value */
	case FAILPOINT_TYPE_ANY:   /* of no value */
		break;
	}
	(void)snprintf(buffer, VALUE_BYTES_MAX, "%" PRId64, value->number);
	return buffer;
}

const char *value_plain(const struct failpoint_value *value,
			char buffer[VALUE_BYTES_MAX])
{
	const char *quoted = value_quoted(value, buffer);

	if (value->type != FAILPOINT_TYPE_STRING)
		return quoted;
	buffer[strlen(buffer) - 1] = '\0';
	return buffer + 1;
}
