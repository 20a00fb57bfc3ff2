/* SPDX-License-Identifier: MIT */
/*
 * tracer swallow|pass PROGRAM ARGUMENT...: runs it under ptrace(2) and prints how
 * often it stopped with SIGTRAP, and how it ended. `swallow` is what a debugger
 * does with the signal, `pass` what strace does.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int pass = argc > 2 && strcmp(argv[1], "pass") == 0;
	int stops = -1; /* execve(2) makes one */
	int status = 0;
	int signal = 0;
	pid_t child;

	if (argc < 3)
		return 2;
	child = fork();
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
			(void)execv(argv[2], argv + 2); /* see below */
		_exit(99);
	}
	while (child > 0 && waitpid(child, &status, 0) == child &&
	       WIFSTOPPED(status)) {
		signal = WSTOPSIG(status);
		if (signal == SIGTRAP) {
			stops++;
			signal = pass && stops > 0 ? SIGTRAP : 0;
		}
		if (ptrace(PTRACE_CONT, child, NULL, signal) < 0)
			break;
	}
	if (child < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 99))
		printf("cannot trace: %s\n", strerror(errno));
	else
		printf("%d stops, status %d\n", stops, status);
	return 0;
}
