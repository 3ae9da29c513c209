#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace latentd::model {

// A token that a prompt has beside the tokenizer's vocabulary.
struct OwnToken {
  std::string text;    // UTF-8: what stands for it in the prompt
  int64_t length = 1;  // ids that take its place; 0: it is not looked for
};

// Tokens of one prompt beside the vocabulary, as textual inversion adds them (Gal et al. 2022, arXiv:2208.01618), and
// their ids, which count on from the vocabulary's. What a token stands for are vectors of the prompt (TokenBatch).
//
//   const OwnTokens own({{.text = "<cat>", .length = 2}}, tokenizer.vocab_size());
//   tokenizer.EncodeTokens("a <cat>", own);  // a, and the ids vocab_size() and vocab_size() + 1
//
// As diffusers' maybe_convert_prompt, all ids of a token follow where its text stands. Case does not matter, as nowhere
// in CLIP's texts. A token that begins or ends with a letter, number or underscore must not touch another one there:
// "cat" is not found in "category". Where several begin at the same place, the longest counts, and of equal ones the
// first. Immutable.
class OwnTokens {
 public:
  struct Piece {
    std::u32string_view text;     // not empty
    std::optional<size_t> token;  // the number of the token that the piece is, or nothing for what stands between
  };

  OwnTokens() = default;
  OwnTokens(std::span<const OwnToken> tokens, int64_t first_id);

  // The pieces of a text that CleanUp has gone over, in order. They are views of it.
  std::vector<Piece> Split(std::u32string_view clean) const;

  void AppendIds(size_t token, std::vector<int64_t>& ids) const;

  // The number of the token that an id belongs to; nothing for ids of the vocabulary.
  std::optional<size_t> TokenOf(int64_t id) const;

  // How many ids the token has that begins with this one; 0 when none does.
  int64_t LengthFrom(int64_t id) const;

  // The text of the token that begins with an id, empty for its further ids; nothing for ids of the vocabulary.
  std::optional<std::string_view> TextFrom(int64_t id) const;

 private:
  struct Token {
    std::string text;
    std::u32string clean;
    int64_t first_id;
    int64_t length;
  };

  // The number of the token whose text stands at `at`, if any does.
  std::optional<size_t> Match(std::u32string_view clean, size_t at) const;

  std::vector<Token> tokens_;
  std::vector<size_t> longest_first_;  // numbers of those that are looked for
};

}  // namespace latentd::model
