/* SPDX-License-Identifier: MIT */
#include "common/subdirs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int subdirs_add(struct subdirs *subdirs, const char *name)
{
	size_t size = strlen(name) + 1;
	char *grown = realloc(subdirs->names, subdirs->size_bytes + size);
	if (grown == NULL)
		return -ENOMEM;
	memcpy(grown + subdirs->size_bytes, name, size);
	subdirs->names = grown;
	subdirs->size_bytes += size;
	return 0;
}

const char *subdirs_next(struct subdirs *subdirs)
{
	if (subdirs->at == subdirs->size_bytes)
		return NULL;
	const char *name = subdirs->names + subdirs->at;
	subdirs->at += strlen(name) + 1;
	return name;
}

void subdirs_done(struct subdirs *subdirs)
{
	free(subdirs->names);
}
