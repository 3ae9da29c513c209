#pragma once

#include <string>
#include <string_view>

namespace latentd::model {

// Unicode as the reference's tokenizer sees it (the `tokenizers` package 0.23.3): utf8proc's tables, corrected by
// unicode_overrides.h. All functions take Unicode scalar values and are thread-safe.

bool IsLetter(char32_t c);  // \p{L}
bool IsNumber(char32_t c);  // \p{N}
bool IsSpace(char32_t c);   // \s: White_Space

// Lower case one character at a time, as Rust's char::to_lowercase: a final sigma becomes σ like every other, and İ two
// characters.
void AppendLowerCase(char32_t c, std::u32string& out);

// Normalisation form C, in time linear in the length but for sorting runs of combining marks.
std::u32string ComposeNfc(std::u32string_view text);

// Normalisation form D, likewise.
std::u32string DecomposeNfd(std::u32string_view text);

}  // namespace latentd::model
