/* SPDX-License-Identifier: MIT */
#include "dmbackend/schedule.h"

#include "common/mode.h"

int64_t schedule_next(const struct mode *mode, int64_t elapsed_ms)
{
	int64_t period_ms = mode->up_ms + mode->down_ms;
	int64_t next_ms = -1;

	if (mode->for_ms && elapsed_ms >= mode->for_ms)
		return -1;
	if (period_ms) {
		int64_t phase_ms = elapsed_ms % period_ms;

		next_ms = elapsed_ms - phase_ms +
			  (phase_ms < mode->up_ms ? mode->up_ms : period_ms);
	}
	if (mode->for_ms && (next_ms < 0 || next_ms > mode->for_ms))
		next_ms = mode->for_ms;
	return next_ms;
}
