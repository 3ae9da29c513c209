#!/usr/bin/env bash
# Runs a benchmark of the edge: the real Envoy before the real latentd (LATENTD_BINARY, default that of build/release).
#
#   tests/bench/edge/run.sh streams.py|security.py [its arguments; --help tells]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
source tests/edge/environment.sh
export PYTHONPATH=$PWD/tests/bench:$PYTHONPATH

exec "$LATENTD_TEST_PYTHON/bin/python" "tests/bench/edge/$1" "${@:2}"
