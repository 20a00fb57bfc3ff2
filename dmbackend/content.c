/* SPDX-License-Identifier: MIT */
#include "dmbackend/content.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <stdio.h>

#include "common/errmsg.h"

/* What blkid_do_safeprobe() returns. */
#define FOUND 0
#define NOTHING 1
#define AMBIVALENT (-2)

static const char *value_of(blkid_probe probe)
{
	const char *value;

	if (blkid_probe_lookup_value(probe, "TYPE", &value, NULL) == 0 ||
	    blkid_probe_lookup_value(probe, "PTTYPE", &value, NULL) == 0)
		return value;
	return "something";
}

int content_probe(int fd, const char *path,
		  char ret_name[static CONTENT_NAME_MAX],
		  struct errmsg *reterr_why)
{
	blkid_probe probe = blkid_new_probe();
	int result = -1;

	if (probe && blkid_probe_set_device(probe, fd, 0, 0) == 0 &&
	    blkid_probe_enable_superblocks(probe, 1) == 0 &&
	    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE) == 0 &&
	    blkid_probe_enable_partitions(probe, 1) == 0)
		result = blkid_do_safeprobe(probe);
	ret_name[0] = '\0';
	if (result == FOUND)
		(void)snprintf(ret_name, CONTENT_NAME_MAX, "%s",
			       value_of(probe));
	else if (result == AMBIVALENT)
		(void)snprintf(ret_name, CONTENT_NAME_MAX, "several things");
	if (probe)
		blkid_free_probe(probe);
	if (result != FOUND && result != NOTHING && result != AMBIVALENT) {
		errmsg_set(reterr_why, "cannot see what '%s' holds", path);
		return -EIO;
	}
	return 0;
}
