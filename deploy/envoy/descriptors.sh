#!/usr/bin/env bash
# Prints the path of the API's descriptor set, from which Envoy knows how JSON and messages correspond; makes it first
# when it is not there. It is named by what it is made from, so that edges of two versions do not meet.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/deploy/lib.sh"

protos=("$root"/proto/latentd/v1/*.proto)
descriptors=$LATENTD_CACHE/api-$(cat "${protos[@]}" | sha256sum | cut -c 1-16).pb
if [ ! -f "$descriptors" ]; then
  # Without error_details.proto Envoy could not write the details of errors as JSON.
  protoc -I "$root/proto" -I "$LATENTD_GOOGLEAPIS_ROOT" --include_imports --descriptor_set_out="$descriptors.$$" \
    "${protos[@]}" google/rpc/error_details.proto
  mv "$descriptors.$$" "$descriptors"
fi
printf '%s\n' "$descriptors"
