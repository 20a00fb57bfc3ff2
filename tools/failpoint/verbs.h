/* SPDX-License-Identifier: MIT */
/*
 * The verbs of the command `failpoint`, which main.c lists.
 */
#ifndef FLAKEY_TOOLS_FAILPOINT_VERBS_H
#define FLAKEY_TOOLS_FAILPOINT_VERBS_H

#include "tools/cmd.h"

extern const struct cmd cmd_disable;
extern const struct cmd cmd_enable;
extern const struct cmd cmd_list;

#endif
