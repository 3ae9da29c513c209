#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace latentd::imaging {

// Conversions of UTF-8 text for files that want something else. Bytes that are not UTF-8 become U+FFFD.

// Nothing when a character is not in Latin-1.
std::optional<std::string> Utf8ToLatin1(std::string_view text);

std::string Utf8ToUtf16BigEndian(std::string_view text);

// The first `characters` characters (code points).
std::string Utf8Prefix(std::string_view text, size_t characters);

}  // namespace latentd::imaging
