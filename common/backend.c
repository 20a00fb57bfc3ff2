/* SPDX-License-Identifier: MIT */
#include "common/backend.h"

#include <stdlib.h>

void backend_report_done(struct backend_report *report)
{
	free(report->lost_list);
	free(report->kept_list);
	free(report->killed_list);
	report->lost_list = NULL;
	report->kept_list = NULL;
	report->killed_list = NULL;
}
