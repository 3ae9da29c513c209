#!/usr/bin/env bash
# The sanitizers, as tests/run.sh --sanitizers runs them (everything is installed by then):
#   address + undefined   core, model, client and e2e tests
#   thread                core, store (Redis, too) and engine (with a fake model) tests
#   libFuzzer             a minute of each target
# Stops at the first report.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source deploy/lib.sh

jobs=$(nproc)
fuzz_seconds=${LATENTD_FUZZ_SECONDS:-60}

configure() {
  local folder=$1; shift
  mkdir -p "build/$folder"
  cmake -B "build/$folder" "$@" >"build/$folder/configure.log" 2>&1 || { tail -n 20 "build/$folder/configure.log"; return 1; }
}
build() {
  local folder=$1; shift
  cmake --build "build/$folder" -j "$jobs" "$@" >"build/$folder/build.log" 2>&1 ||
    { grep -E 'error|FAILED' -A 8 "build/$folder/build.log" | head -n 60; return 1; }
}
run_tests() { ctest --test-dir "build/$1" --no-tests=error --output-on-failure -j "$jobs" "${@:2}"; }

export ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1"
export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1"
export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1"

step "address and undefined behaviour: configuring" configure asan --preset asan
step "address and undefined behaviour: building" build asan
step "address and undefined behaviour: testing" run_tests asan

# Not rpc: gRPC and the Abseil that Debian has are not instrumented, so that their own locks look like races.
thread_tests=(latentd_core_test latentd_store_test latentd_redis_test latentd_engine_test)
step "threads: configuring" configure tsan --preset tsan
step "threads: building" build tsan --target "${thread_tests[@]}"
# OpenMP is not instrumented: one thread computes, the engine's own threads are what is looked at.
for test in "${thread_tests[@]}"; do
  step "threads: $test" env OMP_NUM_THREADS=1 "$(find build/tsan/tests -name "$test" -type f)" --gtest_brief=1
done

step "fuzzing: configuring" configure fuzz -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER=clang++-14 \
  -DCMAKE_C_COMPILER=clang-14 -DLATENTD_FUZZ=ON -DLATENTD_SANITIZE=address,undefined
step "fuzzing: building" build fuzz --target safetensors_fuzzer tokenizer_fuzzer weighted_prompt_fuzzer image_fuzzer form_fuzzer
fuzz() {  # target, folders of its corpus
  mkdir -p "build/fuzz/new-$1"
  step "fuzzing: $1 for $fuzz_seconds s" "$(find build/fuzz/tests -name "$1_fuzzer" -type f)" \
    -max_total_time="$fuzz_seconds" -print_final_stats=1 "build/fuzz/new-$1" "${@:2}"
}
fuzz safetensors tests/fuzz/corpus/safetensors
fuzz tokenizer tests/fuzz/corpus/tokenizer
fuzz weighted_prompt tests/fuzz/corpus/weighted_prompt
fuzz image tests/golden/imaging/files tests/golden/imaging/bad
fuzz form tests/fuzz/corpus/form
