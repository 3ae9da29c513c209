#!/usr/bin/env bash
# Runs a benchmark of a fleet: replicas of the real latentd (LATENTD_BINARY, default that of build/release) on a real Redis.
#
#   tests/bench/fleet/run.sh durability.py|two_replicas.py [its arguments; --help tells]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
source tests/fleet/environment.sh
export PYTHONPATH=$PWD/tests/bench:$PYTHONPATH

exec "$LATENTD_TEST_PYTHON/bin/python" "tests/bench/fleet/$1" "${@:2}"
