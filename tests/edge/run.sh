#!/usr/bin/env bash
# Runs the edge's tests: the real Envoy before the real latentd (LATENTD_BINARY, default that of build/release).
#
#   tests/edge/run.sh [pytest's arguments, such as test_cors.py]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source deploy/lib.sh

export LATENTD_BINARY=${LATENTD_BINARY:-$PWD/build/release/server/latentd}
export LATENTD_ENVOY
LATENTD_DESCRIPTORS=$(deploy/envoy/descriptors.sh)
export LATENTD_DESCRIPTORS
export PYTHONPATH=$PWD/deploy/envoy PYTHONDONTWRITEBYTECODE=1
# A thread of latentd that waits gives up its core, as in the other tests.
export GOMP_SPINCOUNT=1000
cd tests/edge
exec "$LATENTD_TEST_PYTHON/bin/python" -m pytest -q -p no:cacheprovider "$@"
