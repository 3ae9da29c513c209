#!/usr/bin/env bash
# Runs the fleet's short tests: replicas of the real latentd (LATENTD_BINARY, default that of build/release) on a real Redis.
#
#   tests/fleet/run.sh [pytest's arguments, such as test_checker.py]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/fleet/environment.sh

cd tests/fleet
exec "$LATENTD_TEST_PYTHON/bin/python" -m pytest -q -p no:cacheprovider "$@"
