#!/usr/bin/env bash
# Runs the tests of deploy/prometheus and deploy/grafana: by promtool, and against a real latentd (LATENTD_BINARY, default that
# of build/release).
#
#   tests/observability/run.sh [pytest's arguments]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/edge/environment.sh

export PYTHONPATH=$PYTHONPATH:$PWD/tests/fleet
cd tests/observability
exec "$LATENTD_TEST_PYTHON/bin/python" -m pytest -q -p no:cacheprovider "$@"
