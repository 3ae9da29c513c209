#!/usr/bin/env bash
# Builds the Python client as `pip install` does, checks its types, and runs its tests on what was installed.
#
#   tests/client/python/run.sh FOLDER [ARGUMENTS OF PYTEST]   FOLDER: for what is made on the way
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd); shift
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
source deploy/lib.sh
python=$LATENTD_TEST_PYTHON/bin/python

tests/client/python/install.sh "$out"
(cd "$out/site" && "$python" -m mypy --config-file "$OLDPWD/client/python/pyproject.toml" --cache-dir "$out/mypy" -p latentd)
PYTHONPATH=$out/site exec "$python" -m pytest -q -p no:cacheprovider -o faulthandler_timeout=120 "$@" tests/client/python
