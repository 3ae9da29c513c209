#!/usr/bin/env bash
# Runs the tests of helm/latentd. Without `cluster` those that need none: lint, schemas, helm-unittest, and what the chart
# would start, started here (LATENTD_BINARY, default that of build/release). With it, on a control plane of Kubernetes.
#
#   tests/chart/run.sh [cluster] [pytest's arguments]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/edge/environment.sh
export PYTHONPATH=$PYTHONPATH:$PWD/tests/chart

folder=tests/chart
if [ "${1:-}" = cluster ]; then folder=tests/chart/cluster; shift; fi
cd "$folder"
exec "$LATENTD_TEST_PYTHON/bin/python" -m pytest -q -p no:cacheprovider --ignore=cluster "$@"
