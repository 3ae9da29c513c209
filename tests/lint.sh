#!/usr/bin/env bash
# Checks form.
#
#   tests/lint.sh          the API's style (buf), the Python clients' (ruff), and clang-format on what changed
#   tests/lint.sh --tidy   clang-tidy on what changed; build/release must be built, for its generated headers
#
# What changed: the C++ files that differ from LATENTD_LINT_BASE (default: the last commit's parent).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source deploy/lib.sh

base=${LATENTD_LINT_BASE:-HEAD~1}
everything=false  # has changed, as far as can be told
if ! git rev-parse -q --verify "$base^{commit}" >/dev/null; then
  printf 'nothing to compare with: %s is not here; the format of every file is checked, and clang-tidy of none\n' "$base"
  base=$(git hash-object -t tree /dev/null)
  everything=true
fi
list=$(git diff --name-only --diff-filter=d "$base" -- '*.h' '*.cc' '*.inc') || die "git cannot say which files changed"
mapfile -t changed < <(printf '%s' "$list")

check_format() { [ ${#changed[@]} -eq 0 ] || clang-format-14 --dry-run --Werror "${changed[@]}"; }

# A header is judged with the source of its name.
check_tidy() {
  $everything && return  # hours
  local sources=()
  mapfile -t sources < <(printf '%s\n' "${changed[@]}" | sed 's/\.h$/.cc/' | sort -u | grep '\.cc$' | xargs -r ls 2>/dev/null)
  [ ${#sources[@]} -gt 0 ] || return 0
  # clang cannot read gcc's precompiled headers: it gets the same includes as text.
  mkdir -p build/tidy
  local header
  while read -r header; do
    grep -v '#pragma' "$header" >"${header%/*}/for_clang.hxx"
  done < <(find "$PWD/build/release" -name cmake_pch.hxx)
  sed 's/ -Winvalid-pch//; s/cmake_pch\.hxx /for_clang.hxx /' build/release/compile_commands.json >build/tidy/compile_commands.json
  printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy-14 --quiet -p build/tidy \
    --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wthread-safety 2> >(grep -v 'warnings\? .*generated' >&2)
}

# buf sees googleapis as a module beside ours; only ours is judged.
check_api() {
  local stage
  stage=$(mktemp -d)
  cp -r proto/. "$stage"
  cp -r "$LATENTD_GOOGLEAPIS_ROOT/google" "$stage"
  (cd "$stage" && "$LATENTD_BUF" lint --path latentd) || { rm -rf "$stage"; return 1; }
  rm -rf "$stage"
}

check_python() {
  "$LATENTD_TEST_PYTHON/bin/python" -m ruff check --quiet --no-cache client/python client/comfyui tests/client/python tests/client/comfyui
  "$LATENTD_TEST_PYTHON/bin/python" -m ruff format --quiet --no-cache --check client/python client/comfyui tests/client/python tests/client/comfyui
}

case ${1:-} in
  --tidy) check_tidy ;;
  '') check_format; check_python; check_api ;;
  *) die "unknown option $1" ;;
esac
