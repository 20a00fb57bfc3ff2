/* SPDX-License-Identifier: MIT */
/* What the words in the help of flakey's verbs may be, for completion: mounts,
 * profiles, modes, points, rules. */
#ifndef FLAKEY_TOOLS_VALUES_H
#define FLAKEY_TOOLS_VALUES_H

#include "tools/complete.h"

complete_values_fn values_offer;

#endif
