#!/bin/sh
# SPDX-License-Identifier: MIT
# If this fails, many clients at once, or a crash under load, break the daemon,
# hang it, or lose what was acknowledged.
set -eu
exec "$1" "$MNT" "$STORE" "${HAMMER_CRASHES:-200}" \
	"${HAMMER_OPERATIONS:-100}" ${HAMMER_SEED:+"$HAMMER_SEED"}
