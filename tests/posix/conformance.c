/* SPDX-License-Identifier: MIT */
/*
 * conformance DIR [PREFIX]: plays every case in a directory of its own below
 * DIR and prints a line for each: its name, a tab, and what it saw. It judges
 * nothing; run it on two file systems and compare.
 */
#include <stdio.h>
#include <string.h>

#include "tests/posix/stage.h"
#include "tests/posix/themes.h"

int main(int argc, char **argv)
{
	static void (*const themes[])(void) = {
		access_theme,  acls_theme,    copying_theme, linking_theme,
		listing_theme, locks_theme,   making_theme,  maps_theme,
		modes_theme,   opening_theme, paths_theme,   renaming_theme,
		sizes_theme,   stating_theme, times_theme,   unnamed_theme,
		xattrs_theme,
	};
	int r;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: conformance DIR [PREFIX]\n");
		return 2;
	}
	r = stage_open(argv[1], argc == 3 ? argv[2] : "");
	if (r < 0) {
		fprintf(stderr, "conformance: cannot use '%s': %s\n", argv[1],
			strerror(-r));
		return 1;
	}
	for (size_t i = 0; i < sizeof(themes) / sizeof(themes[0]); i++)
		themes[i]();
	return 0;
}
