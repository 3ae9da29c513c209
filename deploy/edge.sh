#!/usr/bin/env bash
# Runs Envoy in front of latentd: gRPC, gRPC-Web and JSON on one port. It stays in the foreground; SIGTERM ends it.
#
#   deploy/edge.sh --listen ADDR:PORT --backend ADDR:PORT[,ADDR:PORT…] [--cors-origin ORIGIN]… [--admin SOCKET]
#
#   --cors-origin   pages of this origin may call (https://example.org, or *); may be repeated
#   --admin         Envoy's administration, on a unix socket at this path; there is none otherwise
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/deploy/lib.sh"
case ${1:-} in -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

"$root/deploy/install.sh" --edge >&2

# Named by what it is made from, so that it can stay, and edges of two versions do not meet.
protos=("$root"/proto/latentd/v1/*.proto)
descriptors=$LATENTD_CACHE/api-$(cat "${protos[@]}" | sha256sum | cut -c 1-16).pb
if [ ! -f "$descriptors" ]; then
  # Without error_details.proto Envoy could not write the details of errors as JSON.
  protoc -I "$root/proto" -I "$LATENTD_GOOGLEAPIS_ROOT" --include_imports --descriptor_set_out="$descriptors.$$" \
    "${protos[@]}" google/rpc/error_details.proto
  mv "$descriptors.$$" "$descriptors"
fi

config=$(python3 "$root/deploy/envoy/render.py" --descriptors "$descriptors" "$@")
exec "$LATENTD_ENVOY" --config-yaml "$config" --disable-hot-restart --log-level warning
