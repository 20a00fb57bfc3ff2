/* SPDX-License-Identifier: MIT */
/*
 * operations DIR: runs every case of groups.h below DIR, as TAP. A broken
 * lock or a lost reply would hang: an alarm ends that.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/mount/cases.h"
#include "tests/mount/groups.h"

#define DEADLINE_S 120

int main(int argc, char **argv)
{
	const struct case_group *groups[] = {
		&names_group, &data_group,    &attributes_group,
		&locks_group, &special_group,
	};
	size_t failed = 0;
	int directory;

	if (argc != 2) {
		fprintf(stderr, "usage: operations DIR\n");
		return 2;
	}
	(void)alarm(DEADLINE_S);
	umask(022);
	directory = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0) {
		printf("Bail out! cannot open '%s': %s\n", argv[1],
		       strerror(errno));
		return 1;
	}
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		failed += cases_run(groups[i], directory);
	cases_plan();
	return failed > 0;
}
