/* SPDX-License-Identifier: MIT */
/*
 * xstate: a tracer like user-mode Linux. Writes a shorter area of vector registers
 * to a stopped child than the processor has, and looks what became of it. Prints
 * "refused", "kept" (the rest is as before), or what went wrong.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif
#define AREA_BYTES (1 << 16)
#define XMM0 160 /* its place in the area: Intel's manual, volume 1, 13.4.1 */
#define MISSING_BYTES 64

static char before[AREA_BYTES];
static char after[AREA_BYTES];

static long transfer(enum __ptrace_request request, pid_t child,
		     struct iovec *area)
{
	return ptrace(request, child, (void *)NT_X86_XSTATE, area);
}

static const char *try(pid_t child)
{
	struct iovec area = {.iov_base = before, .iov_len = AREA_BYTES};

	if (transfer(PTRACE_GETREGSET, child, &area) < 0)
		return "the area cannot be read";
	size_t whole = area.iov_len;
	before[XMM0] ^= 0x55;
	area.iov_len = whole - MISSING_BYTES;
	if (transfer(PTRACE_SETREGSET, child, &area) < 0)
		return errno == EFAULT ? "refused" : strerror(errno);
	area = (struct iovec){.iov_base = after, .iov_len = AREA_BYTES};
	if (transfer(PTRACE_GETREGSET, child, &area) < 0)
		return "the area cannot be read again";
	if (area.iov_len != whole || after[XMM0] != before[XMM0])
		return "the written part is not there";
	/* The header that follows says which parts are in use. */
	if (memcmp(after + 576, before + 576, whole - 576) != 0)
		return "the rest has changed";
	return "kept";
}

int main(void)
{
	pid_t child = fork();

	if (child < 0)
		return 1;
	if (child == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)raise(SIGSTOP);
		_exit(0);
	}
	if (waitpid(child, NULL, 0) != child)
		return 1;
	puts(try(child));
	(void)kill(child, SIGKILL);
	return 0;
}
