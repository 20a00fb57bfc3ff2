/* SPDX-License-Identifier: MIT */
/*
 * Who has looked at a gate before it was opened does not wait at it: threads.c
 * would meet that moment once in a million. A wait for ever ends with SIGALRM.
 */
#include <unistd.h>

#include "failpoints/gate.h"
#include "tests/failpoint/tap.h"

#define DEADLINE_S 20

int main(void)
{
	static struct gate gate;
	uint32_t seen = gate_look(&gate);

	(void)alarm(DEADLINE_S);
	is(gate_waiting(&gate), 0, "nobody waits");
	is(gate_open(&gate), 0, "nobody goes on");
	gate_wait(&gate, seen);
	ok(true, "who looked before it was opened does not wait");
	is(gate_waiting(&gate), 0, "nor is counted");
	ok(gate_look(&gate) != seen, "who looks now would");
	seen = gate_look(&gate);
	gate_forked(&gate);
	is(gate_look(&gate), seen, "a fork opens nothing");
	return tap_end();
}
