/* SPDX-License-Identifier: MIT */
#include "rules/rule_points.h"

#include <errno.h>
#include <string.h>

#include "common/nearest.h"
#include "failpoints/errnos.h"

#define BIT(action) (UINT32_C(1) << (action))

/* What can be done to whoever waits for an answer, and to the world. */
#define ANYWHERE                                                               \
	(BIT(TERMS_OFF) | BIT(TERMS_SLEEP) | BIT(TERMS_PANIC) |                \
	 BIT(TERMS_BREAK) | BIT(TERMS_PRINT) | BIT(TERMS_PAUSE) |              \
	 BIT(TERMS_YIELD) | BIT(TERMS_DELAY) | BIT(TERMS_EXIT) |               \
	 BIT(TERMS_KILL) | BIT(RULE_CRASH) | BIT(RULE_SNAPSHOT) |              \
	 BIT(RULE_SLOW))
#define WAITS                                                                  \
	(BIT(TERMS_SLEEP) | BIT(TERMS_PAUSE) | BIT(TERMS_DELAY) |              \
	 BIT(RULE_SLOW))
#define RETURN BIT(TERMS_RETURN)
#define FAIL_AFTER BIT(RULE_FAIL_AFTER)
#define NOSPACE BIT(RULE_NOSPACE)
#define TRANSFER (BIT(RULE_SHORT) | BIT(RULE_CORRUPT))
#define DROP BIT(RULE_DROP)
/* When the operation is done, it can only be answered otherwise. */
#define AFTERWARDS (ANYWHERE | RETURN | FAIL_AFTER)

/* Of any operation: the device, the memory, a signal, a network file system. */
#define COMMON "EIO ENOMEM EINTR EUCLEAN EBADMSG ENXIO ENODEV ETIMEDOUT ESTALE "
/* Of one that finds a name, and of one that changes. */
#define FIND "EACCES EPERM ENOENT ENOTDIR ELOOP ENAMETOOLONG "
#define CHANGE "EROFS ENOSPC EDQUOT "
#define MAKE COMMON FIND CHANGE "EEXIST EMLINK EINVAL "
#define OPEN COMMON FIND CHANGE "EMFILE ENFILE EISDIR ETXTBSY EBUSY EINVAL "
#define SYNC COMMON CHANGE "EINVAL "
#define ATTRIBUTE COMMON FIND CHANGE "EINVAL EOPNOTSUPP "

static const struct {
	const char *name;
	uint32_t actions;
	unsigned int knows;
	const char *errors;
} points[RULE_POINT_COUNT] = {
	[RULE_FS_LOOKUP] = {"fs/lookup", ANYWHERE | RETURN, 0, COMMON FIND},
	[RULE_FS_GETATTR] = {"fs/getattr", ANYWHERE | RETURN, 0,
			     COMMON FIND "EOVERFLOW"},
	[RULE_FS_OPENDIR] = {"fs/opendir", ANYWHERE | RETURN, 0,
			     COMMON FIND "EMFILE ENFILE"},
	[RULE_FS_READDIR] = {"fs/readdir", ANYWHERE | RETURN, 0,
			     COMMON "ENOENT EINVAL EOVERFLOW"},
	[RULE_FS_OPEN] = {"fs/open", ANYWHERE | RETURN | FAIL_AFTER,
			  RULE_KNOWS_FLAGS,
			  OPEN "EOVERFLOW EFBIG EAGAIN EOPNOTSUPP"},
	[RULE_FS_CREATE] = {"fs/create",
			    ANYWHERE | RETURN | FAIL_AFTER | DROP | NOSPACE,
			    RULE_KNOWS_FLAGS, OPEN "EEXIST EMLINK"},
	[RULE_FS_TMPFILE] = {"fs/tmpfile",
			     ANYWHERE | RETURN | FAIL_AFTER | NOSPACE,
			     RULE_KNOWS_FLAGS, OPEN "EOPNOTSUPP"},
	[RULE_FS_CLOSE] = {"fs/close", ANYWHERE & ~WAITS, RULE_KNOWS_FLAGS, ""},
	[RULE_FS_READ] = {"fs/read", ANYWHERE | RETURN | FAIL_AFTER | TRANSFER,
			  RULE_KNOWS_RANGE | RULE_KNOWS_FLAGS,
			  COMMON "EAGAIN EINVAL EISDIR"},
	[RULE_FS_WRITE] = {"fs/write",
			   ANYWHERE | RETURN | FAIL_AFTER | TRANSFER | DROP |
				   NOSPACE,
			   RULE_KNOWS_RANGE | RULE_KNOWS_FLAGS,
			   COMMON CHANGE "EAGAIN EFBIG EINVAL EPERM"},
	[RULE_FS_TRUNCATE] = {"fs/truncate",
			      ANYWHERE | RETURN | FAIL_AFTER | DROP,
			      RULE_KNOWS_RANGE,
			      COMMON FIND CHANGE "EFBIG EINVAL EISDIR ETXTBSY"},
	[RULE_FS_FALLOCATE] = {"fs/fallocate",
			       ANYWHERE | RETURN | FAIL_AFTER | DROP | NOSPACE,
			       RULE_KNOWS_RANGE | RULE_KNOWS_FLAGS,
			       COMMON CHANGE
			       "EFBIG EINVAL EPERM EOPNOTSUPP ETXTBSY"},
	[RULE_FS_SEEK] = {"fs/seek", ANYWHERE | RETURN,
			  RULE_KNOWS_RANGE | RULE_KNOWS_FLAGS,
			  COMMON "EINVAL EOVERFLOW"},
	[RULE_FS_FSYNC] = {"fs/fsync", ANYWHERE | RETURN | FAIL_AFTER | DROP,
			   RULE_KNOWS_FLAGS, SYNC},
	[RULE_FS_FDATASYNC] = {"fs/fdatasync",
			       ANYWHERE | RETURN | FAIL_AFTER | DROP,
			       RULE_KNOWS_FLAGS, SYNC},
	[RULE_FS_FSYNCDIR] = {"fs/fsyncdir",
			      ANYWHERE | RETURN | FAIL_AFTER | DROP, 0, SYNC},
	[RULE_FS_MKDIR] = {"fs/mkdir",
			   ANYWHERE | RETURN | FAIL_AFTER | DROP | NOSPACE, 0,
			   MAKE},
	[RULE_FS_MKNOD] = {"fs/mknod",
			   ANYWHERE | RETURN | FAIL_AFTER | DROP | NOSPACE, 0,
			   MAKE},
	[RULE_FS_SYMLINK] = {"fs/symlink",
			     ANYWHERE | RETURN | FAIL_AFTER | DROP | NOSPACE, 0,
			     MAKE},
	[RULE_FS_LINK] = {"fs/link",
			  ANYWHERE | RETURN | FAIL_AFTER | DROP | NOSPACE,
			  RULE_KNOWS_TO, MAKE "EXDEV"},
	[RULE_FS_UNLINK] = {"fs/unlink", ANYWHERE | RETURN | FAIL_AFTER | DROP,
			    0, COMMON FIND CHANGE "EBUSY EISDIR"},
	[RULE_FS_RMDIR] = {"fs/rmdir", ANYWHERE | RETURN | FAIL_AFTER | DROP, 0,
			   COMMON FIND CHANGE "EBUSY EINVAL ENOTEMPTY EEXIST"},
	[RULE_FS_RENAME] = {"fs/rename",
			    ANYWHERE | RETURN | FAIL_AFTER | DROP | NOSPACE,
			    RULE_KNOWS_TO, MAKE "EBUSY EISDIR ENOTEMPTY EXDEV"},
	[RULE_FS_READLINK] = {"fs/readlink", ANYWHERE | RETURN, 0,
			      COMMON FIND "EINVAL"},
	[RULE_FS_CHMOD] = {"fs/chmod", ANYWHERE | RETURN | FAIL_AFTER | DROP, 0,
			   ATTRIBUTE},
	[RULE_FS_CHOWN] = {"fs/chown", ANYWHERE | RETURN | FAIL_AFTER | DROP, 0,
			   ATTRIBUTE "EOVERFLOW"},
	[RULE_FS_UTIMES] = {"fs/utimes", ANYWHERE | RETURN | FAIL_AFTER, 0,
			    ATTRIBUTE},
	[RULE_FS_STATFS] = {"fs/statfs", ANYWHERE | RETURN, 0,
			    COMMON FIND "EOVERFLOW"},
	[RULE_FS_SETXATTR] = {"fs/setxattr",
			      ANYWHERE | RETURN | FAIL_AFTER | DROP | NOSPACE,
			      0, ATTRIBUTE "EEXIST ENODATA E2BIG ERANGE"},
	[RULE_FS_GETXATTR] = {"fs/getxattr", ANYWHERE | RETURN, 0,
			      COMMON FIND "ENODATA ERANGE E2BIG EOPNOTSUPP"},
	[RULE_FS_LISTXATTR] = {"fs/listxattr", ANYWHERE | RETURN, 0,
			       COMMON FIND "ERANGE E2BIG EOPNOTSUPP"},
	[RULE_FS_REMOVEXATTR] = {"fs/removexattr",
				 ANYWHERE | RETURN | FAIL_AFTER | DROP, 0,
				 ATTRIBUTE "ENODATA ERANGE"},
	[RULE_STORE_READ] = {"store/read",
			     ANYWHERE | RETURN | BIT(RULE_CORRUPT),
			     RULE_KNOWS_RANGE, COMMON},
	[RULE_STORE_WRITE] = {"store/write",
			      ANYWHERE | RETURN | BIT(RULE_CORRUPT) | DROP |
				      NOSPACE,
			      RULE_KNOWS_RANGE, COMMON CHANGE "EFBIG"},
	[RULE_STORE_COMMIT] = {"store/commit",
			       ANYWHERE | RETURN | FAIL_AFTER | DROP, 0,
			       COMMON CHANGE},
};

#define AT(point) (UINT64_C(1) << (point))
#define ALL_STORE                                                              \
	(AT(RULE_STORE_READ) | AT(RULE_STORE_WRITE) | AT(RULE_STORE_COMMIT))
/* What a program that only looks around does: `ls` goes on working. */
#define QUIET                                                                  \
	(AT(RULE_FS_LOOKUP) | AT(RULE_FS_GETATTR) | AT(RULE_FS_OPENDIR) |      \
	 AT(RULE_FS_READDIR))
#define NAMES                                                                  \
	(AT(RULE_FS_CREATE) | AT(RULE_FS_TMPFILE) | AT(RULE_FS_MKDIR) |        \
	 AT(RULE_FS_MKNOD) | AT(RULE_FS_SYMLINK) | AT(RULE_FS_LINK) |          \
	 AT(RULE_FS_UNLINK) | AT(RULE_FS_RMDIR) | AT(RULE_FS_RENAME))
#define ATTRIBUTES                                                             \
	(AT(RULE_FS_CHMOD) | AT(RULE_FS_CHOWN) | AT(RULE_FS_UTIMES) |          \
	 AT(RULE_FS_SETXATTR) | AT(RULE_FS_REMOVEXATTR))

static const struct {
	const char *name;
	uint64_t points;
} classes[] = {
	{"fs/*", (AT(RULE_POINT_COUNT) - 1) & ~(ALL_STORE | QUIET)},
	{"fs/any-write",
	 AT(RULE_FS_WRITE) | AT(RULE_FS_TRUNCATE) | AT(RULE_FS_FALLOCATE)},
	{"fs/any-sync",
	 AT(RULE_FS_FSYNC) | AT(RULE_FS_FDATASYNC) | AT(RULE_FS_FSYNCDIR)},
	{"fs/any-meta", NAMES | ATTRIBUTES},
	{"store/*", ALL_STORE},
};

#define CLASS_COUNT (sizeof(classes) / sizeof(classes[0]))

_Static_assert(RULE_POINT_COUNT < 64, "a set of points is 64 bits");
_Static_assert(RULE_ACTION_END <= 32, "a set of actions is 32 bits");

const char *rule_points_name(enum rule_point point)
{
	return points[point].name;
}

static bool is_name(const char *name, const char *word, size_t length)
{
	return strlen(name) == length && memcmp(name, word, length) == 0;
}

uint64_t rule_points_find(const char *name, size_t length_bytes)
{
	for (size_t i = 0; i < RULE_POINT_COUNT; i++)
		if (is_name(points[i].name, name, length_bytes))
			return AT(i);
	for (size_t i = 0; i < CLASS_COUNT; i++)
		if (is_name(classes[i].name, name, length_bytes))
			return classes[i].points;
	return 0;
}

const char *rule_points_at(size_t index)
{
	if (index < RULE_POINT_COUNT)
		return points[index].name;
	index -= RULE_POINT_COUNT;
	return index < CLASS_COUNT ? classes[index].name : NULL;
}

void rule_points_offer(struct nearest *nearest)
{
	const char *name;

	for (size_t i = 0; (name = rule_points_at(i)); i++)
		nearest_offer(nearest, name);
}

bool rule_points_know(enum rule_point point, unsigned int knows)
{
	return (points[point].knows & knows) == knows;
}

bool rule_points_can(enum rule_point point, bool after, int action)
{
	uint32_t can = points[point].actions;
	if (after)
		can &= AFTERWARDS;
	return can >> action & 1;
}

bool rule_points_may_return(enum rule_point point, int error)
{
	const char *name = errnos_name(error);
	const char *list = points[point].errors;
	size_t length = name == NULL ? 0 : strlen(name);
	while (*list != '\0' && length > 0) {
		size_t word = strcspn(list, " ");
		if (is_name(name, list, word))
			return true;
		list += word + strspn(list + word, " ");
	}
	return false;
}
