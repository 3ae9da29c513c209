#include "model/text/bert_tokenizer.h"

#include <algorithm>
#include <utility>

#include "model/text/bert_unicode.h"
#include "model/text/unicode.h"
#include "model/text/utf8.h"

namespace latentd::model {
namespace {

constexpr size_t kLongestWord = 100;        // in characters; a longer one is unknown
constexpr std::string_view kInside = "##";  // begins a piece that does not begin its word

// Blocks of Chinese characters, each of which is a word.
bool IsChinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

std::vector<AddedTokenMatcher::Pattern> SpecialTokens(const BertTokenizerFiles& files) {
  std::vector<AddedTokenMatcher::Pattern> patterns;
  for (const char* token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
    patterns.push_back({.text = DecodeUtf8(token), .id = files.vocab.at(token)});
  }
  return patterns;
}

}  // namespace

BertTokenizer::BertTokenizer(BertTokenizerFiles files, int64_t window)
    : files_(std::move(files)),
      window_(window),
      special_tokens_(SpecialTokens(files_)),
      cls_(IdOf("[CLS]")),
      sep_(IdOf("[SEP]")),
      pad_(IdOf("[PAD]")),
      unknown_(IdOf("[UNK]")) {
  for (const auto& [token, id] : files_.vocab) {
    tokens_[id] = token;
    vocab_size_ = std::max<int64_t>(vocab_size_, id + 1);
  }
}

std::u32string BertTokenizer::CleanUp(std::u32string_view text) const {
  std::u32string clean;
  for (const char32_t c : text) {
    if (IsBertControl(c)) continue;
    if (files_.split_chinese && IsChinese(c)) {
      clean.append({U' ', c, U' '});
    } else {
      clean.push_back(IsSpace(c) ? U' ' : c);
    }
  }
  if (files_.strip_accents) {
    clean = DecomposeNfd(clean);
    std::erase_if(clean, IsNonspacingMark);
  }
  if (!files_.lower_case) return clean;
  std::u32string lower;
  lower.reserve(clean.size());
  for (const char32_t c : clean) AppendLowerCase(c, lower);
  return lower;
}

std::vector<int64_t> BertTokenizer::EncodeTokens(std::string_view text) const {
  std::vector<int64_t> ids;
  const std::u32string code_points = DecodeUtf8(text);
  for (const auto& piece : special_tokens_.Split(code_points)) {
    if (piece.id) {
      ids.push_back(*piece.id);
      continue;
    }
    const std::u32string clean = CleanUp(piece.text);
    const std::u32string_view view = clean;
    size_t begin = 0;
    for (size_t i = 0; i <= view.size(); ++i) {
      const bool punctuation = i < view.size() && IsBertPunctuation(view[i]);
      if (i < view.size() && !punctuation && !IsSpace(view[i])) continue;
      if (begin < i) EncodeWord(view.substr(begin, i - begin), ids);
      if (punctuation) EncodeWord(view.substr(i, 1), ids);
      begin = i + 1;
    }
  }
  return ids;
}

void BertTokenizer::EncodeWord(std::u32string_view word, std::vector<int64_t>& ids) const {
  if (word.size() > kLongestWord) return ids.push_back(unknown_);
  const size_t first = ids.size();
  for (size_t begin = 0; begin < word.size();) {
    std::string piece(begin > 0 ? kInside : "");
    std::vector<size_t> ends;  // bytes of the piece after each of its characters
    for (const char32_t c : word.substr(begin)) {
      AppendUtf8(c, piece);
      ends.push_back(piece.size());
    }
    auto found = files_.vocab.end();
    while (!ends.empty()) {
      piece.resize(ends.back());
      found = files_.vocab.find(piece);
      if (found != files_.vocab.end()) break;
      ends.pop_back();
    }
    if (ends.empty()) {  // what begins here is no piece: the whole word is unknown
      ids.resize(first);
      return ids.push_back(unknown_);
    }
    ids.push_back(found->second);
    begin += ends.size();
  }
}

Tokenized BertTokenizer::Encode(std::string_view text) const {
  const std::vector<int64_t> tokens = EncodeTokens(text);
  const size_t kept = std::min(tokens.size(), static_cast<size_t>(window_ - 2));
  Tokenized result{.ids = {cls_}, .token_count = static_cast<int64_t>(tokens.size()), .truncated = ""};
  result.ids.reserve(window_);
  result.ids.insert(result.ids.end(), tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(kept));
  result.ids.push_back(sep_);
  result.ids.resize(window_, pad_);
  result.truncated = Decode(tokens.data() + kept, tokens.data() + tokens.size());
  return result;
}

std::string BertTokenizer::Decode(const int64_t* begin, const int64_t* end) const {
  std::string text;
  for (const int64_t* id = begin; id != end; ++id) {
    const std::string_view token = tokens_.at(*id);
    const bool inside = token.starts_with(kInside);
    if (!inside && !text.empty()) text.push_back(' ');
    text.append(token.substr(inside ? kInside.size() : 0));
  }
  return text;
}

}  // namespace latentd::model
