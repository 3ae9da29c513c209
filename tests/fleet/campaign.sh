#!/usr/bin/env bash
# Runs fleets with faults at random moments and judges them (LATENTD_BINARY, default that of build/release).
#
#   tests/fleet/campaign.sh --folder FOLDER [--runs N] [--seed S] [--together N] [--no-fencing]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/fleet/environment.sh

exec "$LATENTD_TEST_PYTHON/bin/python" tests/fleet/campaign.py "$@"
