#!/usr/bin/env bash
# Checks form: the API's style (buf), and the C++ files that changed since LATENTD_LINT_BASE (default: the last commit's
# parent): clang-format, and clang-tidy with --tidy, which needs build/release to be configured.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source deploy/lib.sh

base=${LATENTD_LINT_BASE:-HEAD~1}
git rev-parse -q --verify "$base^{commit}" >/dev/null || base=$(git hash-object -t tree /dev/null)
list=$(git diff --name-only --diff-filter=d "$base" -- '*.h' '*.cc') || die "git cannot say which files changed"
mapfile -t changed < <(printf '%s' "$list")
[ ${#changed[@]} -eq 0 ] || clang-format-14 --dry-run --Werror "${changed[@]}"

if [ "${1:-}" = --tidy ] && [ ${#changed[@]} -gt 0 ]; then
  mapfile -t sources < <(printf '%s\n' "${changed[@]}" | grep '\.cc$')
  [ ${#sources[@]} -eq 0 ] || clang-tidy-14 --quiet -p build/release "${sources[@]}"
fi

# buf sees googleapis as a module beside ours; only ours is judged.
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp -r proto/. "$stage"
cp -r "$LATENTD_GOOGLEAPIS_ROOT/google" "$stage"
(cd "$stage" && "$LATENTD_BUF" lint --path latentd)
