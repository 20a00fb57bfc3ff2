/* SPDX-License-Identifier: MIT */
/* What an error of the store means: for the change that met it, and for the
 * program that asked for a sync. */
#include <errno.h>
#include <sys/resource.h>

#include "fusefs/store.h"

/* The largest file may be one of the process, which can be changed. */
static bool has_size_limit(void)
{
	struct rlimit limit;
	return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	       limit.rlim_cur != RLIM_INFINITY;
}

bool store_error_passes(int r)
{
	switch (-r) {
	case E2BIG:
	case EBADF:
	case EILSEQ:
	case EINVAL:
	case EISDIR:
	case EMLINK:
	case ENAMETOOLONG:
	case ENODATA:
	case ENOSYS:
	case ENOTEMPTY:
	case EOPNOTSUPP:
	case EOVERFLOW:
	case ERANGE:
	case EXDEV:
		return false;
	case EFBIG:
		return has_size_limit();
	default:
		return true;
	}
}

int store_error_told(int r)
{
	switch (-r) {
	/* Somebody has changed the store, or what it lies on is gone. */
	case EEXIST:
	case ELOOP:
	case ENODEV:
	case ENOENT:
	case ENOTCONN:
	case ENOTDIR:
	case ENXIO:
	case ESHUTDOWN:
	case ESTALE:
		return -EIO;
	default:
		return r;
	}
}
