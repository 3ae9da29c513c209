#!/usr/bin/env bash
# Builds the page as it is served, checks the types of its tests, and runs them.
#
#   tests/web/run.sh FOLDER unit [ARGUMENTS OF VITEST]      the pure parts
#   tests/web/run.sh FOLDER browser [ARGUMENTS OF VITEST]   Chromium against the real Envoy and the real latentd (LATENTD_BINARY,
#                                                           default that of build/release)
#   tests/web/run.sh FOLDER bench                           what previews cost on the wire
#
# FOLDER: for what is made on the way.
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd)
project=$2
shift 2
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source deploy/lib.sh

client/web/build.sh "$out/page"
export PATH=$LATENTD_NODE/bin:$PATH
npm_ci tests/web
export LATENTD_BINARY=${LATENTD_BINARY:-$PWD/build/release/server/latentd} LATENTD_PAGE=$out/page
# A thread of latentd that waits gives up its core, as in the other tests.
export GOMP_SPINCOUNT=1000
cd tests/web
../../client/web/node_modules/.bin/tsc --noEmit
exec node_modules/.bin/vitest run --project "$project" "$@"
