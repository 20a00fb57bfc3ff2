#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, whoever can write to the store, or a program on the mount, makes
# the daemon read or change files outside of the store.
set -eu
mkdir "$WORK/outside"
exec "$1" "$MNT" "$STORE" "$WORK/outside"
