#!/usr/bin/env bash
# What run.sh runs in namespaces of its own: the container of `--target cuda`, on a machine that may have no GPU.
#
#   tests/image/try_cuda.sh CONTAINER
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source deploy/lib.sh
source tests/image/buildah.sh

container=$1
root=$(buildah mount "$container")

says_what_it_is() {
  [ "$(config "$container" .Docker.Config.User)" = 65532:65532 ] || die "the user is $(config "$container" .Docker.Config.User)"
  buildah run --isolation chroot "$container" -- latentd --version
}

step "what the image says of itself" says_what_it_is
step "sizes" sizes "$root"
