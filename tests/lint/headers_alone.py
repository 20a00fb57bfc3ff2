#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Every header compiles as the only one, the public ones also as C++.

If this fails, a header leans on what its users happened to include before."""

import concurrent.futures
import os
import shutil
import subprocess

import tree

PUBLIC = ("flakey.h", "failpoint.h")
C = ["cc", "-x", "c", "-std=gnu11", "-D_GNU_SOURCE"]
CPP = ["c++", "-x", "c++", "-std=c++11", "-Wpedantic"]
REST = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only"]


def package_flags():
    flags = []
    for package in ("fuse3", "devmapper"):
        try:
            done = subprocess.run(["pkg-config", "--cflags-only-I", package],
                                  capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return []
        # -isystem: warnings of others' headers are not ours
        flags += [word.replace("-I", "-isystem", 1)
                  for word in done.stdout.split()]
    return flags


def compile_alone(command, name):
    done = subprocess.run(command + REST + ["-I", tree.root()]
                          + package_flags() + ["-"],
                          input=f'#include "{name}"\n', text=True,
                          capture_output=True, check=False)
    return done.returncode, done.stderr


def main():
    report = tree.Report()
    jobs = []
    for name in tree.files(".h"):
        jobs.append((C, name))
        if os.path.basename(name) in PUBLIC:
            if shutil.which(CPP[0]) is None:
                tree.skip("no C++ compiler")
            jobs.append((CPP, name))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda job: compile_alone(*job), jobs)
    for (command, name), (status, words) in zip(jobs, results):
        if status:
            language = "C++" if command is CPP else "C"
            first = [line for line in words.split("\n") if "error" in line]
            report.add(name, 1, f"does not compile alone as {language}: "
                       + (first or [words.strip()])[0].strip())
    report.finish()


main()
