/* SPDX-License-Identifier: MIT */
#include "tools/failpoint/code.h"

#include "common/text.h"
#include "tools/failpoint/comment.h"

/* What a hit without a value, a bare `return`, means is what the variable is
 * first. It is taken by its address: no compiler calls it unused. */
static const struct {
	const char *variable; /* NULL: none */
	const char *value;
	const char *macro;
} codes[] = {
	[COMMENT_VOID] = {NULL, NULL, "FAILPOINT"},
	[COMMENT_INT] = {"int ", "0", "FAILPOINT_INT32"},
	[COMMENT_INT64] = {"int64_t ", "0", "FAILPOINT_INT"},
	[COMMENT_STRING] = {"const char *", "\"\"", "FAILPOINT_STRING"},
	[COMMENT_BOOL] = {"bool ", "false", "FAILPOINT_BOOL"},
	[COMMENT_ERRNO] = {"int ", "EIO", "FAILPOINT_ERRNO"},
};

void code_begin(struct text *text, const struct comment *comment)
{
	const char *variable = codes[comment->type].variable;

	/* An empty statement with an attribute: a declaration may follow, and
	 * nobody has to jump there. */
	if (comment->kind == COMMENT_LABEL) {
		text_printf(text, " %s: __attribute__((unused));",
			    comment->name);
		return;
	}
	text_printf(text, " { ");
	if (variable)
		text_printf(text, "%s%s = %s; ", variable, comment->name,
			    codes[comment->type].value);
	text_printf(text, "if (%s(\"", codes[comment->type].macro);
}

void code_rest(struct text *text, const struct comment *comment)
{
	if (comment->kind == COMMENT_LABEL)
		return;
	text_printf(text, "\"");
	if (codes[comment->type].variable)
		text_printf(text, ", &%s", comment->name);
	text_printf(text, ")) {");
}
