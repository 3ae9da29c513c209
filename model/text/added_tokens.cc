#include "model/text/added_tokens.h"

#include <algorithm>
#include <utility>

namespace latentd::model {

AddedTokenMatcher::AddedTokenMatcher(std::vector<Pattern> patterns) : patterns_(std::move(patterns)) {
  std::stable_sort(patterns_.begin(), patterns_.end(),
                   [](const Pattern& a, const Pattern& b) { return a.text.size() > b.text.size(); });
  for (const Pattern& pattern : patterns_) {
    if (first_.find(pattern.text.front()) == std::u32string::npos) first_.push_back(pattern.text.front());
  }
}

const AddedTokenMatcher::Pattern* AddedTokenMatcher::Match(std::u32string_view text) const {
  const auto found = std::find_if(patterns_.begin(), patterns_.end(),
                                  [&](const Pattern& pattern) { return text.starts_with(pattern.text); });
  return found == patterns_.end() ? nullptr : &*found;
}

std::vector<AddedTokenMatcher::Piece> AddedTokenMatcher::Split(std::u32string_view text) const {
  std::vector<Piece> pieces;
  size_t begin = 0;  // of the text that belongs to no piece yet
  size_t i = first_.empty() ? std::u32string_view::npos : text.find_first_of(first_);
  while (i != std::u32string_view::npos) {
    if (const Pattern* pattern = Match(text.substr(i))) {
      if (i > begin) pieces.push_back({.text = text.substr(begin, i - begin), .id = std::nullopt});
      pieces.push_back({.text = text.substr(i, pattern->text.size()), .id = pattern->id});
      begin = i + pattern->text.size();
      i = text.find_first_of(first_, begin);
    } else {
      i = text.find_first_of(first_, i + 1);
    }
  }
  if (begin < text.size()) pieces.push_back({.text = text.substr(begin), .id = std::nullopt});
  return pieces;
}

}  // namespace latentd::model
