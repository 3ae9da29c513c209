#include "model/text/clip_tokenizer.h"

#include <algorithm>
#include <optional>

#include "model/text/clip_words.h"
#include "model/text/unicode.h"
#include "model/text/utf8.h"

namespace latentd::model {
namespace {

std::string ToUtf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) AppendUtf8(c, out);
  return out;
}

// The patterns of those added tokens that are looked for in the text as given, or in the cleaned-up text.
std::vector<AddedTokenMatcher::Pattern> Patterns(const std::vector<AddedToken>& tokens, bool normalized) {
  std::vector<AddedTokenMatcher::Pattern> patterns;
  for (const AddedToken& token : tokens) {
    if (token.normalized != normalized) continue;
    const std::u32string content = DecodeUtf8(token.content);
    patterns.push_back({.text = normalized ? CleanUp(content) : content, .id = token.id});
  }
  return patterns;
}

// The bytes that a token of the vocabulary stands for. The mark of a word's end is made of characters that stand for
// themselves; a token with other characters is text as it is written.
std::string TokenBytes(const std::string& token, const std::unordered_map<char32_t, char>& byte_of) {
  std::string bytes;
  for (const char32_t c : DecodeUtf8(token)) {
    const auto found = byte_of.find(c);
    if (found == byte_of.end()) return token;
    bytes.push_back(found->second);
  }
  return bytes;
}

// What Python's str.strip() removes.
bool IsStripped(char32_t c) { return IsSpace(c) || (c >= 0x1c && c <= 0x1f); }

}  // namespace

ClipTokenizer::ClipTokenizer(const TokenizerFiles& files)
    : byte_pairs_(files.vocab, files.merges, files.unknown),
      raw_tokens_(Patterns(files.added, /*normalized=*/false)),
      normalized_tokens_(Patterns(files.added, /*normalized=*/true)),
      window_(files.window),
      bos_(files.bos),
      eos_(files.eos),
      pad_(files.pad),
      vocab_size_(0) {
  std::unordered_map<char32_t, char> byte_of;
  for (size_t byte = 0; byte < 256; ++byte) byte_of.emplace(ByteCharacters()[byte], static_cast<char>(byte));
  for (const auto& [token, id] : files.vocab) token_bytes_[id] = TokenBytes(token, byte_of);
  for (const AddedToken& token : files.added) {
    const std::string text = token.normalized ? ToUtf8(CleanUp(DecodeUtf8(token.content))) : token.content;
    token_bytes_[token.id] = TokenBytes(text, byte_of);
  }
  for (const auto& [id, bytes] : token_bytes_) vocab_size_ = std::max(vocab_size_, id + 1);
}

std::vector<int64_t> ClipTokenizer::EncodeTokens(std::string_view text, const OwnTokens& own) const {
  std::vector<int64_t> ids;
  const auto encode_clean = [&](std::u32string_view clean) {
    for (const auto& piece : normalized_tokens_.Split(clean)) {
      if (piece.id) {
        ids.push_back(*piece.id);
      } else {
        ForEachWord(piece.text, [&](std::u32string_view word) { byte_pairs_.Encode(ToUtf8(word), ids); });
      }
    }
  };
  const std::u32string code_points = DecodeUtf8(text);
  for (const auto& raw : raw_tokens_.Split(code_points)) {
    if (raw.id) {
      ids.push_back(*raw.id);
      continue;
    }
    const std::u32string clean = CleanUp(raw.text);
    for (const OwnTokens::Piece& piece : own.Split(clean)) {
      if (piece.token) {
        own.AppendIds(*piece.token, ids);
      } else {
        encode_clean(piece.text);
      }
    }
  }
  return ids;
}

Tokenized ClipTokenizer::Encode(std::string_view text, const OwnTokens& own) const {
  const std::vector<int64_t> tokens = EncodeTokens(text, own);
  const size_t kept = std::min(tokens.size(), static_cast<size_t>(window_ - 2));
  Tokenized result{.ids = {bos_}, .token_count = static_cast<int64_t>(tokens.size()), .truncated = ""};
  result.ids.reserve(window_);
  result.ids.insert(result.ids.end(), tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(kept));
  result.ids.push_back(eos_);
  result.ids.resize(window_, pad_);
  result.truncated = Decode(std::span(tokens).subspan(kept), own);
  return result;
}

std::string ClipTokenizer::Decode(std::span<const int64_t> tokens, const OwnTokens& own) const {
  constexpr std::u32string_view kEndOfWord = U"</w>";
  std::string bytes;
  for (const int64_t id : tokens) {
    if (const std::optional<std::string_view> text = own.TextFrom(id)) {
      bytes.append(*text).append(text->empty() ? "" : "</w>");
    } else {
      bytes += token_bytes_.at(id);
    }
  }
  const std::u32string marked = DecodeUtf8(bytes);
  std::u32string text;
  for (size_t i = 0; i < marked.size();) {
    const bool is_end = std::u32string_view(marked).substr(i).starts_with(kEndOfWord);
    text.push_back(is_end ? U' ' : marked[i]);
    i += is_end ? kEndOfWord.size() : 1;
  }
  const auto first = std::find_if_not(text.begin(), text.end(), IsStripped);
  const auto last = std::find_if_not(text.rbegin(), std::make_reverse_iterator(first), IsStripped).base();
  return ToUtf8(std::u32string(first, last));
}

}  // namespace latentd::model
