#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, git does not work on the mount, or a crash leaves a repository
# that it would not leave on ext4.
set -eu
# shellcheck source=../harness/tap.sh
. "$TAP_SH"
command -v git >/dev/null || tap_skip_all "no git"

export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org
export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
repository=$MNT/repository

in_repository() {
	git -C "$repository" "$@"
}

# commit_files FIRST LAST OPTION...
commit_files() {
	first=$1 last=$2
	shift 2
	while [ "$first" -le "$last" ]; do
		mkdir -p "$repository/d$((first % 7))"
		echo "content $first" >"$repository/d$((first % 7))/f$first"
		first=$((first + 1))
	done
	in_repository "$@" add . && in_repository "$@" commit -qm "up to $last"
}

count_commits() {
	in_repository rev-list --count HEAD
}

ok "init" git init -q -b main "$repository"
ok "add and commit" commit_files 1 100
ok "commit again" commit_files 101 200
ok "gc" in_repository gc -q
ok "fsck" in_repository fsck --strict
ok "clone" git clone -q "$repository" "$MNT/clone"
ok "the clone is the same" diff -r -x .git "$repository" "$MNT/clone"
ok "fsck of the clone" git -C "$MNT/clone" fsck --strict
verb sync

ok "commit, unsynced, by git's defaults" commit_files 201 210
verb crash
is "a crash takes it" 2 "$(count_commits)"
ok "and leaves the repository whole" in_repository fsck --strict
is "and clean" "" "$(in_repository status --porcelain)"
ok "the clone, too" git -C "$MNT/clone" fsck --strict

ok "commit with core.fsync=all" commit_files 211 220 -c core.fsync=all
verb crash
# Even then the rename of the branch's file is synced by nobody.
ok "the branch is the old or the new one" \
	sh -c "case $(count_commits) in 2 | 3) ;; *) exit 1 ;; esac"
ok "and whole" in_repository fsck --strict --no-dangling
tap_done
