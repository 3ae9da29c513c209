#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/text/added_tokens.h"
#include "model/text/byte_pairs.h"
#include "model/text/own_tokens.h"
#include "model/text/tokenized.h"
#include "model/text/tokenizer_files.h"

namespace latentd::model {

// CLIP's tokenizer: clean-up, words, byte pairs. The ids are those of CLIPTokenizer in transformers 5.23 (which is the
// tokenizers package 0.23.3), also for texts that hold special tokens, rare Unicode or nothing at all.
//
//   const auto tokenizer = ClipTokenizer::FromFolder(folder / "tokenizer");
//   at::Tensor ids = at::tensor(tokenizer.Encode("a red apple").ids).unsqueeze(0);  // [1, 77]
//
// Immutable, so it may be used from any thread.
class ClipTokenizer {
 public:
  // Throws ModelError as ReadTokenizerFiles does.
  static ClipTokenizer FromFolder(const std::filesystem::path& folder) {
    return ClipTokenizer(ReadTokenizerFiles(folder));
  }

  // REQUIRES: `files` is as ReadTokenizerFiles gives it.
  explicit ClipTokenizer(const TokenizerFiles& files);

  // `text` is UTF-8 of any length; bytes that are not are read as U+FFFD. The ids of `own` count on from vocab_size(),
  // or from further on.
  Tokenized Encode(std::string_view text, const OwnTokens& own = {}) const;

  // All tokens of `text`, however many, without beginning, end and padding.
  std::vector<int64_t> EncodeTokens(std::string_view text, const OwnTokens& own = {}) const;

  // The text of tokens, as the reference decodes it: in lower case, with spaces between words.
  std::string Decode(std::span<const int64_t> tokens, const OwnTokens& own = {}) const;

  int64_t window() const { return window_; }
  int64_t bos() const { return bos_; }
  int64_t eos() const { return eos_; }
  int64_t pad() const { return pad_; }
  // One more than the largest id: the text model's vocab_size must be at least that.
  int64_t vocab_size() const { return vocab_size_; }

 private:
  BytePairs byte_pairs_;
  AddedTokenMatcher raw_tokens_;
  AddedTokenMatcher normalized_tokens_;
  std::unordered_map<int64_t, std::string> token_bytes_;  // id -> what it stands for
  int64_t window_;
  int64_t bos_;
  int64_t eos_;
  int64_t pad_;
  int64_t vocab_size_;
};

}  // namespace latentd::model
