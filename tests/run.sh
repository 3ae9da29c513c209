#!/usr/bin/env bash
# Runs the tests. Without options: installs what they need, checks the format of what changed and the API's style, builds, and runs every test but the
# long ones. This is what CI runs.
#
#   tests/run.sh                 everything but the long ones
#   tests/run.sh --sanitizers    address + undefined over core, model and e2e; thread over core and engine; 60 s of each fuzzer
#   tests/run.sh --browser       the web page in Chromium against the real Envoy and the real latentd
#   tests/run.sh --comfyui       graphs with the nodes of client/comfyui, in ComfyUI itself; installs 3 GB
#   tests/run.sh --fleet [--runs N] [--seed S]   runs of several replicas with faults at random moments (default 100);
#                                with --no-fencing the checker must find something wrong
#   tests/run.sh --chart         the chart on a control plane of Kubernetes, which is built first (10 CPU-minutes) and kept
#   tests/run.sh --image         builds the image and runs it, read-only, as 65532; as root
#   tests/run.sh --filter REGEX  only the tests whose name matches
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
source deploy/lib.sh

mode=default
filter=.
campaign=()
while [ $# -gt 0 ]; do
  case $1 in
    --sanitizers) mode=sanitizers ;;
    --browser) mode=browser ;;
    --comfyui) mode=comfyui ;;
    --fleet) mode=fleet ;;
    --runs | --seed) campaign+=("$1" "${2:?$1 needs a number}"); shift ;;
    --no-fencing) campaign+=("$1") ;;
    --chart) mode=chart ;;
    --image) mode=image ;;
    --filter) filter=${2:?--filter needs a regular expression}; shift ;;
    *) die "unknown option $1" ;;
  esac
  shift
done

jobs=$(nproc)
configure() { cmake --preset "$1" -DLATENTD_TESTS=ON >"build/configure-$1.log" 2>&1 || { tail -n 20 "build/configure-$1.log"; return 1; }; }
build() { cmake --build "build/$1" -j "$jobs" >"build/build-$1.log" 2>&1 || { grep -E 'error|FAILED' -A 8 "build/build-$1.log" | head -n 60; return 1; }; }
build_server() { cmake --build build/release -j "$jobs" --target latentd >build/build-server.log 2>&1 || { tail -n 20 build/build-server.log; return 1; }; }
run_tests() { ctest --test-dir "build/$1" --no-tests=error --output-on-failure -j "$jobs" -R "$filter" "${@:2}"; }

mkdir -p build
case $mode in
  default)
    step "installing what the tests need" deploy/install.sh --tests
    step "checking format and API style" tests/lint.sh
    step "configuring" configure release
    step "building" build release
    step "checking what changed with clang-tidy" tests/lint.sh --tidy
    step "testing" run_tests release
    ;;
  browser)
    step "installing what the browser's tests need" deploy/install.sh --browser
    step "configuring" configure release
    step "building" build_server
    exec tests/web/run.sh build/web-tests browser
    ;;
  sanitizers)
    step "installing what the sanitizers need" deploy/install.sh --sanitizers
    exec tests/sanitizers/run.sh
    ;;
  fleet)
    step "installing what the tests need" deploy/install.sh --tests
    step "configuring" configure release
    step "building" build_server
    exec tests/fleet/campaign.sh --folder build/fleet "${campaign[@]}"
    ;;
  chart)
    step "installing what the chart's tests need" deploy/install.sh --chart
    step "testing" tests/chart/run.sh cluster
    ;;
  comfyui)
    step "installing what ComfyUI needs" deploy/install.sh --comfyui
    step "configuring" configure release
    step "building" build_server
    step "testing" tests/client/comfyui/full/run.sh build/comfyui
    ;;
  image)
    step "installing what the image's test needs" deploy/install.sh --image
    exec tests/image/run.sh
    ;;
esac
