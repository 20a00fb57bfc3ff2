/* SPDX-License-Identifier: MIT */
/*
 * crashlit run DIR "op;op;..."	performs ops (oplang.h) in DIR
 * crashlit dump DIR		prints the tree in one line (treedump.h)
 *
 * For trying a row of a crash table by hand; litmus does whole tables.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/litmus/oplang.h"
#include "tests/litmus/treedump.h"

static int run_ops(int root, const char *ops)
{
	struct oplang lang;
	int r;

	oplang_init(&lang, root, OPLANG_SYNC_REAL);
	r = oplang_run(&lang, ops, stdout);
	oplang_done(&lang);
	return r;
}

int main(int argc, char **argv)
{
	int root, r;

	if (!(argc == 4 && strcmp(argv[1], "run") == 0) &&
	    !(argc == 3 && strcmp(argv[1], "dump") == 0)) {
		fprintf(stderr, "usage: crashlit run DIR OPS | dump DIR\n");
		return 2;
	}
	umask(022);
	root = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		fprintf(stderr, "crashlit: cannot open '%s': %s\n", argv[2],
			strerror(errno));
		return 1;
	}
	if (argc == 4) {
		r = run_ops(root, argv[3]);
	} else {
		r = treedump_write(root, stdout);
		printf("\n");
	}
	if (r < 0)
		fprintf(stderr, "crashlit: %s\n", strerror(-r));
	return r < 0 || fflush(stdout) != 0;
}
