/* SPDX-License-Identifier: MIT */
/*
 * The code that stands for a point or a label, on its line: in front of a name
 * as a string literal, and behind it. A label has no such name; all of it is in
 * front.
 */
#ifndef FLAKEY_TOOLS_FAILPOINT_CODE_H
#define FLAKEY_TOOLS_FAILPOINT_CODE_H

struct comment;
struct text;

/* Behind the last line of a point. */
#define CODE_END " /*failpoint*/ }}"

void code_begin(struct text *text, const struct comment *comment);
void code_rest(struct text *text, const struct comment *comment);

#endif
