#!/usr/bin/env bash
# Renders the configuration from render.py's flags, and becomes Envoy (LATENTD_ENVOY, default that of PATH) with it.
set -euo pipefail
config=$(python3 "$(dirname "${BASH_SOURCE[0]}")/render.py" "$@")
exec "${LATENTD_ENVOY:-envoy}" --config-yaml "$config" --disable-hot-restart --log-level warning
