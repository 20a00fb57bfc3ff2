#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Files, functions, parameter lists and nesting have a limit.

A function's lines are those from its `{` to its `}`; nesting counts the blocks
inside of it. The layout that clang-format gives is relied upon: the brace that
opens a function stands alone in the first column. If this fails, something has
outgrown what a reader can hold: look for the second noun in it."""

import re

import tree

FILE_LINES = 799
FUNCTION_LINES = 70
PARAMETERS = 6
NESTING = 4
# The one callback whose parameters libmicrohttpd has chosen.
FOREIGN = re.compile(r"MHD_Connection \*\w+,\s*const char \*url\b")
CODE = (".c", ".h", ".cpp", ".py", ".sh")


def parameter_count(signature):
    """Counts the commas of the last parenthesis group at depth 1, which is the
    parameter list: attributes stand in front of the name."""
    depth = 0
    count = 0
    inside = ""
    for char in signature:
        if char == "(":
            depth += 1
            if depth == 1:
                count = 1
                inside = ""
                continue
        elif char == ")":
            depth -= 1
        elif char == "," and depth == 1:
            count += 1
        if depth >= 1:
            inside += char
    return 0 if inside.strip() in ("", "void") else count


def deepest(body):
    """The deepest nesting of blocks in a function's body, and where. Braces of
    initializers and of a case's block do not count."""
    stack = []
    worst = (0, 0)
    for match in re.finditer(r"[{}]", body):
        if match.group(0) == "}":
            if stack:
                stack.pop()
            continue
        before = body[:match.start()].rstrip()
        block = before.endswith((")", "else", "do", ";", "}")) or not before
        # (struct x){...} and for_each(...) {...} look alike but for the space
        if before.endswith(")") and body[match.start() - 1] == ")":
            block = False
        stack.append(block)
        depth = sum(stack)
        if block and depth > worst[0]:
            worst = (depth, match.start())
    return worst


def check_functions(report, name, source):
    lines = source.split("\n")
    for index, line in enumerate(lines):
        if line != "{":
            continue
        first = index
        while first > 0 and lines[first - 1].strip() \
                and not lines[first - 1].rstrip().endswith((";", "}")) \
                and not lines[first - 1].startswith("#"):
            first -= 1
        signature = "\n".join(lines[first:index])
        if ")" not in signature:
            continue
        last = index
        while last + 1 < len(lines) and not lines[last].startswith("}"):
            last += 1
        length = last - index + 1
        if length > FUNCTION_LINES:
            report.add(name, first + 1,
                       f"function of {length} lines, {FUNCTION_LINES} allowed")
        count = parameter_count(signature)
        if count > PARAMETERS and not FOREIGN.search(signature):
            report.add(name, first + 1,
                       f"{count} parameters, {PARAMETERS} allowed")
        body = "\n".join(lines[index + 1:last])
        depth, where = deepest(body)
        if depth > NESTING:
            report.add(name, index + 1 + tree.line_of(body, where),
                       f"{depth} blocks deep, {NESTING} allowed")


def main():
    report = tree.Report()
    code = set(tree.files(*CODE)) | set(tree.scripts())
    for name in sorted(code):
        source = tree.text(name)
        count = source.count("\n")
        if count > FILE_LINES:
            report.add(name, count, f"file of {count} lines, "
                       f"{FILE_LINES} allowed")
        if name.endswith((".c", ".h", ".cpp")):
            check_functions(report, name, tree.bare(source))
    report.finish()


main()
