#pragma once

#include <cstdint>
#include <span>

namespace latentd::model {

// Where the Unicode tables of the reference (the `tokenizers` package 0.23.3) differ from those of utf8proc 2.8.
// Prompts with such rare characters get the same tokens too. All tables are sorted; ranges include both ends.

struct CodePointRange {
  char32_t first;
  char32_t last;
};

struct LowerCaseRange {
  char32_t first;
  char32_t last;
  int32_t distance;  // lower case = upper case + distance
};

std::span<const CodePointRange> ExtraLetters();
std::span<const CodePointRange> ExtraNumbers();
std::span<const LowerCaseRange> ExtraLowerCase();

// Characters younger than the reference's NFC (Unicode 9): it neither reorders nor composes them.
std::span<const CodePointRange> NfcBarriers();

}  // namespace latentd::model
