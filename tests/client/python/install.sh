#!/usr/bin/env bash
# Builds the Python client as `pip install` does, into FOLDER/site.
#
#   tests/client/python/install.sh FOLDER
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
source deploy/lib.sh
python=$LATENTD_TEST_PYTHON/bin/python
[ -x "$python" ] || die "$LATENTD_TEST_PYTHON is not there; run deploy/install.sh --tests"

# A copy is built: what an earlier build left in the tree would go into this one.
rm -rf "$out/tree" "$out/site"
mkdir -p "$out/tree/client"
cp -r proto "$out/tree"
cp -r client/python "$out/tree/client"
rm -rf "$out/tree/client/python/build"
"$python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --target "$out/site" \
  "$out/tree/client/python"
