#!/usr/bin/env bash
# Runs Envoy in front of latentd: gRPC, gRPC-Web, JSON and the page on one port. It stays in the foreground; SIGTERM ends it.
#
#   deploy/edge.sh --listen ADDR:PORT --backend ADDR:PORT[,ADDR:PORT…] [--cors-origin ORIGIN]… [--page FOLDER]
#           [--metrics-listen ADDR:PORT] [--admin SOCKET]
#
#   --cors-origin               pages of this origin may call (https://example.org, or *); may be repeated
#   --metrics-listen            Envoy's metrics for Prometheus, at /metrics; none otherwise
#   --admin                     Envoy's administration, on a unix socket at this path; there is none otherwise
#   --page                      the built page (client/web/build.sh), at /; default: build/web, if it is there
#   --tls-cert F --tls-key F    TLS on --listen: certificate and key, PEM; read again when they are replaced (mv, not cp)
#   --backend-ca F              TLS to latentd, whose certificate must be of this authority, for the name in --backend
#   --backend-cert F --backend-key F    a certificate to show to latentd (mutual TLS)
#   --insecure                  lets --listen be reachable from other machines without TLS, and before a latentd that asks
#                               nobody for credentials
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/deploy/lib.sh"
case ${1:-} in -h | --help) sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

"$root/deploy/install.sh" --edge >&2
descriptors=$("$root/deploy/envoy/descriptors.sh")
page=()
[ -f "$root/build/web/index.html" ] && page=(--page "$root/build/web")
LATENTD_ENVOY=$LATENTD_ENVOY exec "$root/deploy/envoy/run.sh" --descriptors "$descriptors" --secrets "$LATENTD_CACHE" "${page[@]}" "$@"
