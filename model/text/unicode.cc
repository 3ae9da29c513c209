#include "model/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <span>
#include <vector>

#include "model/text/unicode_overrides.h"

namespace latentd::model {
namespace {

// The entry of a sorted table that holds `c`, or null.
template <typename Range>
const Range* Find(std::span<const Range> table, char32_t c) {
  const auto found =
      std::lower_bound(table.begin(), table.end(), c, [](const Range& range, char32_t x) { return range.last < x; });
  return found != table.end() && found->first <= c ? &*found : nullptr;
}

// Text below U+0300 is in form C as it stands: nothing in it reorders or composes.
constexpr char32_t kFirstThatMayCompose = 0x300;

int CombiningClass(char32_t c) { return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class; }

// The form D of `text`, which holds no barrier. `scratch` only saves allocations.
void Decompose(std::u32string_view text, std::vector<utf8proc_int32_t>& scratch) {
  constexpr auto kDecompose = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
  scratch.clear();
  for (const char32_t c : text) {
    utf8proc_int32_t parts[8];  // the longest canonical decomposition has four
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts, 8, kDecompose, nullptr);
    scratch.insert(scratch.end(), parts, parts + count);
  }
  // Canonical order: runs of marks are sorted by class. utf8proc's own loop takes quadratic time for long runs.
  const auto is_mark = [](utf8proc_int32_t c) { return CombiningClass(c) != 0; };
  for (auto run = std::find_if(scratch.begin(), scratch.end(), is_mark); run != scratch.end();
       run = std::find_if(run, scratch.end(), is_mark)) {
    const auto end = std::find_if_not(run, scratch.end(), is_mark);
    std::stable_sort(run, end, [](auto a, auto b) { return CombiningClass(a) < CombiningClass(b); });
    run = end;
  }
}

// Calls `append` with the parts of `text` and the barriers between them. The reference takes barriers for ordinary
// letters, which separate what stands on their two sides.
template <typename Append>
void ForEachBetweenBarriers(std::u32string_view text, std::u32string& out, const Append& append) {
  size_t begin = 0;
  while (begin < text.size()) {
    size_t end = begin;
    while (end < text.size() && Find(NfcBarriers(), text[end]) == nullptr) ++end;
    append(text.substr(begin, end - begin));
    if (end < text.size()) out.push_back(text[end++]);
    begin = end;
  }
}

// Appends the form C of `text`, which holds no barrier.
void AppendComposed(std::u32string_view text, std::vector<utf8proc_int32_t>& scratch, std::u32string& out) {
  constexpr auto kCompose = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  Decompose(text, scratch);
  const auto length = utf8proc_normalize_utf32(scratch.data(), static_cast<utf8proc_ssize_t>(scratch.size()), kCompose);
  out.append(scratch.begin(), scratch.begin() + length);
}

}  // namespace

bool IsLetter(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) || Find(ExtraLetters(), c) != nullptr;
}

bool IsNumber(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO) || Find(ExtraNumbers(), c) != nullptr;
}

bool IsSpace(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return c == 0x85 || (category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP);
}

void AppendLowerCase(char32_t c, std::u32string& out) {
  if (c == 0x130) {  // İ, the only character whose lower case is two
    out += U"i\u0307";
  } else if (const LowerCaseRange* range = Find(ExtraLowerCase(), c)) {
    out.push_back(static_cast<char32_t>(static_cast<int32_t>(c) + range->distance));
  } else {
    out.push_back(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
  }
}

std::u32string ComposeNfc(std::u32string_view text) {
  if (std::all_of(text.begin(), text.end(), [](char32_t c) { return c < kFirstThatMayCompose; })) {
    return std::u32string(text);
  }
  std::u32string out;
  out.reserve(text.size());
  std::vector<utf8proc_int32_t> scratch;
  ForEachBetweenBarriers(text, out, [&](std::u32string_view part) { AppendComposed(part, scratch, out); });
  return out;
}

std::u32string DecomposeNfd(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  std::vector<utf8proc_int32_t> scratch;
  ForEachBetweenBarriers(text, out, [&](std::u32string_view part) {
    Decompose(part, scratch);
    out.append(scratch.begin(), scratch.end());
  });
  return out;
}

}  // namespace latentd::model
