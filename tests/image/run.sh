#!/usr/bin/env bash
# Builds the images of `--target cpu` and `--target edge` and tries them, without Docker: a base by mmdebstrap from this
# machine's apt sources, the build by buildah, and the results run by buildah, as 65532, on a read-only root. As root;
# tests/run.sh --image.
#
#   tests/image/run.sh           or
#   tests/image/run.sh cuda      builds `--target cuda` (4 GB to fetch), and asks it for its version: no GPU is needed
#
# How this machine reaches the registries goes in as secrets. Its ~/.cache is the build's, for the compiler's cache.
# STORAGE_DRIVER=vfs where buildah cannot have overlays.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source deploy/lib.sh
source tests/image/buildah.sh

base=localhost/latentd-base
image() { printf 'localhost/latentd:%s' "$1"; }

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

secrets() {
  printf '[global]\n' >"$work/pip.conf"
  python3 -m pip config list | sed -nE "s/^(global|:env:)\.(index-url|extra-index-url|trusted-host|proxy)='(.*)'$/\2 = \3/p" >>"$work/pip.conf"
  printf 'cert = /run/secrets/ca.pem\n' >>"$work/pip.conf"
  { [ ! -f "$HOME/.npmrc" ] || grep -v '^cafile' "$HOME/.npmrc" || true; echo 'cafile=/run/secrets/ca.pem'; } >"$work/npmrc"
}

# The label once more: the cache of buildah's layers does not see that an argument has changed.
build() {
  local revision; revision=$(git rev-parse HEAD)
  buildah bud --isolation chroot --format docker --layers --target "$1" --tag "$(image "$1")" --build-arg BASE=$base \
    --build-arg REVISION="$revision" --label org.opencontainers.image.revision="$revision" --secret id=pip.conf,src="$work/pip.conf" --secret id=npmrc,src="$work/npmrc" \
    --secret id=ca.pem,src=/etc/ssl/certs/ca-certificates.crt --volume "$HOME/.cache:/root/.cache" . >"build/image-$1.log" 2>&1 ||
    { tail -n 30 "build/image-$1.log"; return 1; }
}

mkdir -p build
work=$(mktemp -d)
containers=()
trap 'for each in "${containers[@]}"; do buildah rm "$each" >/dev/null; done; rm -rf "$work"' EXIT
step "making the base" make_base
step "saying how registries are reached" secrets
targets=(cpu edge)
[ "${1:-}" != cuda ] || targets=(cuda)
for target in "${targets[@]}"; do
  step "building the image $target" build "$target"
  containers+=("$(buildah from "$(image "$target")")")
done
# Processes, mounts and ports of its own: they end with it, and the ports are free.
unshare --mount --net --pid --fork --kill-child --mount-proc "tests/image/try_${targets[0]}.sh" "${containers[@]}"
