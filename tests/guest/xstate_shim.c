/* SPDX-License-Identifier: MIT */
/*
 * To be preloaded into user-mode Linux. It runs its processes under ptrace(2) and
 * writes their vector registers back with PTRACE_SETREGSET, NT_X86_XSTATE, from an
 * area whose size was fixed when it was built. The kernel of the host takes nothing
 * but an area of the processor's full size, EFAULT otherwise, and with AMX that is
 * larger. Here the missing rest is taken from what the process has.
 */
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif

typedef long ptrace_fn(enum __ptrace_request request, ...);

/* Not on the stack: that of the guest's kernel is small. Its thread that calls
 * ptrace is one. */
static char whole[1 << 16] __attribute__((aligned(64)));

long ptrace(enum __ptrace_request request, ...)
{
	static ptrace_fn *next;
	struct iovec all = {.iov_base = whole, .iov_len = sizeof(whole)};
	va_list args;

	va_start(args, request);
	pid_t pid = va_arg(args, pid_t);
	void *address = va_arg(args, void *);
	void *data = va_arg(args, void *);
	va_end(args);

	if (!next)
		next = (ptrace_fn *)dlsym(RTLD_NEXT, "ptrace");
	if (request == PTRACE_SETREGSET &&
	    (uintptr_t)address == NT_X86_XSTATE &&
	    next(PTRACE_GETREGSET, pid, address, &all) == 0) {
		const struct iovec *given = data;

		if (given->iov_len < all.iov_len) {
			memcpy(whole, given->iov_base, given->iov_len);
			data = &all;
		}
	}
	return next(request, pid, address, data);
}
