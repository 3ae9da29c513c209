#!/usr/bin/env bash
# Builds the page into FOLDER (default: build/web, where deploy/edge.sh finds it): packages as package-lock.json pins them, code of
# the API's messages from proto/, type check, Vite. What it needs comes from deploy/install.sh --page.
#
#   client/web/build.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
source "$root/deploy/lib.sh"
case ${1:-} in -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
out=$(realpath -m "${1:-$root/build/web}")

[ -x "$LATENTD_NODE/bin/node" ] && [ -x "$LATENTD_BUF" ] || die "Node.js or buf is not there; run deploy/install.sh --page"
export PATH=$LATENTD_NODE/bin:$PATH
cd "$here"
npm_ci .
rm -rf src/gen
descriptors=$("$root/deploy/envoy/descriptors.sh")
"$LATENTD_BUF" generate "$descriptors#format=binpb" --include-imports --exclude-path google/protobuf
node_modules/.bin/tsc --noEmit
node_modules/.bin/vite build --logLevel warn --emptyOutDir --outDir "$out"
