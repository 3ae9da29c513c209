#include "model/text/own_tokens.h"

#include <algorithm>

#include "model/text/clip_words.h"
#include "model/text/unicode.h"
#include "model/text/utf8.h"

namespace latentd::model {
namespace {

bool IsWordCharacter(char32_t c) { return c == U'_' || IsLetter(c) || IsNumber(c); }

// Whether both sides of a place belong to one word.
bool IsInsideWord(std::u32string_view text, size_t at) {
  return at > 0 && at < text.size() && IsWordCharacter(text[at - 1]) && IsWordCharacter(text[at]);
}

}  // namespace

OwnTokens::OwnTokens(std::span<const OwnToken> tokens, int64_t first_id) {
  for (const OwnToken& token : tokens) {
    tokens_.push_back(
        {.text = token.text, .clean = CleanUp(DecodeUtf8(token.text)), .first_id = first_id, .length = token.length});
    first_id += token.length;
    if (token.length > 0 && !tokens_.back().clean.empty()) longest_first_.push_back(tokens_.size() - 1);
  }
  std::stable_sort(longest_first_.begin(), longest_first_.end(),
                   [&](size_t a, size_t b) { return tokens_[a].clean.size() > tokens_[b].clean.size(); });
}

std::optional<size_t> OwnTokens::Match(std::u32string_view clean, size_t at) const {
  for (const size_t i : longest_first_) {
    const std::u32string& text = tokens_[i].clean;
    if (clean.substr(at).starts_with(text) && !IsInsideWord(clean, at) && !IsInsideWord(clean, at + text.size())) {
      return i;
    }
  }
  return std::nullopt;
}

std::vector<OwnTokens::Piece> OwnTokens::Split(std::u32string_view clean) const {
  std::vector<Piece> pieces;
  size_t begin = 0;  // of the text that belongs to no piece yet
  for (size_t at = 0; at < clean.size() && !longest_first_.empty();) {
    const std::optional<size_t> token = Match(clean, at);
    if (!token) {
      ++at;
      continue;
    }
    if (at > begin) pieces.push_back({.text = clean.substr(begin, at - begin), .token = std::nullopt});
    const size_t length = tokens_[*token].clean.size();
    pieces.push_back({.text = clean.substr(at, length), .token = token});
    begin = at += length;
  }
  if (begin < clean.size()) pieces.push_back({.text = clean.substr(begin), .token = std::nullopt});
  return pieces;
}

void OwnTokens::AppendIds(size_t token, std::vector<int64_t>& ids) const {
  for (int64_t i = 0; i < tokens_[token].length; ++i) ids.push_back(tokens_[token].first_id + i);
}

std::optional<size_t> OwnTokens::TokenOf(int64_t id) const {
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (id >= tokens_[i].first_id && id < tokens_[i].first_id + tokens_[i].length) return i;
  }
  return std::nullopt;
}

int64_t OwnTokens::LengthFrom(int64_t id) const {
  const std::optional<size_t> token = TokenOf(id);
  return token && tokens_[*token].first_id == id ? tokens_[*token].length : 0;
}

std::optional<std::string_view> OwnTokens::TextFrom(int64_t id) const {
  const std::optional<size_t> token = TokenOf(id);
  if (!token) return std::nullopt;
  return tokens_[*token].first_id == id ? std::string_view(tokens_[*token].text) : std::string_view();
}

}  // namespace latentd::model
