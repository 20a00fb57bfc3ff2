#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Proves that each lint can fail, and that it does not always.

A small tree without a fault is made in a temporary folder; every lint has to
accept it. Then one defect at a time is planted in a fresh copy, and the lint
that it is meant for has to name the file. Speaks TAP."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SPDX_C = "/* SPDX-License-Identifier: MIT */\n"
SPDX_SH = "# SPDX-License-Identifier: MIT\n"
FLAKEY_H = SPDX_C + """#ifndef FLAKEY_H
#define FLAKEY_H

int flakey_start(void);

#endif
"""
THING_H = SPDX_C + """#ifndef FLAKEY_THING_H
#define FLAKEY_THING_H

int thing_count(int a);

#endif
"""
THING_C = SPDX_C + """#include "common/thing.h"

#include <fcntl.h>
#include <stdlib.h>

int thing_count(int a)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return fd + a;
}
"""
API_C = SPDX_C + """#include "common/flakey.h"

int flakey_start(void)
{
	return 0;
}
"""
MAP = SPDX_C + "FLAKEY_0 {\nglobal:\n\tflakey_start;\nlocal:\n\t*;\n};\n"
SCRIPT = "#!/bin/sh\n" + SPDX_SH + "set -eu\necho \"$1\"\n"
CLEAN = {
    "common/thing.c": THING_C,
    "common/thing.h": THING_H,
    "common/flakey.h": FLAKEY_H,
    "tools/api.c": API_C,
    "tools/libflakey.map": MAP,
    "tools/run": SCRIPT,
    "README.md": "# thing\n\nA thing in a FUSE ses" "sion.\n",
}


def function(body, parameters="int a"):
    return (SPDX_C + f"static int thing_f({parameters})\n{{\n{body}\treturn a;"
            "\n}\n")


def nested(depth):
    text = ""
    for level in range(depth):
        text += "\t" * (level + 1) + "if (a) {\n"
    text += "\t" * (depth + 1) + "a++;\n"
    for level in reversed(range(depth)):
        text += "\t" * (level + 1) + "}\n"
    return text


# (lint, what is planted, file, its new text or None for: appended, appendix)
DEFECTS = [
    ("layering", "an include of a higher layer", "common/up.c",
     SPDX_C + '#include "tools/api.h"\n'),
    ("layering", "an include of the layer beside", "fusefs/side.c",
     SPDX_C + '#include "dmbackend/table.h"\n'),
    ("layering", "FUSE outside of fusefs", "common/fuse.c",
     SPDX_C + "#include <fuse_lowlevel.h>\n"),
    ("layering", "a path that is not from the top", "common/near.c",
     SPDX_C + '#include "thing.h"\n'),
    ("includes_order", "unsorted includes", "common/order.c",
     SPDX_C + "#include <stdlib.h>\n#include <fcntl.h>\n"),
    ("includes_order", "project before system", "common/order.c",
     SPDX_C + '#include "common/thing.h"\n\n#include <fcntl.h>\n'),
    ("includes_order", "own header last", "common/thing.c",
     SPDX_C + '#include <fcntl.h>\n\n#include "common/thing.h"\n'),
    ("sizes", "a file of 800 lines", "common/long.c",
     SPDX_C + "/* */\n" * 799),
    ("sizes", "a function of 71 lines", "common/long.c",
     function("\ta++;\n" * 68)),
    ("sizes", "seven parameters", "common/wide.c",
     function("", "int a, int b, int c, int d, int e,\n\t\t   int f, int g")),
    ("sizes", "five nested blocks", "common/deep.c", function(nested(5))),
    ("cloexec", "open() without O_CLOEXEC", "common/fd.c",
     function('\ta = open("x", 0);\n')),
    ("cloexec", "pipe()", "common/fd.c", function("\tpipe(p);\n")),
    ("cloexec", "fopen() without e", "common/fd.c",
     function('\tf = fopen("x", "r");\n')),
    ("cloexec", "O_CLOEXEC only in a comment", "common/fd.c",
     function('\ta = open("x", 0 /* O_CLOEXEC */);\n')),
    ("todo_needs_issue", "a note without an issue", "common/todo.c",
     SPDX_C + "/* TO" "DO: more */\n"),
    ("spdx_first_line", "a source without a licence", "common/free.c",
     "int x;\n"),
    ("spdx_first_line", "a script without a licence", "tools/free",
     "#!/bin/sh\nset -eu\n"),
    ("foreign_words", "a path of one machine", "common/path.c",
     SPDX_C + "/* see /wor" "k/x */\n"),
    ("foreign_words", "a word of the making", "docs/words.md",
     "Found in an earlier ses" "sion.\n"),
    ("format", "two spaces in place of a tab", "common/format.c",
     SPDX_C + "int x(void)\n{\n  return 0;\n}\n"),
    ("headers_alone", "a header that wants another", "common/need.h",
     SPDX_C + "size_t need_size(void);\n"),
    ("headers_alone", "a public header that is no C++", "common/failpoint.h",
     SPDX_C + "int failpoint_set(int new);\n"),
    ("shellcheck", "an unquoted variable", "tools/quote",
     "#!/bin/sh\n" + SPDX_SH + "rm $1\n"),
    ("spelling", "a misspelt word", "docs/word.md", "It will recie" "ve.\n"),
    ("subdirs", "a folder that nothing enters", "tests/new/meson.build",
     SPDX_SH + "test('new', files('new'))\n"),
    ("symbol_prefixes", "a foreign prefix", "common/thing.c",
     SPDX_C + "int other_count(void);\nint other_count(void)\n{\n\treturn 0;"
     "\n}\n"),
    ("symbol_prefixes", "a global variable", "common/thing.c",
     SPDX_C + "int count = 1;\n"),
    ("exported_symbols", "a leaking symbol", "tools/libflakey.map",
     SPDX_C + "FLAKEY_0 {\nglobal:\n\tflakey_*;\n\tflakey_start;\n};\n"),
    ("exported_symbols", "a missing symbol", "tools/libflakey.map",
     SPDX_C + "FLAKEY_0 {\nglobal:\n\tflakey_start;\n\tflakey_stop;\nlocal:"
     "\n\t*;\n};\n"),
    ("exported_symbols", "a version script without a library",
     "tools/libother.map", MAP),
    ("tidy", "a division by zero", "common/thing.c",
     SPDX_C + "int thing_count(int a);\nint thing_count(int a)\n{\n"
     "\tint b = a;\n\n\tb = 2;\n\tif (a == 1 && a == 1)\n\t\treturn 1;\n"
     "\treturn 0 * b / 0;\n}\n"),
]


def write(top, name, text):
    path = os.path.join(top, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def run(*command, folder):
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def make_build(top, build):
    """What the lints of a build look at, made without meson."""
    os.makedirs(os.path.join(build, "meson-info"))
    commands = []
    objects = []
    for name in ("common/thing.c", "tools/api.c"):
        output = name.replace("/", "_") + ".o"
        command = f"cc -fPIC -I {top} -c {top}/{name} -o {output}"
        run(*command.split(), folder=build)
        objects.append(output)
        commands.append({"directory": build, "command": command,
                         "file": os.path.join(top, name), "output": output})
    write(build, "compile_commands.json", json.dumps(commands))
    library = os.path.join(build, "libflakey.so")
    run("cc", "-shared", "-o", library, *objects,
        "-Wl,--version-script," + os.path.join(top, "tools/libflakey.map"),
        "-Wl,--undefined-version", folder=build)
    write(build, "meson-info/intro-targets.json", json.dumps(
        [{"name": "flakey", "type": "shared library", "filename": [library]}]))


def lint(name, top, build):
    done = subprocess.run([sys.executable, "-B", os.path.join(HERE, name + ".py"),
                           top, build], capture_output=True, text=True,
                          check=False)
    return done.returncode, done.stdout + done.stderr


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = False

    def point(self, status, output, wanted, name):
        self.count += 1
        if status == 77:
            print(f"ok {self.count} - {name} # SKIP {output.strip()}")
            return
        self.failed |= not wanted
        print(("ok" if wanted else "not ok"), self.count, "-", name)
        if not wanted:
            for line in output.strip().split("\n"):
                print("# " + line)


def make_tree(top, changes):
    for name, text in {**CLEAN, **changes}.items():
        write(top, name, text)
    shutil.copy(os.path.join(HERE, "../../.clang-format"), top)
    shutil.copy(os.path.join(HERE, "../../.clang-tidy"), top)


def main():
    tap = Tap()
    lints = list(dict.fromkeys(defect[0] for defect in DEFECTS))
    with tempfile.TemporaryDirectory() as folder:
        top = os.path.join(folder, "clean")
        make_tree(top, {})
        make_build(top, top + "-objects")
        for name in lints:
            status, output = lint(name, top, top + "-objects")
            tap.point(status, output, status == 0, f"{name} accepts what is "
                      "in order")
        for number, (name, planted, file, text) in enumerate(DEFECTS):
            top = os.path.join(folder, str(number))
            make_tree(top, {file: text})
            if name in ("symbol_prefixes", "exported_symbols", "tidy"):
                make_build(top, top + "-objects")
            status, output = lint(name, top, top + "-objects")
            # exported_symbols and tidy may name another line or file first
            tap.point(status, output, status == 1 and file in output,
                      f"{name} finds {planted}")
    print(f"1..{tap.count}")
    sys.exit(tap.failed)


main()
