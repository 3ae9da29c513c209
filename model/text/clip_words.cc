#include "model/text/clip_words.h"

#include "model/text/unicode.h"

namespace latentd::model {
namespace {

constexpr std::u32string_view kContractions[] = {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"};
constexpr std::u32string_view kSpecialNames[] = {U"startoftext", U"endoftext"};

bool IsOther(char32_t c) { return !IsSpace(c) && !IsLetter(c) && !IsNumber(c); }

// The length of the contraction at the beginning of `text`, or 0.
size_t ContractionLength(std::u32string_view text) {
  for (const std::u32string_view contraction : kContractions) {
    if (text.starts_with(contraction)) return contraction.size();
  }
  return 0;
}

// The length of the name when `text` begins with "<|startoftext|>" or "<|endoftext|>", or 0.
size_t SpecialNameLength(std::u32string_view text) {
  if (!text.starts_with(U"<|")) return 0;
  for (const std::u32string_view name : kSpecialNames) {
    if (text.substr(2).starts_with(name) && text.substr(2 + name.size()).starts_with(U"|>")) return name.size();
  }
  return 0;
}

template <typename Predicate>
size_t RunLength(std::u32string_view text, Predicate predicate) {
  size_t length = 0;
  while (length < text.size() && predicate(text[length])) ++length;
  return length;
}

}  // namespace

std::u32string CleanUp(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  bool in_space = false;
  for (const char32_t c : ComposeNfc(text)) {
    if (!IsSpace(c)) {
      AppendLowerCase(c, out);
    } else if (!in_space) {
      out.push_back(U' ');
    }
    in_space = IsSpace(c);
  }
  return out;
}

void ForEachWord(std::u32string_view text, const std::function<void(std::u32string_view)>& visit) {
  const auto take = [&](size_t length) {
    visit(text.substr(0, length));
    text.remove_prefix(length);
  };
  while (!text.empty()) {
    if (const size_t name = SpecialNameLength(text)) {
      // A special token that is not an added token as it is written: the reference first takes it as one word, and its
      // byte-level step, which splits once more by GPT-2's pattern, makes it three.
      take(2);
      take(name);
      take(2);
    } else if (const size_t contraction = ContractionLength(text)) {
      take(contraction);
    } else if (IsLetter(text.front())) {
      take(RunLength(text, IsLetter));
    } else if (IsNumber(text.front())) {
      take(1);
    } else if (IsSpace(text.front())) {
      text.remove_prefix(1);
    } else {
      take(RunLength(text, IsOther));
    }
  }
}

}  // namespace latentd::model
