#pragma once

#include <string>
#include <string_view>

namespace latentd::model {

// The code points of `text`. Bytes that are not valid UTF-8 become U+FFFD, one for each maximal part of a sequence, as
// Python's errors="replace" and every browser do (The Unicode Standard 15.0, §3.9, "U+FFFD Substitution of Maximal
// Subparts"). What comes back holds no surrogate and nothing above U+10FFFF.
std::u32string DecodeUtf8(std::string_view text);

// REQUIRES: c is a Unicode scalar value.
void AppendUtf8(char32_t c, std::string& out);

}  // namespace latentd::model
