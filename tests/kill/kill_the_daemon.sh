#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, killing the daemon is not a power failure: the store is left in a
# state that no real file system would leave, or the next mount does not work.
set -eu
# The mount that the test began with is the first to be killed.
kill -9 "$(cat "$WORK/pid")"
seed=${KILLER_SEED:-${FLAKEY_TEST_SEED-}}
exec "$1" "$FLAKEY" "$STORE" "$MNT" "${KILLER_KILLS:-$2}" ${seed:+"$seed"}
