#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/text/added_tokens.h"
#include "model/text/bert_tokenizer_files.h"
#include "model/text/tokenized.h"

namespace latentd::model {

// BERT's tokenizer: clean-up, words, and of each word the longest pieces that the vocabulary has, from its beginning
// (WordPiece; Devlin et al. 2019, arXiv:1810.04805). The ids are those of BertTokenizer in transformers 5.23 (which is
// the tokenizers package 0.23.3).
//
//   const auto tokenizer = BertTokenizer::FromFolder(folder / "tokenizer", 77);
//   at::Tensor ids = at::tensor(tokenizer.Encode("a red apple").ids).unsqueeze(0);  // [1, 77]
//
// Immutable, so it may be used from any thread.
class BertTokenizer {
 public:
  // Throws ModelError as ReadBertTokenizerFiles does.
  static BertTokenizer FromFolder(const std::filesystem::path& folder, int64_t window) {
    return BertTokenizer(ReadBertTokenizerFiles(folder), window);
  }

  // REQUIRES: `files` is as ReadBertTokenizerFiles gives it; window is 2 or more.
  BertTokenizer(BertTokenizerFiles files, int64_t window);

  // `text` is UTF-8 of any length; bytes that are not are read as U+FFFD, which is left out.
  Tokenized Encode(std::string_view text) const;

  // All tokens of `text`, however many, without beginning, end and padding.
  std::vector<int64_t> EncodeTokens(std::string_view text) const;

  int64_t window() const { return window_; }
  int64_t cls() const { return cls_; }  // begins a window
  int64_t sep() const { return sep_; }  // ends it
  // One more than the largest id: the text model's vocab_size must be at least that.
  int64_t vocab_size() const { return vocab_size_; }

 private:
  std::u32string CleanUp(std::u32string_view text) const;
  void EncodeWord(std::u32string_view word, std::vector<int64_t>& ids) const;
  std::string Decode(const int64_t* begin, const int64_t* end) const;
  int64_t IdOf(const std::string& token) const { return files_.vocab.at(token); }

  const BertTokenizerFiles files_;
  const int64_t window_;
  const AddedTokenMatcher special_tokens_;
  const int64_t cls_;
  const int64_t sep_;
  const int64_t pad_;
  const int64_t unknown_;
  std::unordered_map<int64_t, std::string> tokens_;  // by id
  int64_t vocab_size_ = 0;
};

}  // namespace latentd::model
