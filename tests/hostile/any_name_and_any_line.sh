#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, a file's name can forge or break a report, or a line of nonsense
# ends the daemon.
set -eu
exec python3 -B "$1" "$MNT" ${FLAKEY_TEST_SEED:+"$FLAKEY_TEST_SEED"}
