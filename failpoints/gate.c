/* SPDX-License-Identifier: MIT */
/*
 * The lower half of the word counts how often it was opened; it is what sleepers
 * watch. The upper half counts who waits. In one word, so that a thread is either
 * counted by who opens the gate, or sees that it was opened.
 */
#include "failpoints/gate.h"

#include "failpoints/bell.h"

#define ONE_WAITS ((uint64_t)1 << 32)

static const atomic_uint *watched(const struct gate *gate)
{
	const atomic_uint *halves = (const atomic_uint *)(const void *)gate;

	return &halves[__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__];
}

uint32_t gate_look(const struct gate *gate)
{
	return (uint32_t)atomic_load(&gate->word);
}

void gate_wait(struct gate *gate, uint32_t seen)
{
	uint64_t word = atomic_load(&gate->word);

	do {
		if ((uint32_t)word != seen)
			return;
	} while (!atomic_compare_exchange_weak(&gate->word, &word,
					       word + ONE_WAITS));
	bell_tell_listeners();
	while (gate_look(gate) == seen)
		(void)bell_sleep(watched(gate), seen, INT64_MAX);
}

unsigned int gate_open(struct gate *gate)
{
	uint64_t word = atomic_load(&gate->word);

	while (!atomic_compare_exchange_weak(&gate->word, &word,
					     (uint32_t)(word + 1)))
		;
	if (word >= ONE_WAITS)
		bell_wake(watched(gate));
	return (unsigned int)(word >> 32);
}

unsigned int gate_waiting(const struct gate *gate)
{
	return (unsigned int)(atomic_load(&gate->word) >> 32);
}

void gate_forked(struct gate *gate)
{
	atomic_store(&gate->word, (uint32_t)atomic_load(&gate->word));
}
