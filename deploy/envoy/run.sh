#!/usr/bin/env bash
# Renders the configuration from render.py's flags, and becomes Envoy (LATENTD_ENVOY, default that of PATH) with it.
set -euo pipefail
folder=$(dirname "${BASH_SOURCE[0]}")
config=$(python3 "$folder/render.py" "$@")
threads=$(python3 "$folder/cgroups.py")
# Of the drain time (drain.py) Envoy tells idle connections in the last third, if that is longer than the 5 s that they then get.
exec "${LATENTD_ENVOY:-envoy}" --config-yaml "$config" --disable-hot-restart --log-level warning --drain-time-s 20 --concurrency "$threads"
