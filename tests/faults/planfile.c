/* SPDX-License-Identifier: MIT */
#include "tests/faults/planfile.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

struct preload_plan *planfile_map(const char *path)
{
	void *map = MAP_FAILED;

	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return NULL;
	if (ftruncate(fd, sizeof(struct preload_plan)) == 0)
		map = mmap(NULL, sizeof(struct preload_plan),
			   PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return map == MAP_FAILED ? NULL : map;
}

void planfile_arm(struct preload_plan *plan, enum preload_what what, int nth,
		  bool lasting, int error)
{
	plan->fired = 0;
	plan->countdown = nth;
	plan->lasting = lasting;
	plan->error = error;
	plan->what = (int)what; /* last: it counts from here on */
}

int planfile_disarm(struct preload_plan *plan)
{
	plan->what = PRELOAD_NOTHING;
	return plan->fired;
}
