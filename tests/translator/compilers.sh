# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the scripts of this folder share: sources have to compile without a
# warning, enabled, as C11 and C++11, with gcc and clang.

# shellcheck source=../harness/tap.sh
. "$TAP_SH"

# As an installed header would be found.
mkdir "$WORK/include"
ln -s "$TOP/failpoints/failpoint.h" "$WORK/include/failpoint.h"

warnings='-Wall -Wextra -Wpedantic -Wshadow -Wno-newline-eof -Wdeclaration-after-statement'
warnings_cpp='-Wall -Wextra -Wpedantic -Wshadow -Wno-newline-eof'

# compile COMMAND... FILES: none is no mistake.
compile() {
	"$@" -Werror -fsyntax-only -I "$WORK/include"
}

# compile_all NAME DIR: one point for each compiler and language.
compile_all() {
	compile_name=$1
	compile_dir=$2
	# shellcheck disable=SC2086 # options are words
	for compiler in gcc clang; do
		command -v $compiler >/dev/null || continue
		ok "$compile_name, as C11 by $compiler" compile \
			$compiler -std=c11 $warnings "$compile_dir"/*.c
	done
	# shellcheck disable=SC2086 # options are words
	for compiler in g++ clang++; do
		command -v $compiler >/dev/null || continue
		ok "$compile_name, as C++11 by $compiler" compile \
			$compiler -std=c++11 $warnings_cpp "$compile_dir"/*.cpp
	done
}
