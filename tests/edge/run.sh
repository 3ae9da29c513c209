#!/usr/bin/env bash
# Runs the edge's tests: the real Envoy before the real latentd (LATENTD_BINARY, default that of build/release).
#
#   tests/edge/run.sh [pytest's arguments, such as test_cors.py]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/edge/environment.sh

cd tests/edge
exec "$LATENTD_TEST_PYTHON/bin/python" -m pytest -q -p no:cacheprovider "$@"
