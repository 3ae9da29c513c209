#!/usr/bin/env bash
# Checks the ComfyUI nodes' types, and runs the tests that need no ComfyUI (LATENTD_BINARY, default that of build/release).
#
#   tests/client/comfyui/run.sh FOLDER [ARGUMENTS OF PYTEST]   FOLDER: for what is made on the way
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd); shift
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
source deploy/lib.sh
python=$LATENTD_TEST_PYTHON/bin/python
export LATENTD_BINARY=${LATENTD_BINARY:-$PWD/build/release/server/latentd}

tests/client/python/install.sh "$out"
(cd client/comfyui && PYTHONPATH=$out/site "$python" -m mypy --cache-dir "$out/mypy")
export PYTHONPATH=$out/site:$PWD/client/comfyui PYTHONDONTWRITEBYTECODE=1
exec "$python" -m pytest -q -p no:cacheprovider -o faulthandler_timeout=120 --ignore tests/client/comfyui/full "$@" \
  tests/client/comfyui
