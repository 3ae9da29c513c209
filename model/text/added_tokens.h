#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace latentd::model {

// Finds tokens that are whole texts (`<|endoftext|>`) inside a longer text: the leftmost first, and of those that begin
// at the same place the longest. Immutable, so it may be used from any thread.
class AddedTokenMatcher {
 public:
  struct Pattern {
    std::u32string text;  // not empty
    int32_t id;
  };
  struct Piece {
    std::u32string_view text;
    std::optional<int32_t> id;  // of the token that the piece is, or nothing for what stands between tokens
  };

  explicit AddedTokenMatcher(std::vector<Pattern> patterns);

  // The pieces of `text` in order, none of them empty. They are views of it.
  std::vector<Piece> Split(std::u32string_view text) const;

 private:
  // The longest pattern at the beginning of `text`, or null.
  const Pattern* Match(std::u32string_view text) const;

  std::vector<Pattern> patterns_;  // the longest first
  std::u32string first_;           // the characters that patterns begin with
};

}  // namespace latentd::model
