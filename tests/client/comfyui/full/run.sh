#!/usr/bin/env bash
# Has ComfyUI itself execute graphs with a real latentd (LATENTD_BINARY, default that of build/release).
#
#   tests/client/comfyui/full/run.sh FOLDER [ARGUMENTS OF PYTEST]   FOLDER: for what is made on the way
#
# LATENTD_COMFYUI is a ComfyUI and LATENTD_COMFYUI_PYTHON a Python that runs it and has pytest and websocket-client; by
# default those of deploy/install.sh --comfyui.
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd); shift
cd "$(dirname "${BASH_SOURCE[0]}")/../../../.."
source deploy/lib.sh
[ -d "$LATENTD_COMFYUI" ] || die "$LATENTD_COMFYUI is not there; run deploy/install.sh --comfyui"
export LATENTD_BINARY=${LATENTD_BINARY:-$PWD/build/release/server/latentd}

tests/client/python/install.sh "$out"
# A thread of latentd that waits gives up its core, as in the other tests.
export PYTHONPATH=$out/site:$PWD/tests/client/comfyui PYTHONDONTWRITEBYTECODE=1 GOMP_SPINCOUNT=1000
exec "$LATENTD_COMFYUI_PYTHON" -m pytest -q -p no:cacheprovider "$@" tests/client/comfyui/full
