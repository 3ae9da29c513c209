# Shared by the scripts: places, messages, and timed steps. Sourced, not run.

LATENTD_CACHE=${LATENTD_CACHE:-$HOME/.cache/latentd}
LATENTD_LIBTORCH_ROOT=${LATENTD_LIBTORCH_ROOT:-$LATENTD_CACHE/libtorch-2.11.0}
LATENTD_LIBTORCH_CUDA_ROOT=$LATENTD_CACHE/libtorch-2.11.0-cuda
LATENTD_NVCC_ROOT=$LATENTD_CACHE/nvcc-13.0.88
LATENTD_GOOGLEAPIS_ROOT=${LATENTD_GOOGLEAPIS_ROOT:-$LATENTD_CACHE/googleapis-1.76.0}
LATENTD_ENVOY=$LATENTD_CACHE/envoy-1.40.0
LATENTD_BUF=$LATENTD_CACHE/buf-1.75.0
LATENTD_NODE=$LATENTD_CACHE/node-22.20.0
LATENTD_PROMTOOL=$LATENTD_CACHE/promtool
LATENTD_TOXIPROXY=$LATENTD_CACHE/toxiproxy-2.12.0
# An environment of Debian's Python for the tests, named by what is in it.
LATENTD_TEST_PYTHON=$LATENTD_CACHE/test-python-$(sha256sum "$(dirname "${BASH_SOURCE[0]}")/pins/python-tests.txt" | cut -c 1-12)
LATENTD_GO=$LATENTD_CACHE/go-1.26.6
# Helm and its tests, and a control plane of Kubernetes, each named by what it is made of.
LATENTD_HELM=$LATENTD_CACHE/helm-$(cat "$(dirname "${BASH_SOURCE[0]}")"/pins/chart/go.* | sha256sum | cut -c 1-12)
LATENTD_KUBERNETES=$LATENTD_CACHE/kubernetes-$(cat "$(dirname "${BASH_SOURCE[0]}")"/pins/{chart,crds}/go.* | sha256sum | cut -c 1-12)
# ComfyUI and a Python that runs it, for the tests of the nodes in it; others may be named.
LATENTD_COMFYUI=${LATENTD_COMFYUI:-$LATENTD_CACHE/comfyui-0.30.0}
LATENTD_COMFYUI_PYTHON=${LATENTD_COMFYUI_PYTHON:-$LATENTD_CACHE/comfyui-python-$(sha256sum "$(dirname "${BASH_SOURCE[0]}")/pins/python-comfyui.txt" | cut -c 1-12)/bin/python}
export LATENTD_LIBTORCH_ROOT LATENTD_GOOGLEAPIS_ROOT LATENTD_PROMTOOL LATENTD_HELM LATENTD_KUBERNETES LATENTD_COMFYUI LATENTD_COMFYUI_PYTHON

die() { printf '\nerror: %s\n' "$*" >&2; exit 1; }

# step NAME COMMAND…: says what is being done, and how long it took. Ends the script when the command fails, a function
# at its first failing line: `function || die` would turn `set -e` off inside it.
step() {
  local name=$1 began=$SECONDS code; shift
  printf '• %s …\n' "$name"
  set +e
  (set -e; "$@")
  code=$?
  set -e
  [ "$code" -eq 0 ] || die "$name failed"
  printf '  %s: done in %d s\n' "$name" $((SECONDS - began))
}

# npm_ci FOLDER: its node_modules as its package-lock.json says; does nothing when they are.
npm_ci() {
  cmp -s "$1/package-lock.json" "$1/node_modules/.installed" && return
  (cd "$1" && npm ci --no-audit --no-fund --loglevel=error --ignore-scripts) || die "npm could not install what $1/package-lock.json names"
  cp "$1/package-lock.json" "$1/node_modules/.installed"
}
