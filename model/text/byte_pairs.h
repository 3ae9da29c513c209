#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace latentd::model {

// The characters by which byte-level vocabularies write the 256 bytes: printable Latin-1 as itself, the other 68 as
// U+0100 and up. Source: GPT-2, encoder.py, bytes_to_unicode.
const std::array<char32_t, 256>& ByteCharacters();

// Byte-pair encoding of single words, as CLIP's vocabulary is made: a word is its bytes, the last of them marked with
// "</w>"; then the pair of neighbours that stands first in the list of merges becomes one token, again and again.
//
// Reference: tokenizers 0.23.3, models/bpe/word.rs, Word::merge_all. Immutable, so it may be used from any thread.
class BytePairs {
 public:
  using Vocab = std::unordered_map<std::string, int32_t>;
  using Merges = std::vector<std::pair<std::string, std::string>>;

  // `unknown` stands for bytes that the vocabulary lacks.
  // REQUIRES: both sides of every merge, and what they make, are in `vocab`.
  BytePairs(const Vocab& vocab, const Merges& merges, int32_t unknown);

  // Appends the ids of `word`, which is not empty, to `ids`. Takes O(n log n) for n bytes.
  void Encode(std::string_view word, std::vector<int64_t>& ids) const;

 private:
  struct Merge {
    int32_t rank;
    int32_t id;
  };
  const Merge* FindMerge(int32_t left, int32_t right) const;

  std::array<int32_t, 256> inner_;  // ids of the bytes inside a word
  std::array<int32_t, 256> last_;   // and at its end
  std::unordered_map<uint64_t, Merge> merges_;
};

}  // namespace latentd::model
