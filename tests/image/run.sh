#!/usr/bin/env bash
# Builds the image of `--target cpu` and tries it, without Docker: a base by mmdebstrap from this machine's apt sources, the
# build by buildah, and the result run by buildah, as 65532, on a read-only root. As root; tests/run.sh --image.
#
#   tests/image/run.sh
#
# How this machine reaches the registries goes in as secrets. Its ~/.cache is the build's, for the compiler's cache.
# STORAGE_DRIVER=vfs where buildah cannot have overlays.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source deploy/lib.sh

base=localhost/latentd-base
image=localhost/latentd:cpu
buildah() { command buildah ${STORAGE_DRIVER:+--storage-driver "$STORAGE_DRIVER"} "$@"; }

# Like official Debian images: a minimal Debian 12 that knows where packages are.
make_base() {
  buildah inspect --type image $base >/dev/null 2>&1 && return
  local sources container
  for sources in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    [ ! -s "$sources" ] || break
  done
  mmdebstrap --quiet --variant=minbase bookworm "$work/base.tar" "$sources"
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$work/base.tar" / >/dev/null
  buildah commit --quiet --rm "$container" $base >/dev/null
}

build() {
  printf '[global]\n' >"$work/pip.conf"
  python3 -m pip config list | sed -nE "s/^(global|:env:)\.(index-url|extra-index-url|trusted-host|proxy)='(.*)'$/\2 = \3/p" >>"$work/pip.conf"
  printf 'cert = /run/secrets/ca.pem\n' >>"$work/pip.conf"
  buildah bud --isolation chroot --format docker --layers --target cpu --tag $image --build-arg BASE=$base \
    --build-arg REVISION="$(git rev-parse HEAD)" --secret id=pip.conf,src="$work/pip.conf" \
    --secret id=ca.pem,src=/etc/ssl/certs/ca-certificates.crt --volume "$HOME/.cache:/root/.cache" . >build/image.log 2>&1 ||
    { tail -n 30 build/image.log; return 1; }
}

mkdir -p build
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
step "making the base" make_base
step "building the image" build
container=$(buildah from $image)
trap 'buildah rm "$container" >/dev/null; rm -rf "$work"' EXIT
# Processes, mounts and ports of its own: they end with it, and the ports are free.
unshare --mount --net --pid --fork --kill-child --mount-proc tests/image/try.sh "$container"
